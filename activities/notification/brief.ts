// What a message says, as values instead of words: for channels that arrange it themselves (a chat, a pager, another program).
import type { Notice, Stage } from '../../workflows/contract.ts';
import type { Delivery, Recipient } from './contract.ts';
import { adminLine, userLine, type Outcome, type Told } from './instance-lines.ts';
import { adminTold, answerCommand, countsOf, lateBy, mayRead, runLink, type Telling } from './models.ts';
import { between, duration, oneLine } from './words.ts';

/** No more than this recipient may read: a tenant's has no run, no question, no report and, if the policy says so, no node. */
export interface Brief {
  stage: Stage;
  audience: Recipient['audience'];
  cloud: string;
  node: string | null;
  /** One line. For a tenant the subject of the mail. */
  headline: string;
  /** ISO 8601; `sentAt` is the moment of this try. */
  observedAt: string;
  sentAt: string;
  /** `25 min`: how much later than observed it leaves; null: in time. */
  late: string | null;
  lines: string[];
  /** `3 recovered, 1 failed`; empty where no instance is concerned. */
  counts: string;
  instances: BriefInstance[];
  question: BriefQuestion | null;
  report: { outcome: string; reason: string; took: string | null } | null;
  /** Who could not be told, for admins. */
  unreachable: string[];
  run: { workflowId: string; runId: string } | null;
  /** The run in the Temporal UI. */
  link: string | null;
  /** What a pager opens and closes: the run, or an alarm of the fleet. Null for tenants, and for what is only said. */
  incident: { id: string; over: boolean } | null;
}

export interface BriefInstance {
  id: string;
  name: string;
  /** For admins the project's id, for a tenant its name. */
  project: string;
  outcome: Outcome;
  host: string | null;
  reason: string;
  loses: string | null;
  seenAt: string | null;
  away: string | null;
}

export interface BriefQuestion {
  what: string;
  since: string;
  /** Commands that help to look. */
  commands: string[];
  /** `command`: the same as a line for a shell; null where the run is not known. */
  answers: { verb: string; means: string; json: string; command: string | null }[];
}

export function briefOf(delivery: Delivery, telling: Telling, subject: string): Brief {
  const { notice, recipient } = delivery;
  const admin = recipient.audience === 'admin';
  const common = {
    stage: notice.stage,
    audience: recipient.audience,
    cloud: notice.cloud,
    observedAt: notice.observedAt,
    sentAt: telling.now,
    late: lateBy(notice, telling),
  };
  if (!admin) {
    const told = mayRead(notice, recipient);
    const line = userLine(notice, recipient);
    return {
      ...common,
      node: notice.tellNodeNames ? notice.node : null,
      headline: subject,
      lines: [],
      counts: countsOf(told),
      instances: told.map((i) => instanceOf(i, line(i))),
      ...{ question: null, report: null, unreachable: [], run: null, link: null, incident: null },
    };
  }
  const told = adminTold(notice);
  const line = adminLine(notice);
  return {
    ...common,
    node: notice.node,
    headline: oneLine(notice.headline),
    lines: notice.lines.map(oneLine),
    counts: countsOf(told),
    instances: told.map((i) => instanceOf(i, line(i))),
    question: questionOf(notice, telling),
    report: reportOf(notice),
    unreachable: (delivery.unreachable ?? []).map(oneLine),
    run: notice.run && { workflowId: notice.run.workflowId, runId: notice.run.runId },
    link: runLink(notice, telling),
    incident: incidentOf(notice),
  };
}

type Line = ReturnType<ReturnType<typeof adminLine>>;

/** What a tenant named, and what Nova said of it, is one line here as it is in a mail. */
function instanceOf(i: Told, line: Line): BriefInstance {
  const text = (key: string): string | null => (typeof line[key] === 'string' ? oneLine(line[key]) : null);
  return {
    id: i.id,
    name: oneLine(i.name),
    project: text('project') ?? i.projectId,
    outcome: i.outcome,
    host: text('host'),
    reason: text('reason') ?? '',
    loses: text('loses'),
    seenAt: i.at,
    away: text('away'),
  };
}

function questionOf(notice: Notice, telling: Telling): BriefQuestion | null {
  const q = notice.question;
  if (!q) return null;
  return {
    what: oneLine(q.what),
    since: q.since,
    commands: q.commands.map(oneLine),
    answers: q.answers.map(({ verb, json, means }) => ({
      ...{ verb, json: oneLine(json), means: oneLine(means) },
      command: answerCommand(notice, telling, verb, json),
    })),
  };
}

function reportOf({ report }: Notice): Brief['report'] {
  if (!report) return null;
  const took = between(report.startedAt, report.endedAt);
  return {
    outcome: report.outcome,
    reason: oneLine(report.reason),
    took: took === null ? null : duration(took),
  };
}

/** All notices of one run are one incident, over when it is finished; an alarm says its own. */
function incidentOf({ incident, run, stage }: Notice): Brief['incident'] {
  if (incident !== undefined) return incident;
  return run && { id: `${run.workflowId}/${run.runId}`, over: stage === 'finished' };
}
