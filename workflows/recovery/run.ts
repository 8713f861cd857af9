// What one recovery knows and holds while it runs. Every piece of the procedure reads and writes this one object; queries
// and the console show it.
import { upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { Grant, OpenQuestion, Phase, Question, RecoverInput, RunState } from '../contract.ts';
import { disabledBefore, marker } from '../contract.ts';
import type { Need } from '../../activities/evacuation/contract.ts';
import type { Account, NodeView, Planned, Proof, RecoveryReport, RunOutcome, Snapshot } from '../domain.ts';

export interface Person {
  at: string;
  by: string;
  what: string;
  reason: string;
}

/** An instance that is not settled yet. */
export interface Pending {
  plan: Planned;
  need: Need;
  /** POSTs so far, over all attempts. */
  posts: number;
  tries: number;
  /** Waits for a person: why. */
  held: string | null;
  record: number | null;
  /** A record that a person named in `retry`. */
  ignoreRecord?: number;
  /** Not before this moment (ms): a pause between tries. */
  notBefore: number;
  /** Nothing was sent, so many times in a row, since then (ms). */
  refused?: { times: number; since: number; why: string } | undefined;
}

export interface Stop {
  by: string;
  reason: string;
  outcome?: RunOutcome;
}

export interface Run {
  kind: 'recovery' | 'drain';
  cloud: string;
  workflowId: string;
  runId: string;
  marker: string;
  input: RecoverInput;
  by: string;
  byHand: boolean;
  startedAt: number;
  node: NodeView;
  grant: Grant | null;
  phase: Phase;
  doing: string;
  /** Which step the run is in, whatever the phase shows (blocked, paused). */
  step: Phase;
  questions: Map<string, OpenQuestion>;
  /** How often each question was asked anew, and when last: it names the mails. */
  asked: Map<string, { times: number; at: number }>;
  paused: { by: string; reason: string; at: string } | null;
  /** Nothing new begins. `outcome`: how it then ends, where that is not `aborted`. */
  stop: Stop | null;
  /** A drain whose node is held for failed: why. A recovery takes its place. */
  makeWay: string | null;
  /** The watch's file changed: why nothing may begin now. */
  forbidden: string | null;
  approved: boolean;
  /** Bumped by `retry`: what waits slowly tries at once. */
  retries: number;
  confirmed: Proof | null;
  /** An off may have been sent: from here on the node is touched. */
  offSent: boolean;
  proof: Proof | null;
  /** A new one for each fence and guard: late signals of an older one are ignored. */
  epoch: number;
  guard: RunState['guard'];
  /** Fencing is under way: `mayFence` says yes only then. */
  fencingLevel: string | null;
  levels: string[];
  /** The node said that it writes its memory dump: until when (ms) its power-off may wait for that, all waits together. */
  dump: { until: number; waiting: boolean } | null;
  /** When the guard last read our marker on the row; null: nobody knows. */
  markSeenAt: string | null;
  /** updated_at after our last write of the row. */
  updatedAt: string | null;
  /** What it moved to since, and when that was first seen (ms). */
  rowMoved: { updatedAt: string | null; since: number } | null;
  width: number;
  /** The word of a share that the watch waits to hear kept. */
  owes: number | null;
  snapshot: Snapshot | null;
  pending: Map<string, Pending>;
  moving: Set<string>;
  accounts: Map<string, Account>;
  /** A drain's: live migrations with a higher id are this run's. */
  lastMigrationId: number;
  /** What the watch answered; undefined: nothing yet. */
  reserveGiven: { host: string; reason: string } | null | undefined;
  /** The reserved node that was enabled for this run. */
  reserve: { host: string; reason: string } | null;
  /** Credentials were refused: nothing new until a person says retry. */
  halted: string | null;
  stages: Record<string, number>;
  decisions: Person[];
  report: RecoveryReport | null;
}

export function newRun(input: RecoverInput, cloud: string, node: NodeView, kind: Run['kind'] = 'recovery'): Run {
  const { workflowId, runId, startTime } = workflowInfo();
  return {
    kind,
    cloud,
    workflowId,
    runId,
    marker: marker(runId),
    input,
    by: input.by ?? (input.automatic ? 'the monitor' : 'the Temporal UI'),
    byHand: !input.automatic,
    startedAt: startTime.getTime(),
    node,
    grant: null,
    phase: 'starting',
    doing: '',
    step: 'starting',
    questions: new Map(),
    asked: new Map(),
    paused: null,
    stop: null,
    makeWay: null,
    forbidden: null,
    approved: false,
    retries: 0,
    confirmed: null,
    offSent: false,
    proof: null,
    epoch: 0,
    guard: { seeing: 'none', at: null, saw: '' },
    fencingLevel: null,
    levels: [],
    dump: null,
    markSeenAt: null,
    updatedAt: null,
    rowMoved: null,
    width: 1,
    owes: null,
    snapshot: null,
    pending: new Map(),
    moving: new Set(),
    accounts: new Map(),
    lastMigrationId: 0,
    reserveGiven: undefined,
    reserve: null,
    halted: null,
    stages: {},
    decisions: [],
    report: null,
  };
}

/** The grant: every step after admission has one. */
export function granted(run: Run): Grant {
  if (!run.grant) throw new Error('a step after admission ran without a grant');
  return run.grant;
}

export const nowIso = (): string => new Date().toISOString();

/** Why a person had disabled the node before it was ours; the marker carries it, so that nobody but they enable it. */
export const heldBefore = (run: Run): string | null => (run.snapshot ? disabledBefore(run.snapshot.node) : null);

/** When a stage was first reached, in ms since the run's start. */
export function reached(run: Run, stage: string): void {
  run.stages[stage] ??= Date.now() - run.startedAt;
}

/** What a person decided, for the report. */
export function noteDecision(run: Run, by: string, what: string, reason = ''): void {
  run.decisions.push({ at: nowIso(), by, what, reason });
}

/** Why it ends early, for a person. */
export const stopped = ({ by, reason, outcome }: Stop, whole = false): string =>
  outcome ? reason : `aborted by ${by}${whole ? `: ${reason}` : ''}`;

/** May a new POST or off begin? Safety first: every one of these says no on its own. */
export function holdsBack(run: Run): string | null {
  if (run.stop) return stopped(run.stop);
  if (run.paused) return `paused by ${run.paused.by}`;
  if (run.forbidden) return run.forbidden;
  return null;
}

/** The same for evacuations: only while the guard reads off. */
export function holdsBackPost(run: Run): string | null {
  const held = holdsBack(run) ?? run.halted;
  if (held) return held;
  if (!run.proof) return 'the node is not proven off';
  if (run.guard.seeing !== 'off') return `the guard does not see it off (${run.guard.seeing}): ${run.guard.saw}`;
  return null;
}

export function rememberNode(run: Run): void {
  upsertMemo({ serviceId: run.node.serviceId, node: run.node.host });
}

/** The first question that is open, for `state`; the others stand in the details. */
export const firstQuestion = (run: Run): Question | null => run.questions.values().next().value?.question ?? null;

export function stateOf(run: Run): RunState {
  const unsettled = [...run.pending.values()].map((p) => ({
    id: p.plan.id,
    name: p.plan.name,
    outcome: run.moving.has(p.plan.id) ? ('moving' as const) : ('pending' as const),
    reason: p.held ?? p.plan.reason,
  }));
  return {
    kind: run.kind,
    cloud: run.cloud,
    node: run.node.host,
    phase: run.phase,
    doing: run.forbidden && !run.report ? `held: ${run.forbidden} (${run.doing})` : run.doing,
    startedAt: new Date(run.startedAt).toISOString(),
    question: firstQuestion(run),
    evidence: run.grant?.evidence ?? [],
    proof: run.proof,
    guard: run.guard,
    paused: run.paused,
    instances: [...run.accounts.values(), ...unsettled],
    stages: run.stages,
    plan: planOf(run),
    decisions: run.decisions,
    report: run.report,
  };
}

function planOf(run: Run): RunState['plan'] {
  if (!run.snapshot) return null;
  const moves = run.snapshot.instances.filter((i) => i.decision !== 'keep');
  return {
    evacuate: moves.length,
    keep: run.snapshot.instances.length - moves.length,
    projects: [...new Set(moves.map((i) => i.projectId))].sort(),
    levels: run.levels,
  };
}
