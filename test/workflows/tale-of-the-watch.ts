// A watch that starts a recovery, admits, is paused and resumed, alarms, and continues as new.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetSight, SweepResult } from '../../activities/monitoring/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { aNode, open, story, untilCancelled, type Fakes } from './harness.ts';
import type { Tale } from './tales.ts';

/** The server suggests to continue as new after so many events (its own default is 4,096). */
export const SUGGEST_AFTER = 120;

const CARRY: SweepResult['carry'] = { v: 1, sweeps: 1, lastWholeCount: 20, notWhole: 0, calm: null, nodes: {} };

const sightOf = (over: Partial<FleetSight> = {}): FleetSight => ({
  ...{ whole: true, trouble: '', nodes: 20, alive: 20, failed: [], ours: [], unknown: 0 },
  readAt: new Date().toISOString(),
  ...over,
});

export const watchTale: Tale = async () => {
  const node = aNode();
  const sight = sightOf({ failed: [node.host], alive: 19 });
  const tell = (findings: SweepResult['findings'], more: Partial<SweepResult> = {}): SweepResult => ({
    ...{ findings, sight: sightOf(), sweeps: 1, carry: CARRY },
    ...more,
  });
  const script: SweepResult[] = [
    tell([{ kind: 'blind', node: '', why: 'half a list' }], {
      sight: sightOf({ whole: false, trouble: 'half a list' }),
    }),
    tell([{ kind: 'sighted', node: '' }]),
    tell([{ kind: 'notOurs', node: 'compute-9', reason: 'disabled by a person: fans', instances: 4 }]),
    tell([{ kind: 'failed', node: node.host, suspicion: { node, evidence: [], samples: 3, silentMs: 60_000 } }], {
      sight,
    }),
  ];
  let rushing = false;
  let wake = (): void => undefined;
  const sweepFleet: Fakes['sweepFleet'] = async ({ wakeInMs }) => {
    const next = script.shift();
    if (next) return next;
    const woken = new Promise<void>((r) => (wake = r));
    if (!rushing) await Promise.race([untilCancelled(), woken, ...(wakeInMs === null ? [] : [sleep(wakeInMs)])]);
    return tell([]);
  };
  const lookAtFleet: Fakes['lookAtFleet'] = async () => ({
    sight,
    looks: { [node.host]: { node, verdict: 'failed', evidence: [] } },
  });
  const s = await story(() => ({ sweepFleet, lookAtFleet }));
  try {
    const { env } = await open();
    const watch = await s.watch();
    const { runId } = await watch.describe();
    await until(() => s.calls.includes('PUT recovered'), { what: 'the run that it started recovers the node' });
    await s.handle(node.host).result();
    await s.admit(node.host, 'by-hand-1');
    await watch.executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: 'ann', reason: 'a storm' }] });
    await watch.executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
    rushing = true;
    wake();
    await until(async () => (await watch.describe()).runId !== runId, {
      what: 'it continues as new',
      timeoutMs: 60_000,
    });
    return { 'watch-continued': env.client.workflow.getHandle(watch.workflowId, runId) };
  } finally {
    await s.end();
  }
};
