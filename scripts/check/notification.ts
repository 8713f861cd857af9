// Who would hear of an incident, and do the channels take us? Nothing is sent.
import { nameOf } from '../../activities/notification/routing.ts';
import { probe, type Probing, type Row } from './row.ts';

const part = 'notification';

export async function checkNotification(probing: Probing): Promise<Row[]> {
  const { config, source } = probing;
  const { admins, adminRole, channels } = config.notification;
  const row = (what: string, verdict: Row['verdict'], says: string, todo = ''): Row => ({
    ...{ part, what, verdict, says, todo },
  });
  const people = [
    ...admins.map((a) => a.address),
    ...(adminRole === undefined ? [] : [`who has the role ${adminRole}`]),
  ];
  const told = (rooms: string[]): Row =>
    people.length + rooms.length > 0
      ? row('admins', 'ok', [...people, ...rooms].join(', '))
      : row('admins', 'warn', 'nobody is told of a recovery that waits for a person', 'notification.admins');
  if (channels.length === 0)
    return [told([]), row('channels', 'warn', 'none: nobody is told', 'notification.channels')];
  const made = await source.get('notification').catch((error: unknown) => String(error));
  if (typeof made === 'string') return [told([]), row('channels', 'fail', made, 'docs/configuration.md, Notification')];
  const rooms = made.channels.filter((c) => c.room).map((c) => nameOf(c));
  const probed = made.channels.map((c, i) => {
    const what = `channel ${i + 1}, ${nameOf(c) === c.driver ? c.driver : `${nameOf(c)} (${c.driver})`}`;
    const todo = 'the options of this channel (docs/drivers)';
    return probe(probing, { part, what, todo }, (signal) => c.channel.probe(signal));
  });
  return [told(rooms), ...(await Promise.all(probed))];
}
