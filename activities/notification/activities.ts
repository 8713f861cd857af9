// The notification activities. Temporal repeats them; a repeat carries the same Message-ID.
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Notice } from '../../workflows/contract.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { NotificationActivities, Recipient } from './contract.ts';
import { NotificationError } from './driver.ts';
import type { OpenChannel } from './index.ts';
import { findAdmins, findUsers, USER_STAGES, type Found } from './recipients.ts';
import { renderNotice } from './render.ts';
import type { Templates } from './templates.ts';
import { oneLine } from './words.ts';

export interface NotificationDependencies {
  openstack: { identity: OpenStack['identity'] };
  channels: readonly OpenChannel[];
  templates: Templates;
  admins: readonly { name: string; address: string }[];
  /** The Temporal UI's address; null: messages have no link. */
  console: string | null;
  /** For tests. */
  now?: () => Date;
}

/** Milliseconds for all channels of one delivery; the activity's own limit is longer, so that its error says which one hung. */
const DELIVERY_MS = 115_000;

export function createNotificationActivities(deps: NotificationDependencies): NotificationActivities {
  return {
    findRecipients: (notice) => findRecipients(deps, notice),
    async deliverNotice({ notice, recipient, unreachable }) {
      const { workflowNamespace, workflowType } = Context.current().info;
      const telling = {
        now: (deps.now?.() ?? new Date()).toISOString(),
        console: deps.console,
        namespace: workflowNamespace ?? 'default',
      };
      const delivery = { notice, recipient, ...(unreachable && { unreachable }) };
      const message = renderNotice(delivery, deps.templates, telling);
      if (!message) throw refused(`${recipient.address}: nothing in this notice concerns them (${workflowType})`);
      const wanting = deps.channels.filter((c) => wants(c, notice, recipient.audience));
      if (wanting.length === 0)
        throw refused(`${recipient.address}: no channel delivers ${notice.stage} (notification.channels)`);
      const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(DELIVERY_MS)]);
      const results = await Promise.allSettled(wanting.map((c) => c.channel.deliver(message, signal)));
      judge(results);
      return message.id;
    },
    readyNotification: async () => `ready, ${deps.channels.length} channels`,
  };
}

async function findRecipients(deps: NotificationDependencies, notice: Notice): Promise<Found> {
  const found: Found = { recipients: [], unreachable: [] };
  const add = (more: Found): void => {
    found.recipients.push(...more.recipients);
    found.unreachable.push(...more.unreachable);
  };
  if (deps.channels.length === 0)
    add({ recipients: [], unreachable: ['everybody: no channel (notification.channels)'] });
  const anyWants = (audience: Recipient['audience']): boolean => deps.channels.some((c) => wants(c, notice, audience));
  if (notice.audience !== 'users' && anyWants('admin')) add(findAdmins(deps.admins));
  if (notice.audience !== 'admins' && USER_STAGES.includes(notice.stage) && anyWants('user'))
    add(await findUsers(notice, deps.openstack.identity));
  return found;
}

const wants = (c: OpenChannel, notice: Notice, audience: Recipient['audience']): boolean =>
  (c.audience === 'both' || c.audience === `${audience}s`) && (c.stages?.includes(notice.stage) ?? true);

const refused = (why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(oneLine(why), 'NotificationRefused');

/** One channel that may still take it: again. One that took it and none that may: told. All refused for good: refused. */
function judge(results: readonly PromiseSettledResult<void>[]): void {
  const errors = results.filter((r) => r.status === 'rejected').map((r) => r.reason as unknown);
  if (errors.length === 0) return;
  const later = errors.find((e) => !(e instanceof NotificationError && e.permanent));
  if (later !== undefined) throw ApplicationFailure.retryable(said(later), 'NotificationFailed');
  if (errors.length === results.length) throw refused(errors.map(said).join('; '));
}

/** Only NotificationError is known to be without secrets. */
const said = (error: unknown): string =>
  error instanceof NotificationError
    ? oneLine(error.message)
    : `the channel failed: ${(error as Error)?.name ?? 'unknown'}`;
