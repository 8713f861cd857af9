// A reserved node for this recovery: claimed of the watch, which gives each to one recovery alone, enabled before the first evacuation, and
// disabled again at the end where nothing went there. Nothing of it ever holds up a recovery: without a reserve it goes on.
import {
  ActivityFailure,
  condition,
  getExternalWorkflowHandle,
  log,
  patched,
  proxyActivities,
} from '@temporalio/workflow';
import type { ReserveActivities, ReservedNode } from '../../activities/evacuation/reserve-contract.ts';
import { taskQueues, watchId } from '../contract.ts';
import { FINAL_ERRORS } from '../proxies.ts';
import { wantReserveSignal } from '../verbs.ts';
import { enter } from './console.ts';
import { whyFailed } from './insist.ts';
import { granted, noteDecision, type Run } from './run.ts';

const reserves = (run: Run) =>
  proxyActivities<ReserveActivities>({
    taskQueue: taskQueues(run.cloud).openstack,
    startToCloseTimeout: '1m',
    heartbeatTimeout: '1m',
    retry: { maximumAttempts: 3, nonRetryableErrorTypes: FINAL_ERRORS },
  });

export async function claimReserve(run: Run): Promise<void> {
  const { policy } = granted(run);
  const moves = run.snapshot?.instances.some((i) => i.decision !== 'keep') ?? false;
  if (!policy.evacuation.reserve || !moves || run.stop || !patched('claim-reserve')) return;
  enter(run, 'evacuating', 'looks for a reserved node');
  try {
    const candidates = await reserves(run).listReserve.executeWithOptions({ summary: 'which nodes are reserved?' }, [
      { node: run.node.host, policy },
    ]);
    const claimed = await ask(run, candidates);
    if (!claimed) return noteDecision(run, 'lifeboat', 'goes on without a reserved node', 'none is free for this node');
    const { ok, why } = await reserves(run).enableReserve.executeWithOptions({ summary: `enable ${claimed.host}` }, [
      claimed,
    ]);
    if (!ok) return noteDecision(run, 'lifeboat', `goes on without the reserved node ${claimed.host}`, why);
    run.reserve = claimed;
    noteDecision(run, 'lifeboat', `enabled the reserved node ${claimed.host}`, claimed.reason);
  } catch (e) {
    if (!(e instanceof ActivityFailure)) throw e;
    noteDecision(run, 'lifeboat', 'goes on without a reserved node', whyFailed(e));
  }
}

/** The watch answers by a signal; one that is away answers nothing, and nothing waits for it. */
async function ask(run: Run, candidates: ReservedNode[]): Promise<ReservedNode | null> {
  const { workflowId, runId } = run;
  try {
    const word = { node: run.node.host, workflowId, runId, candidates };
    await getExternalWorkflowHandle(watchId(run.cloud)).signal(wantReserveSignal, word);
  } catch (e) {
    log.warn('the watch could not be asked for a reserved node', { error: String(e) });
    return null;
  }
  const { novaReadMs } = granted(run).policy.timings;
  await condition(() => run.reserveGiven !== undefined, novaReadMs, { summary: 'which reserved node is ours?' });
  return run.reserveGiven ?? null;
}

/** At the end. Answers what did not work. */
export async function giveBackReserve(run: Run): Promise<string[]> {
  if (!run.reserve) return [];
  const { host } = run.reserve;
  const timeoutMs = granted(run).policy.timings.novaReadMs;
  try {
    const r = await reserves(run).giveBackReserve.executeWithOptions({ summary: `give ${host} back, if unused` }, [
      { ...run.reserve, timeoutMs },
    ]);
    const what = r.givenBack
      ? `gave the reserved node ${host} back, unused`
      : `the reserved node ${host} stays enabled`;
    noteDecision(run, 'lifeboat', what, r.why);
    return [];
  } catch (e) {
    if (!(e instanceof ActivityFailure)) throw e;
    return [`the reserved node ${host} may still be enabled: ${whyFailed(e)}`];
  }
}
