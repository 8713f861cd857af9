// Tells people: a workflow of its own, started abandoned by a run for each stage. It may take a day and delays nothing.
// It completes also when some could not be told: its result names them.
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { NotificationActivities, Recipient } from '../activities/notification/contract.ts';
import { taskQueues, type Notice } from './contract.ts';

export interface Told {
  /** Addresses whose channels took the message. */
  delivered: string[];
  refused: { address: string; why: string }[];
  /** People without an address, projects without people. */
  unreachable: string[];
}

const s = 1_000;
const min = 60 * s;
const day = 24 * 60 * min;

/** First tries at once. A try that fails leaves its place: a mail server that is down for some delays no others. */
const WIDTH = 10;
/** Recipients that are tried again and again at once; the server allows 2,000 open activities. */
const PATIENT_WIDTH = 500;
/** The admins' report waits so long for the list of people who cannot be told. */
const REPORT_WAIT = 2 * min;

const BACKOFF = { initialInterval: 5 * s, backoffCoefficient: 2, maximumInterval: 10 * min };

export async function tellPeople(notice: Notice): Promise<Told> {
  const told: Told = { delivered: [], refused: [], unreachable: [] };
  const until = Date.now() + day;
  const show = details(notice, told);
  show();
  // Beside the messages: a folder that is full or away delays nobody.
  const kept = notice.report && patched('keep-report') ? keep(notice, until) : Promise.resolve();
  if (notice.audience !== 'both') await tellAudience(notice, told, until, show);
  else {
    // Apart: admins hear of it also while Keystone, which knows the users, does not answer.
    let searched = false;
    const admins = async (): Promise<void> => {
      if (notice.stage === 'finished')
        await condition(() => searched, REPORT_WAIT, { summary: 'who cannot be told stands in the report' });
      await tellAudience({ ...notice, audience: 'admins' }, told, until, show);
    };
    const users = tellAudience({ ...notice, audience: 'users' }, told, until, show, () => (searched = true));
    await Promise.all([users, admins()]);
  }
  await kept;
  show();
  return told;
}

/** The report in the folder that the notification worker's file names. Whoever cannot write it has said so in its log. */
async function keep(notice: Notice, until: number): Promise<void> {
  const { keepReport } = proxyActivities<NotificationActivities>({
    ...within(notice, until),
    startToCloseTimeout: 1 * min,
    retry: BACKOFF,
    summary: 'keeps the report where the configuration says so',
  });
  await keepReport({ ...notice, instances: [], lines: [], question: null }).catch((error: unknown) => {
    if (isCancellation(error)) throw error;
    log.error('the report was not kept', { why: String(causeOf(error)) });
  });
}

async function tellAudience(
  notice: Notice,
  told: Told,
  until: number,
  show: () => void,
  searched?: () => void,
): Promise<void> {
  const found = await findRecipients(notice, until).catch((error: unknown) => {
    told.refused.push({ address: `(all ${notice.audience})`, why: whyOf(error) });
    return { recipients: [], unreachable: [] };
  });
  told.unreachable.push(...found.unreachable);
  searched?.();
  show();

  const later: Recipient[] = [];
  await inLanes(found.recipients, WIDTH, async (recipient) => {
    const failed = await deliver(notice, told, recipient, { until, patient: false });
    if (failed) later.push(recipient);
    show();
  });
  await inLanes(later, PATIENT_WIDTH, async (recipient) => {
    await deliver(notice, told, recipient, { until, patient: true });
    show();
  });
}

function findRecipients(notice: Notice, until: number): ReturnType<NotificationActivities['findRecipients']> {
  const { findRecipients: find } = proxyActivities<NotificationActivities>({
    ...within(notice, until),
    startToCloseTimeout: 2 * min,
    retry: BACKOFF,
    summary: `who is told: ${notice.audience}`,
  });
  // Only what the search needs: the report of a large node stands in the history often enough.
  return find({ ...notice, report: null, lines: [], question: null });
}

/** True: not taken, and another try may succeed. */
async function deliver(
  notice: Notice,
  told: Told,
  recipient: Recipient,
  how: { until: number; patient: boolean },
): Promise<boolean> {
  const { deliverNotice } = proxyActivities<NotificationActivities>({
    ...within(notice, how.until),
    startToCloseTimeout: 2 * min,
    retry: how.patient ? BACKOFF : { maximumAttempts: 1 },
    summary: `${how.patient ? 'again: ' : ''}${recipient.channel === undefined ? 'mail' : 'message'} to ${recipient.address}`,
  });
  try {
    const forAdmin = recipient.audience === 'admin' && { unreachable: told.unreachable };
    await deliverNotice({ notice: forRecipient(notice, recipient), recipient, ...forAdmin });
    told.delivered.push(recipient.address);
    return false;
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (!how.patient && !isFinal(error) && Date.now() < how.until) return true;
    told.refused.push({ address: recipient.address, why: whyOf(error) });
    return false;
  }
}

/**
 * A tenant's message is made of a notice that holds nothing else: no other project's instances, nothing for admins. It also
 * keeps the history small where a project has hundreds of people.
 */
function forRecipient(notice: Notice, recipient: Recipient): Notice {
  if (recipient.audience === 'admin') return notice;
  const instances = notice.instances.filter(
    (i) => recipient.projects.includes(i.projectId) || recipient.instances?.includes(i.id) === true,
  );
  return { ...notice, instances, headline: '', lines: [], question: null, report: null, run: null };
}

const within = (
  notice: Notice,
  until: number,
): Pick<ActivityOptions, 'taskQueue' | 'scheduleToCloseTimeout' | 'heartbeatTimeout'> => ({
  taskQueue: taskQueues(notice.cloud).notification,
  heartbeatTimeout: '5s',
  scheduleToCloseTimeout: Math.max(1 * min, until - Date.now()),
});

async function inLanes<T>(items: readonly T[], width: number, each: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await each(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}

const causeOf = (error: unknown): unknown => (error instanceof ActivityFailure ? error.cause : error);

function isFinal(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

function whyOf(error: unknown): string {
  if (isCancellation(error)) throw error;
  const cause = causeOf(error);
  const said = cause instanceof Error ? cause.message : String(cause);
  return isFinal(error) ? said : `gave up after a day: ${said}`;
}

/** A small table for the Temporal UI: totals, and those who need a person's attention. */
function details({ stage, audience, node, cloud }: Notice, told: Told): () => void {
  const cell = (text: string): string => text.replace(/[|\r\n]+/g, ' ').slice(0, 120);
  return () => {
    const rows = [
      ...told.refused.map((r) => `| ${cell(r.address)} | not told: ${cell(r.why)} |`),
      ...told.unreachable.map((u) => `| ${cell(u)} | nobody to write to |`),
    ];
    const shown = rows.slice(0, 40);
    if (rows.length > shown.length) shown.push(`| … | ${rows.length - shown.length} more |`);
    const head = `**${stage}** of ${node ?? cloud}, for ${audience}: ${told.delivered.length} told, ${told.refused.length} refused`;
    setCurrentDetails(shown.length === 0 ? head : [head, '', '| who | what |', '| --- | --- |', ...shown].join('\n'));
  };
}
