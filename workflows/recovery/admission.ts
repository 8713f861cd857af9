// May this node be recovered now? Asked of the watch, so that answers are serial and the limits hold over all starts.
import { ActivityFailure, condition } from '@temporalio/workflow';
import type { Admission, AdmissionRequest } from '../contract.ts';
import type { RunOutcome } from '../domain.ts';
import { brief } from '../proxies.ts';
import { enter, show } from './console.ts';
import { raise, settle } from './question.ts';
import { granted, holdsBack, reached, stopped, type Run } from './run.ts';

/** Thrown to end a run early; caught by recoverNode alone, which closes it in order. */
export class Ending {
  readonly outcome: RunOutcome;
  readonly reason: string;
  constructor(outcome: RunOutcome, reason: string) {
    this.outcome = outcome;
    this.reason = reason;
  }
}

/** Ends a run that a person aborted. */
export function unlessStopped(run: Run): void {
  if (!run.stop) return;
  const reason = run.stop.reason || 'no reason given';
  throw new Ending(run.stop.outcome ?? 'aborted', stopped({ ...run.stop, reason }, true));
}

/** Waits out a pause (or a policy that forbids it); an abort ends it. */
export async function unlessHeld(run: Run): Promise<void> {
  unlessStopped(run);
  if (!holdsBack(run)) return;
  show(run);
  await condition(() => run.stop !== null || holdsBack(run) === null, '365d', { summary: `held: ${holdsBack(run)}` });
  unlessStopped(run);
}

/** Asks until granted. Fresh evidence comes with every grant. Ends the run where it is denied. */
export async function admit(run: Run): Promise<void> {
  const { askAdmission } = brief(run.cloud).monitoring;
  for (let round = 0; ; round++) {
    unlessStopped(run);
    const answer = await askAdmission
      .executeWithOptions({ summary: `may ${run.node.host} be ${run.kind === 'drain' ? 'drained' : 'recovered'}?` }, [
        requestOf(run),
      ])
      .catch((e: unknown) => refused(run, e));
    if (answer.kind === 'granted') return accept(run, answer.grant);
    if (answer.kind === 'denied') throw refusal(run, answer.gate, answer.why);
    enter(run, run.grant ? run.step : 'admission', `waits: ${answer.why}`);
    const retries = run.retries;
    await condition(() => run.stop !== null || run.retries !== retries, answer.againInMs * 2 ** Math.min(round, 3), {
      summary: `waits: ${answer.why}`,
    });
  }
}

const requestOf = (run: Run): AdmissionRequest => ({
  cloud: run.cloud,
  node: run.node.host,
  serviceId: run.node.serviceId,
  workflowId: run.workflowId,
  runId: run.runId,
  byHand: run.byHand,
  force: run.input.force ?? false,
  orphan: run.input.orphan ?? false,
  ...(run.kind === 'drain' ? { purpose: 'drain' as const } : {}),
  by: run.by,
});

/** What no repetition mends: before anything is touched the run ends, later it waits and asks again. */
function refused(run: Run, e: unknown): Admission {
  if (!(e instanceof ActivityFailure)) throw e;
  const why = e.cause?.message ?? e.message;
  if (!run.grant) return { kind: 'denied', gate: 'admission', why };
  return { kind: 'wait', gate: 'admission', why, againInMs: run.grant.policy.timings.judgeAgainMs };
}

/** Alive after all: a false alarm only where nothing was touched (L5). After an off a person should know of it. */
function refusal(run: Run, gate: string, why: string): Ending {
  if (gate !== 'alive' || (run.byHand && !run.grant)) return new Ending('denied', why);
  if (!run.offSent) return new Ending('falseAlarm', why);
  return new Ending('stoodDown', `${why}; an off may have been sent before, nothing was evacuated`);
}

function accept(run: Run, grant: NonNullable<Run['grant']>): void {
  run.grant = grant;
  run.node = grant.node;
  run.width = grant.width;
  reached(run, 'admitted');
}

/** Before the first off: evidence that is older than it may be is read anew, through the same gates. */
export async function freshEvidence(run: Run): Promise<void> {
  await unlessHeld(run);
  const age = Date.now() - Date.parse(granted(run).at);
  if (age > granted(run).policy.timings.evidenceMaxAgeMs) await admitAgain(run);
}

/** Once more through the same gates; where one of them asks now, and nobody has approved this run, a person is asked. */
export async function admitAgain(run: Run): Promise<void> {
  await admit(run);
  if (!run.approved) await approval(run);
}

/** Mode confirm: everything is prepared, then a person decides. A node that comes back meanwhile closes it by itself. */
export async function approval(run: Run): Promise<void> {
  if (granted(run).policy.mode !== 'confirm') return;
  const t = granted(run).policy.timings;
  enter(run, 'approval', 'waits for a person to approve');
  raise(run, 'approval', approvalQuestion(run), 'approval');
  for (let every = t.judgeAgainMs; !run.approved; every = Math.min(every * 2, t.judgeAgainMaxMs)) {
    const answered = await condition(() => run.approved || run.stop !== null, every, { summary: 'waits for: approve' });
    unlessStopped(run);
    if (!answered) await admit(run);
  }
  settle(run, 'approval');
  await admit(run);
}

function approvalQuestion(run: Run): Parameters<typeof raise>[2] {
  const moves = run.snapshot?.instances.filter((i) => i.decision !== 'keep').length ?? 0;
  const all = run.snapshot?.instances.length ?? 0;
  if (run.kind === 'drain') return drainQuestion(run, moves);
  return {
    what: `${run.node.host} looks dead. Fence it and evacuate ${moves} of its ${all} instances?${run.grant?.asks ? ` A limit asks you (${run.grant.asks})` : ''}`,
    answers: [
      { verb: 'approve', json: '{"by":"your name"}', means: 'power it off, prove it, evacuate' },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'leave it alone; nothing was touched' },
    ],
    commands: [
      `openstack compute service list --host ${run.node.host}`,
      `openstack server list --all-projects --host ${run.node.host}`,
    ],
  };
}

function drainQuestion({ node: { host } }: Run, moves: number): Parameters<typeof raise>[2] {
  return {
    what: `${host} is in trouble, and alive. Disable it and live-migrate ${moves} instances away?`,
    answers: [
      { verb: 'approve', json: '{"by":"your name"}', means: 'disable it in Nova and live-migrate what runs on it' },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'leave it alone; nothing was touched' },
    ],
    commands: [`openstack server list --all-projects --host ${host}`],
  };
}
