// What people are told of a drain, and its end: the outcome on the row, the account of every instance, the word to the watch.
import { ActivityFailure, getExternalWorkflowHandle, log, metricMeter } from '@temporalio/workflow';
import { DRAINED, marker, watchId } from '../contract.ts';
import type { RecoveryReport, RunOutcome } from '../domain.ts';
import { countOutcomes } from '../policy.ts';
import type { Ending } from '../recovery/admission.ts';
import { enter } from '../recovery/console.ts';
import { settleAs } from '../recovery/evacuate-all.ts';
import { heldBefore, nowIso, reached, type Run } from '../recovery/run.ts';
import { tell } from '../recovery/tell.ts';
import { releaseSignal } from '../verbs.ts';
import { drains } from './proxies.ts';

/** Only the admins: whose instances are moved need not do anything, and were not away. */
export async function announceDrain(run: Run, report?: RecoveryReport): Promise<void> {
  if (!run.grant) return;
  const { host } = run.node;
  const all = run.snapshot?.instances ?? [];
  const told = report?.instances ?? [...run.accounts.values()];
  const moved = told.filter((i) => i.outcome === 'moved').length;
  const begins = `${host} is disabled, and ${all.filter((i) => i.decision !== 'keep').length} of its ${all.length} instances are live-migrated`;
  const gaveWay = `${host} failed while it was drained (${run.makeWay}): ${moved} instances had moved, and its recovery begins`;
  const headline = report ? `${host}: ${report.outcome} — ${report.reason}` : run.makeWay ? gaveWay : begins;
  const name = report ? 'drained' : run.makeWay ? 'drain-made-way' : 'drain';
  const lines = [
    `Asked by ${run.by}${run.input.reason ? `: ${run.input.reason}` : ''}. Nothing is fenced: the node lives.`,
    ...(report ? [`It stays disabled. Back into service with: npm run readmit -- ${host}`] : []),
  ];
  await tell(run, name, { stage: 'drained', audience: 'admins', headline, lines, instances: told });
}

export async function closeDrain(run: Run, ending: Ending | null): Promise<RecoveryReport> {
  enter(run, 'closing', 'accounts for every instance and tells people');
  for (const key of [...run.questions.keys()]) run.questions.delete(key);
  const touched = run.stages['marked'] !== undefined;
  if (touched) leaveTheRest(run, ending?.reason ?? (run.stop ? `aborted by ${run.stop.by}` : 'not moved'));
  const trouble = touched ? await writeOutcome(run) : [];
  const report = makeReport(run, ending, trouble);
  run.report = report;
  if (touched || run.byHand) await announceDrain(run, report);
  await release(run, report);
  enter(run, 'closed', `${report.outcome}: ${report.reason}`);
  const meter = metricMeter.withTags({ cloud: run.cloud, outcome: report.outcome });
  meter.createCounter('lifeboat_drains_ended_total', '1', 'Drains that ended, by outcome').add(1);
  return report;
}

/** What was not moved when the run ended runs where it was. */
function leaveTheRest(run: Run, reason: string): void {
  const at = { host: run.node.host, at: nowIso() };
  for (const p of [...run.pending.values()])
    settleAs(run, p.plan, { outcome: 'kept', reason: `left on the node: ${p.held ?? reason}`, ...at });
  for (const plan of run.snapshot?.instances ?? [])
    if (!run.accounts.has(plan.id))
      settleAs(run, plan, { outcome: 'kept', reason: `left on the node: ${reason}`, ...at });
}

async function writeOutcome(run: Run): Promise<string[]> {
  const input = {
    ...{ node: run.node.host, serviceId: run.node.serviceId },
    marker: marker(run.runId, DRAINED, heldBefore(run)),
    before: { disabledReason: marker(run.runId, DRAINED) },
  };
  try {
    await drains(run.cloud).markDrained.executeWithOptions({ summary: 'write the outcome: drained' }, [input]);
    return [];
  } catch (e) {
    return [e instanceof ActivityFailure && e.cause instanceof Error ? e.cause.message : String(e)];
  }
}

function makeReport(run: Run, ending: Ending | null, trouble: string[]): RecoveryReport {
  const instances = [...run.accounts.values()];
  const counts = countOutcomes(instances);
  const left = counts.kept + counts.failed;
  const outcome: RunOutcome =
    ending?.outcome ?? run.stop?.outcome ?? (run.stop ? 'aborted' : left > 0 ? 'partial' : 'drained');
  const counted = Object.entries(counts).flatMap(([k, n]) => (n > 0 ? [`${n} ${k}`] : []));
  const said = ending?.reason ?? (run.stop ? `aborted by ${run.stop.by}: ${run.stop.reason}` : '');
  const accounted = run.stages['marked'] === undefined ? '' : counted.join(', ') || 'no instances';
  reached(run, 'ended');
  return {
    ...{ cloud: run.cloud, node: run.node.host, workflowId: run.workflowId, runId: run.runId, outcome },
    reason: [said, accounted, ...trouble].filter(Boolean).join('; '),
    startedAt: new Date(run.startedAt).toISOString(),
    endedAt: nowIso(),
    ...{ evidence: run.grant?.evidence ?? [], proof: null, stages: run.stages, instances, counts },
    decisions: run.decisions,
  };
}

async function release(run: Run, { outcome, reason }: RecoveryReport): Promise<void> {
  const word = { node: run.node.host, runId: run.runId, outcome, untouched: true, standDown: false, reason };
  try {
    await getExternalWorkflowHandle(watchId(run.cloud)).signal(releaseSignal, word);
  } catch (e) {
    log.warn('the watch was not told; it will see that this run is closed', { error: String(e) });
  }
}
