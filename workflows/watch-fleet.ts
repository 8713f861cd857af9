// One per cloud, for ever: sweep → judge → one recoverNode per failed node. Its handlers admit every start, also those by
// hand, one after the other, so that the limits hold over all of them. Watching costs no history: one long activity.
import {
  ActivityFailure,
  TimeoutFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Finding, SweepResult } from '../activities/monitoring/contract.ts';
import type { WatchInput } from './contract.ts';
import { sweeping } from './proxies.ts';
import { alarm, endAlarm, resumeGathered } from './watch/alarms.ts';
import { installWatchHandlers } from './watch/handlers.ts';
import { judgeDegraded } from './watch/judge-degraded.ts';
import { closed, forget, judgeFailed, startOrphan } from './watch/judge-failed.ts';
import { placeFreed } from './watch/width.ts';
import { keptOf, openWatch, showWatch, type Watch } from './watch/state.ts';

/** Continue as new well before Temporal suggests it: the state is small. */
const HISTORY = 4_000;
/** A fleet where nothing happens ends no sweep; what probes and people say meanwhile must not grow into the server's limit. */
const AT_LEAST_EVERY_MS = 86_400_000;

export async function watchFleet(input: WatchInput): Promise<void> {
  const watch = openWatch(input);
  installWatchHandlers(watch);
  resumeGathered(watch);
  let silent = 0;
  while (workflowInfo().historyLength < HISTORY && !workflowInfo().continueAsNewSuggested) {
    const { policyHash } = watch.config;
    const result = await sweepOnce(watch);
    silent = result ? 0 : silent + 1;
    if (result) await digest(watch, result, policyHash);
    else await noMonitor(watch, silent);
    showWatch(watch);
  }
  await condition(() => allHandlersFinished() && watch.saying === 0);
  await continueAsNew<typeof watchFleet>({ ...input, ...watch.config, kept: keptOf(watch) });
}

/** Null: no monitor worker took it. */
async function sweepOnce(watch: Watch): Promise<SweepResult | null> {
  try {
    return await sweeping(watch.cloud).sweepFleet.executeWithOptions({ summary: 'sweeps all nodes' }, [
      {
        policy: watch.config.policy,
        policyHash: watch.config.policyHash,
        cloud: watch.cloud,
        open: [...watch.open.values()].map(({ node, workflowId, runId }) => ({ node, workflowId, runId })),
        drains: [...watch.drains.values()].map(({ node, workflowId, runId }) => ({ node, workflowId, runId })),
        known: [...watch.known],
        wakeInMs: watch.wakeInMs ?? AT_LEAST_EVERY_MS,
        carried: watch.carry,
      },
    ]);
  } catch (e) {
    if (e instanceof ActivityFailure && e.cause instanceof TimeoutFailure) return null;
    if (!(e instanceof ActivityFailure)) throw e;
    await alarm(watch, 'sweep', `the sweep fails: ${e.cause?.message ?? e.message}`);
    return null;
  }
}

/** The dead man's switch: alarm once, then wait longer each time. */
async function noMonitor(watch: Watch, times: number): Promise<void> {
  await alarm(
    watch,
    'noMonitor',
    `no monitor worker sweeps the cloud ${watch.cloud}: nobody watches its nodes (start one: npm start -- --role monitor)`,
  );
  await sleep(Math.min(10_000 * 2 ** Math.min(times, 5), 300_000), { summary: 'waits for a monitor worker' });
}

/** `given`: the policy that this sweep was given; another may be in force by now. */
async function digest(watch: Watch, result: SweepResult, given: string): Promise<void> {
  watch.sight = result.sight;
  watch.carry = result.carry ?? watch.carry;
  // A look that is not whole is measured by the last one that was: also where the watch itself never heard of that one.
  watch.lastWholeCount = result.sight.whole
    ? result.sight.nodes
    : (result.carry?.lastWholeCount ?? watch.lastWholeCount);
  await endAlarm(watch, 'noMonitor');
  await endAlarm(watch, 'sweep');
  for (const f of result.findings)
    if (f.kind !== 'filesDiffer' || given === watch.config.policyHash) await take(watch, f);
  await judgeFailed(watch);
  await judgeDegraded(watch);
}

async function take(watch: Watch, f: Finding): Promise<void> {
  const key = `${f.kind}:${f.node}`;
  switch (f.kind) {
    case 'failed':
      watch.known.add(key);
      watch.failed.set(f.node, f.suspicion);
      return;
    case 'degraded':
      watch.known.add(key);
      watch.degraded.set(f.node, f.suspicion);
      return;
    case 'cleared':
      return forget(watch, f.node, f.verdict);
    case 'orphan':
      return startOrphan(watch, f.node);
    case 'settled':
      watch.known.add(key);
      return;
    case 'notOurs':
      watch.known.add(key);
      return alarm(
        watch,
        key,
        `${f.node} is down with ${f.instances} instances and not ours: ${f.reason}. Start by hand with: npm run start-recovery -- ${f.node}`,
      );
    case 'closed':
      closed(watch, f.node, f.runId);
      return placeFreed(watch);
    case 'blind':
      watch.known.add(key);
      return alarm(watch, 'blind', `the monitors cannot see the fleet: ${f.why}. Nothing is fenced while this lasts`);
    case 'sighted':
      watch.known.delete('blind:');
      return endAlarm(watch, 'blind');
    case 'filesDiffer':
      watch.known.add(key);
      return alarm(
        watch,
        key,
        `the monitor worker ${f.worker} has another configuration than the one in force (${watch.config.configuredBy}'s)`,
      );
  }
}
