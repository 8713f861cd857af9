// The activities with people, channels and clouds as a test wants them.
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createNotificationActivities } from '../../../activities/notification/activities.ts';
import type { Message } from '../../../activities/notification/driver.ts';
import type { OpenChannel } from '../../../activities/notification/index.ts';
import type { Rules, Sources } from '../../../activities/notification/recipients.ts';
import { loadTemplates } from '../../../activities/notification/templates.ts';
import type { Identity, Person } from '../../../activities/openstack/types.ts';
import type { Notice } from '../../../workflows/contract.ts';
import { user } from './notices.ts';

const templates = loadTemplates();
export const person = (name: string, more: Partial<Person> = {}): Person => ({
  ...{ userId: `u-${name}`, name, email: `${name}@example.net`, enabled: true },
  ...more,
});

/** Keystone with these people by project. */
export const keystone = (people: Record<string, Person[]>): Identity => ({
  peopleOf: async (id) => people[id] ?? [],
  projectName: async (id) => id.replace('p-', ''),
  whoAmI: async () => ({ userId: 'u-lifeboat', userName: 'lifeboat', roles: ['admin'], projectId: null }),
});

export function channel(error?: Error, more: Partial<OpenChannel> = {}): OpenChannel & { sent: Message[] } {
  const sent: Message[] = [];
  const deliver = async (m: Message): Promise<void> => {
    if (error) throw error;
    sent.push(m);
  };
  return { driver: 'test', audience: 'both', channel: { deliver, probe: async () => 'fine' }, ...more, sent };
}

export interface Parts extends Partial<Rules> {
  identity?: Identity;
  compute?: Sources['compute'];
  channels?: OpenChannel[];
  /** Where reports are kept. */
  keep?: string;
  /** Of the activity. */
  attempt?: number;
}
export function activities({
  identity = keystone({}),
  compute,
  channels = [channel()],
  attempt = 1,
  keep,
  ...rules
}: Parts) {
  const openstack = { identity, ...(compute && { compute }) };
  const made = createNotificationActivities({
    openstack,
    channels,
    templates,
    console: null,
    keep: keep ?? null,
    admins: [],
    ...rules,
  });
  const env = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
  const run = <P, R>(activity: (input: P) => Promise<R>, input: P): Promise<R> =>
    env.run<[P], R, typeof activity>(activity, input);
  return {
    keep: (n: Notice) => run(made.keepReport, n),
    find: (n: Notice) => run(made.findRecipients, n),
    deliver: (n: Notice, recipient = user()) => run(made.deliverNotice, { notice: n, recipient }),
  };
}
