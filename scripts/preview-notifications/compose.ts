// Each message that the configuration would send of the made-up incident, as its channel would send it. Nothing is connected to.
import type { Recipient } from '../../activities/notification/contract.ts';
import type { Message, Preview } from '../../activities/notification/driver.ts';
import { openChannels, type OpenChannel } from '../../activities/notification/index.ts';
import { USER_STAGES } from '../../activities/notification/recipients.ts';
import { renderNotice } from '../../activities/notification/render.ts';
import { asRoom, nameOf, wants } from '../../activities/notification/routing.ts';
import { loadTemplates } from '../../activities/notification/templates.ts';
import type { Config } from '../../workers/config.ts';
import { scenes, TENANTS, UNREACHABLE, type Scene } from './incident.ts';

export interface Sent {
  /** Of the files, without an ending. */
  file: string;
  scene: Scene;
  channel: OpenChannel;
  recipient: Recipient;
  message: Message;
  preview: Preview;
}

/** In the order of the stages. Rejects where a channel or a template of the configuration cannot be used. */
export async function compose({ cloud, console, notification, file }: Config): Promise<Sent[]> {
  const secret = async (): Promise<string> => {
    throw new Error('a preview reads no secret');
  };
  const channels = await openChannels(notification, { secret }, file);
  const templates = loadTemplates(notification.templates);
  const [named] = notification.admins;
  const admin: Recipient = {
    ...{
      id: 'admin',
      name: named?.name ?? '',
      address: named?.address ?? 'ops@example.net',
      audience: 'admin',
      projects: [],
    },
  };
  const sent: Sent[] = [];
  for (const scene of scenes(cloud, notification.tellNodeNames)) {
    const { notice, lateMs = 4_000 } = scene;
    const now = new Date(Date.parse(notice.observedAt) + lateMs).toISOString();
    const unreachable = notice.stage === 'finished' ? UNREACHABLE : [];
    for (const channel of channels)
      for (const recipient of recipientsOf(channel, scene, admin)) {
        const delivery = { notice, recipient, unreachable };
        const message = renderNotice(delivery, templates, { now, console, namespace: 'default' });
        if (!message) continue;
        const who = channel.room ? '' : `-${recipient.audience === 'admin' ? 'admin' : recipient.name}`;
        const file = `${scene.id}-${nameOf(channel)}${who}`;
        sent.push({ file, scene, channel, recipient, message, preview: show(channel, message) });
      }
  }
  return sent;
}

function recipientsOf(channel: OpenChannel, { notice }: Scene, admin: Recipient): Recipient[] {
  const admins = notice.audience !== 'users' && wants(channel, notice, 'admin');
  const users = notice.audience !== 'admins' && USER_STAGES.includes(notice.stage) && wants(channel, notice, 'user');
  if (channel.room) return admins ? [asRoom(channel)] : [];
  return [...(admins ? [admin] : []), ...(users ? TENANTS : [])];
}

/** A driver of somebody else's may have nothing to show: then the words. */
function show({ channel }: OpenChannel, message: Message): Preview {
  const plain = (): Preview => ({ head: [['Subject', message.subject]], kind: 'text', body: message.text });
  return channel.preview?.(message) ?? plain();
}
