// The notification activities. Temporal repeats them; a repeat carries the same Message-ID.
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Notice } from '../../workflows/contract.ts';
import type { Identity } from '../openstack/types.ts';
import type { NotificationActivities, Recipient } from './contract.ts';
import { isNotificationError } from './driver.ts';
import type { OpenChannel } from './index.ts';
import { findAdmins, findUsers, USER_STAGES, type Found, type Rules, type Sources } from './recipients.ts';
import type { Telling } from './models.ts';
import { documentOf } from './report/attach.ts';
import type { ReportDocument } from './report/document.ts';
import { withHistory } from './report/from-history.ts';
import { keepReport } from './report/keep.ts';
import { renderNotice } from './render.ts';
import { asRoom, serves, wants } from './routing.ts';
import type { Templates } from './templates.ts';
import { oneLine } from './words.ts';

export interface NotificationDependencies extends Rules {
  openstack: { identity: Identity; compute?: Sources['compute'] };
  channels: readonly OpenChannel[];
  templates: Templates;
  /** The Temporal UI's address; null: messages have no link. */
  console: string | null;
  /** A folder; null: reports are not kept. */
  keep?: string | null;
  /** For tests. */
  now?: () => Date;
}

/** Milliseconds for all channels of one delivery; the activity's own limit is longer, so that its error says which one hung. */
const DELIVERY_MS = 115_000;
/** A report is sent without what its history adds where that does not come in time. */
const HISTORY_MS = 15_000;
const DOCUMENTS = 4;
const MAX_WAIT_MS = 3_600_000;

export function createNotificationActivities(deps: NotificationDependencies): NotificationActivities {
  const documents = rememberDocuments();
  return {
    findRecipients: (notice) => findRecipients(deps, notice),
    async deliverNotice({ notice, recipient, unreachable }) {
      const { workflowType } = Context.current().info;
      const telling = tellingOf(deps);
      const delivery = { notice, recipient, ...(unreachable && { unreachable }) };
      const began = performance.now();
      const document = recipient.audience === 'admin' ? await documents.of(notice, telling) : null;
      const message = renderNotice(delivery, deps.templates, telling, document);
      if (!message) throw refused(`${recipient.address}: nothing in this notice concerns them (${workflowType})`);
      const wanting = deps.channels.filter((c) => serves(c, recipient) && wants(c, notice, recipient.audience));
      if (wanting.length === 0)
        throw refused(`${recipient.address}: no channel delivers ${notice.stage} (notification.channels)`);
      const signal = AbortSignal.any([
        Context.current().cancellationSignal,
        AbortSignal.timeout(Math.round(DELIVERY_MS - (performance.now() - began))),
      ]);
      const results = await Promise.allSettled(wanting.map((c) => c.channel.deliver(message, signal)));
      judge(results);
      return message.id;
    },
    async keepReport(notice) {
      const document = deps.keep ? await documents.of(notice, tellingOf(deps)) : null;
      if (!deps.keep || !document) return null;
      return keepReport(deps.keep, document).catch((error: NodeJS.ErrnoException) => {
        const why = error.code ?? error.name;
        throw ApplicationFailure.create({
          message: `report ${document.runId}: it cannot be kept in ${deps.keep}: ${why}`,
          type: 'ReportNotKept',
        });
      });
    },
    readyNotification: async () => `ready, ${deps.channels.length} channels`,
  };
}

/** Each admin's mail and the folder want the same one, and the history of a large run is megabytes. */
function rememberDocuments(): { of(notice: Notice, telling: Telling): Promise<ReportDocument | null> } {
  const made = new Map<string, Promise<ReportDocument>>();
  return {
    of: (notice, telling) => {
      if (!notice.report) return Promise.resolve(null);
      const key = `${notice.report.runId} ${notice.key}`;
      const before = made.get(key);
      const document =
        before ?? withHistory(() => Context.current().client, documentOf(notice, notice.report, telling), HISTORY_MS);
      made.set(key, document);
      if (made.size > DOCUMENTS) made.delete(made.keys().next().value!);
      return document;
    },
  };
}

const tellingOf = (deps: NotificationDependencies): Telling => ({
  now: (deps.now?.() ?? new Date()).toISOString(),
  console: deps.console,
  namespace: Context.current().info.workflowNamespace ?? 'default',
});

async function findRecipients(deps: NotificationDependencies, notice: Notice): Promise<Found> {
  const found: Found = { recipients: [], unreachable: [] };
  const add = (more: Found): void => {
    found.recipients.push(...more.recipients);
    found.unreachable.push(...more.unreachable);
  };
  if (deps.channels.length === 0)
    add({ recipients: [], unreachable: ['everybody: no channel (notification.channels)'] });
  const anyWants = (audience: Recipient['audience']): boolean =>
    deps.channels.some((c) => !c.room && wants(c, notice, audience));
  if (notice.audience !== 'users') {
    // Each is a recipient of its own, so that one that is down repeats nothing to the others.
    add({ recipients: deps.channels.filter((c) => c.room && wants(c, notice, 'admin')).map(asRoom), unreachable: [] });
    if (anyWants('admin')) add(await findAllAdmins(deps, found.recipients.length > 0));
  }
  if (notice.audience !== 'admins' && USER_STAGES.includes(notice.stage) && anyWants('user'))
    add(await findUsers(notice, deps, { identity: deps.openstack.identity, compute: deps.openstack.compute }));
  return found;
}

/** A Keystone that does not answer keeps nobody from being told who stands in the configuration: after three tries without the role. */
async function findAllAdmins(deps: NotificationDependencies, roomsThere: boolean): Promise<Found> {
  try {
    return await findAdmins(deps, deps.openstack.identity);
  } catch (error) {
    if (Context.current().info.attempt < 3 || (deps.admins.length === 0 && !roomsThere)) throw error;
    const { recipients, unreachable } = await findAdmins({ ...deps, adminRole: undefined }, deps.openstack.identity);
    const unknown = `admins by role ${deps.adminRole}: Keystone does not say who they are`;
    return { recipients, unreachable: deps.admins.length > 0 ? [...unreachable, unknown] : [unknown] };
  }
}

const refused = (why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(oneLine(why), 'NotificationRefused');

/** One channel that may still take it: again. One that took it and none that may: told. All refused for good: refused. */
function judge(results: readonly PromiseSettledResult<void>[]): void {
  const errors = results.filter((r) => r.status === 'rejected').map((r) => r.reason as unknown);
  if (errors.length === 0) return;
  const later = errors.find((e) => !(isNotificationError(e) && e.permanent));
  if (later !== undefined) throw again(later, errors);
  if (errors.length === results.length) throw refused(errors.map(said).join('; '));
}

/** The next try waits as long as the other side asked for, at most an hour: a day is all that there is. */
function again(error: unknown, all: readonly unknown[]): ApplicationFailure {
  const asked = all.map((e) => (isNotificationError(e) ? (e.retryAfterMs ?? 0) : 0));
  const wait = Math.min(Math.max(...asked), MAX_WAIT_MS);
  return ApplicationFailure.create({
    message: said(error),
    type: 'NotificationFailed',
    nonRetryable: false,
    ...(wait > 0 && { nextRetryDelay: wait }),
  });
}

/** Only NotificationError is known to be without secrets. */
const said = (error: unknown): string =>
  isNotificationError(error) ? oneLine(error.message) : `the channel failed: ${(error as Error)?.name ?? 'unknown'}`;
