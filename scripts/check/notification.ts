// Who would hear of an incident, and does the mail server take us? Nothing is sent.
import { probe, type Probing, type Row } from './row.ts';

const part = 'notification';

export async function checkNotification(probing: Probing): Promise<Row[]> {
  const { config, source } = probing;
  const { admins, channels } = config.notification;
  const row = (what: string, verdict: Row['verdict'], says: string, todo = ''): Row => ({
    ...{ part, what, verdict, says, todo },
  });
  const rows = [
    admins.length > 0
      ? row('admins', 'ok', admins.map((a) => a.address).join(', '))
      : row('admins', 'warn', 'nobody is told of a recovery that waits for a person', 'notification.admins'),
  ];
  if (channels.length === 0) return [...rows, row('channels', 'warn', 'none: nobody is told', 'notification.channels')];
  const todo = 'host, port, tls, username and password of this channel';
  const made = await source.get('notification').catch((error: unknown) => String(error));
  if (typeof made === 'string') return [...rows, row('channels', 'fail', made, 'docs/configuration.md, Notification')];
  const probed = made.channels.map(({ driver, channel }, i) =>
    probe(probing, { part, what: `channel ${i + 1}, ${driver}`, todo }, (signal) => channel.probe(signal)),
  );
  return [...rows, ...(await Promise.all(probed))];
}
