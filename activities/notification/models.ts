// What the templates may print. Everything is made into words here; the templates only arrange it.
import type { Notice } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { Delivery, Recipient } from './contract.ts';
import { adminLine, group, ORDER, OUTCOME_WORDS, userLine, type Told } from './instance-lines.ts';
import type { Model } from './template.ts';
import { between, duration, moment, shellQuote } from './words.ts';

/** Said to be late when it leaves more than this after what it tells was observed (ms). */
const LATE_MS = 10 * 60_000;

export interface Telling {
  /** Now, as ISO 8601. */
  now: string;
  /** The Temporal UI's address, without a slash at its end; null: no link. */
  console: string | null;
  namespace: string;
}

/** A run's stages as its people read them. */
const STAGE_WORDS: Record<string, string> = {
  admitted: 'the gates were passed',
  fenced: 'proven off',
  marked: 'disabled and forced down in Nova',
  told: 'people were told',
  firstEvacuation: 'the first evacuation',
  evacuated: 'the last instance was settled',
  ended: 'the report was made',
};

/** Only the recipient's own projects' instances, or those that are theirs alone. */
export const mayRead = (notice: Notice, recipient: Recipient): Told[] =>
  recipient.audience === 'admin'
    ? notice.instances
    : notice.instances.filter(
        (i) => recipient.projects.includes(i.projectId) || recipient.instances?.includes(i.id) === true,
      );

export const adminTold = (notice: Notice): Told[] =>
  notice.instances.length > 0 ? notice.instances : (notice.report?.instances ?? []);

/** `25 min`, or null where it leaves in time. */
export function lateBy(notice: Notice, telling: Telling): string | null {
  const age = between(notice.observedAt, telling.now) ?? 0;
  return age > LATE_MS ? duration(age) : null;
}

/** `1 failed, 3 recovered`. */
export const countsOf = (told: readonly Told[]): string =>
  ORDER.map((outcome) => ({ outcome, n: told.filter((i) => i.outcome === outcome).length }))
    .filter(({ n }) => n > 0)
    .map(({ outcome, n }) => `${n} ${OUTCOME_WORDS[outcome].title.split(':')[0]!.toLowerCase()}`)
    .join(', ');

function frame(notice: Notice, recipient: Recipient, telling: Telling): Model {
  return {
    cloud: notice.cloud,
    recipient: recipient.name || recipient.address,
    observedAt: moment(notice.observedAt),
    since: notice.since && moment(notice.since),
    late: lateBy(notice, telling),
    sentAt: moment(telling.now),
  };
}

/** For a tenant: no headline, lines, question or report of the notice, since these are written for admins. */
export function userModel(notice: Notice, recipient: Recipient, telling: Telling): Model {
  const told = mayRead(notice, recipient);
  const line = userLine(notice, recipient);
  const groups = Object.fromEntries(ORDER.map((outcome) => [outcome, group(told, outcome, line)]));
  const back = told.filter((i) => i.outcome === 'recovered');
  return {
    ...frame(notice, recipient, telling),
    ...groups,
    node: notice.tellNodeNames ? notice.node : null,
    count: told.length,
    backCount: back.length,
    single: told.length === 1 ? { name: told[0]!.name } : null,
    allBack: back.length === told.length,
    losses: told.some((i) => i.loses),
    open: told.some((i) => i.outcome === 'waiting' || i.outcome === 'moving'),
  };
}

/** `attached`: what the message says of the files beside it. */
export function adminModel({ notice, recipient, unreachable }: Delivery, telling: Telling, attached = ''): Model {
  const told = adminTold(notice);
  const groups = ORDER.map((outcome) => group(told, outcome, adminLine(notice))).filter((g) => g !== null);
  return {
    ...frame(notice, recipient, telling),
    headline: notice.headline,
    node: notice.node,
    lines: notice.lines,
    question: question(notice, telling),
    counts: countsOf(told),
    groups,
    report: notice.report && { ...reportModel(notice.report), attached },
    unreachable: unreachable && unreachable.length > 0 ? { people: unreachable } : null,
    link: runLink(notice, telling),
    run: notice.run && { workflowId: notice.run.workflowId, runId: notice.run.runId },
  };
}

/** `temporal` answers this very run: an answer that comes late must not reach the node's next one. Null where it is not known. */
export function answerCommand({ run }: Notice, { namespace }: Telling, verb: string, json: string): string | null {
  if (!run) return null;
  return ['temporal', 'workflow', 'update', 'execute', '--namespace', namespace, '--workflow-id', run.workflowId]
    .concat('--run-id', run.runId, '--name', verb, '--input', json)
    .map(shellQuote)
    .join(' ');
}

function question(notice: Notice, telling: Telling): Model | null {
  const q = notice.question;
  if (!q) return null;
  return {
    what: q.what,
    since: moment(q.since),
    answers: q.answers.map((a) => ({ ...a, command: answerCommand(notice, telling, a.verb, a.json) })),
    look: q.commands.length > 0 ? { commands: q.commands } : null,
  };
}

function reportModel(r: RecoveryReport): Model {
  const took = between(r.startedAt, r.endedAt);
  const { proof } = r;
  return {
    outcome: r.outcome,
    reason: r.reason,
    startedAt: moment(r.startedAt),
    endedAt: moment(r.endedAt),
    took: took === null ? null : duration(took),
    counts: Object.entries(r.counts).map(([outcome, n]) => ({
      n: String(n),
      word: outcome,
      colour: OUTCOME_WORDS[outcome as keyof typeof r.counts].colour,
    })),
    timeline: Object.entries(r.stages)
      .sort(([, a], [, b]) => a - b)
      .map(([stage, ms]) => ({
        stage: STAGE_WORDS[stage] ?? stage,
        after: duration(ms),
        at: moment(after(r.startedAt, ms)),
      })),
    evidence: r.evidence.map((e) => ({ ...e, readAt: moment(e.readAt) })),
    proof: proof && {
      ...proof,
      devices: proof.devices.join(', '),
      readAt: moment(proof.readAt),
      by: proof.by ?? null,
      reason: proof.reason ?? null,
    },
    decisions: r.decisions.length > 0 ? { made: r.decisions.map((d) => ({ ...d, at: moment(d.at) })) } : null,
  };
}

const after = (iso: string, ms: number): string => {
  const t = Date.parse(iso);
  return Number.isNaN(t) ? iso : new Date(t + ms).toISOString();
};

export function runLink({ run }: Notice, { console, namespace }: Telling): string | null {
  if (!run || !console) return null;
  const path = ['namespaces', namespace, 'workflows', run.workflowId, run.runId, 'history'];
  return `${console.replace(/\/+$/, '')}/${path.map(encodeURIComponent).join('/')}`;
}
