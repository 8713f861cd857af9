// Make sure that the node is off, and prove it (recovery.md 4). Level after level; when none proves it, a person.
// Never evacuate before the proof: two copies would write one disk.
import { ActivityFailure, CancellationScope, TimeoutFailure, condition, isCancellation } from '@temporalio/workflow';
import type { FenceResult, FencingLevelPlan } from '../../activities/fencing/contract.ts';
import type { Question } from '../contract.ts';
import type { Proof } from '../domain.ts';
import { slowly } from '../policy.ts';
import { brief, fencing } from '../proxies.ts';
import { Ending, freshEvidence, unlessStopped } from './admission.ts';
import { enter, show } from './console.ts';
import { isDetached } from './detach.ts';
import { dumpMayDelay, waitForDump } from './dump.ts';
import { insist } from './insist.ts';
import { raise, retriesHeard, settle } from './question.ts';
import { granted, reached, type Run } from './run.ts';

/**
 * Sets `run.proof`. The first fence (`again` 0) needs fresh evidence and ends the run when the node lives; a further one
 * has the run's own earlier proof and goes on also in a pause, because evacuations are open (S1 is stronger than S7). Null, or what the
 * row says instead of our marker: then nothing was sent, and it is not ours to fence again.
 */
export async function fence(run: Run, again: number): Promise<string | null> {
  const { fencingPlan } = brief(run.cloud).fencing;
  const levels = await insist(run, 'plan', `read the fence devices of ${run.node.host}`, () =>
    fencingPlan.executeWithOptions({ summary: 'which devices?' }, [run.node.host]),
  );
  run.levels = levels.map((l) => `${l.level}: ${l.devices.map((d) => d.label).join(' + ')}`);
  run.confirmed = null;
  for (let round = 0; ; round++) {
    if (again === 0) {
      await freshEvidence(run);
      enter(run, 'fencing', `makes sure that ${run.node.host} is off`);
    } else if (run.stop && (run.moving.size === 0 || isDetached(run))) return null;
    const before = run.retries;
    const proof = await tryLevels(run, levels, again);
    if (typeof proof === 'string') return proof;
    if (proof) return prove(run, proof);
    if (again === 0) unlessStopped(run);
    // A node that returned while evacuations are open is not left for long.
    await waitSlowly(run, levels, again === 0 ? round : 0, before);
  }
}

function prove(run: Run, proof: Proof): null {
  run.proof = proof;
  run.offSent = true;
  reached(run, 'fenced');
  settle(run, 'fence');
  show(run);
  return null;
}

/** After all levels failed: keep trying slowly, but at once when a person says something, or said it while they were tried. */
async function waitSlowly(run: Run, levels: FencingLevelPlan[], round: number, before: number): Promise<void> {
  if (!run.questions.has('fence') && !run.paused) raise(run, 'fence', fenceQuestion(run, levels, run.doing));
  const retries = retriesHeard(run, before);
  const paused = run.paused;
  await condition(
    () => run.confirmed !== null || run.stop !== null || run.retries !== retries || run.paused !== paused,
    slowly(granted(run).policy.timings, round),
    { summary: `cannot prove ${run.node.host} off; tries again, or: confirmFenced, retry, abort` },
  );
}

/** A proof, null where there is none, or what the row says where our marker is gone. */
async function tryLevels(run: Run, levels: FencingLevelPlan[], again: number): Promise<Proof | string | null> {
  if (levels.length === 0) run.doing = 'no fence device is configured for this node';
  const said: string[] = [];
  for (const plan of levels) {
    if (run.confirmed || isDetached(run)) break;
    let r = await tryLevel(run, plan, again);
    while (r?.kind === 'dumping') {
      await waitForDump(run, r);
      if (run.confirmed || isDetached(run)) break;
      enter(run, 'fencing', `makes sure that ${run.node.host} is off`);
      r = await tryLevel(run, plan, again);
    }
    if (r === null || r.kind === 'dumping') break;
    if (r.kind !== 'alive' && r.kind !== 'proven') run.offSent ||= r.offSent;
    if (r.kind === 'proven') return r.proof;
    if (r.kind === 'forbidden') return null;
    if (r.kind === 'markGone') return r.saw;
    if (r.kind === 'alive' && again === 0) return lives(run, r.saw);
    said.push(`${plan.level}: ${r.kind === 'unproven' ? r.why : `says off but lives (${r.saw})`}`);
    run.doing = `cannot prove it off — ${said.join('; ')}`.slice(0, 600);
    // People hear of the first level's failure while others are tried (L4).
    raise(run, 'fence', fenceQuestion(run, levels, run.doing));
  }
  return run.confirmed;
}

/** The one last look saw it alive. Untouched: a false alarm. Touched: a person should know that an off may have been sent. */
function lives(run: Run, saw: string): never {
  throw run.offSent
    ? new Ending(
        'stoodDown',
        `${run.node.host} is alive again (${saw}) after an off may have been sent; nothing was evacuated`,
      )
    : new Ending('falseAlarm', `${run.node.host} is alive: ${saw}; nothing was touched`);
}

/** Null: a person confirmed it off meanwhile. */
async function tryLevel(run: Run, plan: FencingLevelPlan, again: number): Promise<FenceResult | null> {
  const g = granted(run);
  const scope = new CancellationScope({ cancellable: true });
  run.fencingLevel = plan.level;
  const attempt = scope.run(() =>
    fencing(run.cloud, g.policy.timings).fenceLevel.executeWithOptions({ summary: `power off, level ${plan.level}` }, [
      {
        cloud: run.cloud,
        node: run.node.host,
        serviceId: run.node.serviceId,
        hostIp: run.node.hostIp,
        level: plan.level,
        updatedAt: again === 0 ? g.node.updatedAt : run.updatedAt,
        silentMs: g.silentMs + (Date.now() - Date.parse(g.at)),
        workflowId: run.workflowId,
        runId: run.runId,
        again,
        ...(again === 0 && !dumpMayDelay(run) ? { afterDump: true } : {}),
        markSeenAt: again === 0 ? null : run.markSeenAt,
        timings: g.policy.timings,
      },
    ]),
  );
  const outcome = attempt.catch((e: unknown) => unproven(e));
  try {
    const answered = (): boolean => run.confirmed !== null || isDetached(run);
    const confirmed = scope.run(() => condition(answered)).then(() => null);
    const result = await Promise.race([outcome, confirmed]);
    if (result === null && isDetached(run)) run.offSent = true;
    return result;
  } finally {
    run.fencingLevel = null;
    scope.cancel();
  }
}

/** The activity itself broke: never a proof. Unless it was never started, an off may have been sent. */
function unproven(e: unknown): FenceResult {
  if (isCancellation(e)) return { kind: 'forbidden', why: 'cancelled', offSent: true };
  const cause = e instanceof ActivityFailure ? e.cause : e;
  const neverBegan = cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
  const why = neverBegan ? 'no worker polls the fencing queue' : cause instanceof Error ? cause.message : String(cause);
  return { kind: 'unproven', offSent: !neverBegan, devices: [], why };
}

function fenceQuestion(run: Run, levels: FencingLevelPlan[], why: string): Omit<Question, 'since'> {
  return {
    what: `${run.node.host} could not be proven off: ${why.replace(/^cannot prove it off — /, '')}. Nothing is evacuated until it is.`,
    answers: [
      {
        verb: 'confirmFenced',
        json: `{"by":"your name","node":"${run.node.host}","reason":"what you saw"}`,
        means: 'only after you saw with your own eyes that its power is off',
      },
      {
        verb: 'retry',
        json: '{"by":"your name"}',
        means: 'try all fence devices again now (it also does so by itself, slowly)',
      },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'give up; nothing is evacuated' },
    ],
    commands: levels.flatMap((l) => l.devices.map((d) => d.confirmCommand)),
  };
}
