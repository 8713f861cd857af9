// The end of a run, however it came: locks lifted, outcome written, people told, the place given back. Nothing here can fail
// the run: what does not work is said in the report.
import {
  ActivityFailure,
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  log,
} from '@temporalio/workflow';
import { marker, readMarker, watchId, type Notice } from '../contract.ts';
import type { Account, Planned, RecoveryReport, RunOutcome } from '../domain.ts';
import { countOutcomes, outcomeOf } from '../policy.ts';
import { brief } from '../proxies.ts';
import { releaseSignal } from '../verbs.ts';
import type { Ending } from './admission.ts';
import { enter, show } from './console.ts';
import { isDetached, lastPermissions } from './detach.ts';
import { settleAs } from './evacuate-all.ts';
import { measure } from './measure.ts';
import { giveBackReserve } from './reserve.ts';
import { granted, heldBefore, nowIso, reached, stopped, type Run } from './run.ts';
import { tell } from './tell.ts';

export async function close(run: Run, ending: Ending | null): Promise<RecoveryReport> {
  enter(run, 'closing', 'accounts for every instance and tells people');
  for (const key of [...run.questions.keys()]) run.questions.delete(key);
  leaveTheRest(run, ending?.reason ?? (run.stop ? stopped(run.stop) : 'not moved'));
  const trouble = [...(await tidy(run, ending)), ...(await giveBackReserve(run))];
  const report = makeReport(run, ending, trouble);
  run.report = report;
  if (run.grant) await announce(run, report);
  await release(run, report);
  run.phase = 'closing';
  enter(run, 'closed', `${report.outcome}: ${report.reason}`);
  measure(report);
  return report;
}

/** Only of a run that a person detached: any other has watched it to its end. */
const ON_ITS_WAY = 'Nova was asked to move it, and nobody watches what comes of it';

/** What was not moved when the run ended still stands in the account (S6), where the node was touched. */
function leaveTheRest(run: Run, reason: string): void {
  const left = (plan: Planned, why: string): void =>
    settleAs(run, plan, { outcome: 'waiting', reason: `left on the node: ${why}`, host: null, at: nowIso() });
  for (const p of [...run.pending.values()]) left(p.plan, p.held ?? (run.moving.has(p.plan.id) ? ON_ITS_WAY : reason));
  if (run.stages['marked'] === undefined) return;
  for (const plan of run.snapshot?.instances ?? []) if (!run.accounts.has(plan.id)) left(plan, reason);
}

/** Locks and the marker, only where we touched the node. Answers what did not work. */
async function tidy(run: Run, ending: Ending | null): Promise<string[]> {
  if (run.updatedAt === null && run.stages['marked'] === undefined) return [];
  if (!isDetached(run)) return putBack(run, ending);
  await lastPermissions(run);
  // Who takes it over does not wait for a Nova that is away.
  return CancellationScope.withTimeout(2 * granted(run).policy.timings.novaPostMs, () => putBack(run, ending));
}

async function putBack(run: Run, ending: Ending | null): Promise<string[]> {
  const { openstack } = brief(run.cloud);
  const trouble: string[] = [];
  try {
    const { left } = await openstack.liftLocks.executeWithOptions({ summary: 'lift our locks' }, [
      { marker: run.marker, instances: [...run.accounts.keys()], ...(isOrphan(run) ? { after: run.node.host } : {}) },
    ]);
    trouble.push(...left.map((l) => `instance ${l.id} is still locked by us: ${l.why}`));
    const outcome = ending?.outcome ?? outcomeOfRun(run);
    const mark = marker(run.runId, outcome, heldBefore(run));
    await openstack.markNode.executeWithOptions({ summary: `write the outcome: ${outcome}` }, [
      { serviceId: run.node.serviceId, node: run.node.host, marker: mark, forcedDown: true },
    ]);
  } catch (e) {
    if (isCancellation(e)) trouble.push(`Nova did not answer: locks of ${run.marker} and its marker may be left`);
    else trouble.push(e instanceof ActivityFailure && e.cause instanceof Error ? e.cause.message : String(e));
  }
  return trouble;
}

/** Taken up from a run that was terminated, or whose history was lost: nobody else lifts what that one locked. */
function isOrphan(run: Run): boolean {
  const before = readMarker(run.snapshot?.node.disabledReason ?? null);
  return before !== null && before.outcome === null;
}

function outcomeOfRun(run: Run): RunOutcome {
  if (run.stop) return run.stop.outcome ?? 'aborted';
  return outcomeOf(countOutcomes([...run.accounts.values()]));
}

function makeReport(run: Run, ending: Ending | null, trouble: string[]): RecoveryReport {
  const instances: Account[] = [...run.accounts.values()];
  const counts = countOutcomes(instances);
  const outcome = ending?.outcome ?? outcomeOfRun(run);
  const counted = Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([k, n]) => `${n} ${k}`)
    .join(', ');
  const said = ending?.reason ?? (run.stop ? stopped(run.stop, true) : '');
  reached(run, 'ended');
  return {
    cloud: run.cloud,
    node: run.node.host,
    workflowId: run.workflowId,
    runId: run.runId,
    outcome,
    reason: [said, run.proof ? counted || 'no instances' : '', ...trouble].filter(Boolean).join('; '),
    startedAt: new Date(run.startedAt).toISOString(),
    endedAt: nowIso(),
    evidence: run.grant?.evidence ?? [],
    proof: run.proof,
    stages: run.stages,
    instances,
    counts,
    decisions: run.decisions,
  };
}

async function announce(run: Run, report: RecoveryReport): Promise<void> {
  const touched = run.stages['marked'] !== undefined;
  const audience: Notice['audience'] = touched && report.instances.length > 0 ? 'both' : 'admins';
  const told = report.outcome === 'falseAlarm' && run.stages['told'] === undefined ? 'admins' : audience;
  await tell(run, 'finished', {
    stage: 'finished',
    audience: told,
    headline: `${run.node.host}: ${report.outcome} — ${report.reason}`,
    instances: report.instances,
    report,
  });
}

async function release(run: Run, report: RecoveryReport): Promise<void> {
  const untouched = !run.offSent;
  try {
    await getExternalWorkflowHandle(watchId(run.cloud)).signal(releaseSignal, {
      node: run.node.host,
      runId: run.runId,
      outcome: report.outcome,
      untouched,
      // Without our mark on its row nothing else would keep the next sweep from starting it again.
      standDown: ['aborted', 'detached'].includes(report.outcome) && run.stages['marked'] === undefined,
      reason: report.reason,
    });
  } catch (e) {
    log.warn('the watch was not told; it will see that this run is closed', { error: String(e) });
  }
  show(run);
}
