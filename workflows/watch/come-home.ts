// Readmission by policy: some time after a recovery that left nothing behind the watch starts the way back by itself, once. Where it does
// not come up it stays off and disabled, and the admins read why; a node that fails again and again is left to a person.
import { sleep } from '@temporalio/workflow';
import { nodeWorkflowId, WORKFLOW_TYPES, type ReadmitInput } from '../contract.ts';
import { modeOf } from '../policy.ts';
import { startOnNode } from '../start-on-node.ts';
import { notice } from './alarms.ts';
import { flapsOf, isCooling } from './judge-failed.ts';
import type { Watch } from './state.ts';

/** A recovery has ended as `recovered`. */
export function planReturn(w: Watch, node: string, runId: string): void {
  const { readmission, timings } = w.config.policy;
  if (readmission !== 'automatic') return;
  const due = new Date(Date.now() + (timings.readmitAfterMs ?? 0)).toISOString();
  w.returnsHome.set(node, { runId, due });
  void comeHome(w, node, { runId, due });
}

/** After continue-as-new. */
export function resumeReturns(w: Watch): void {
  for (const [node, planned] of w.returnsHome) void comeHome(w, node, planned);
}

async function comeHome(w: Watch, node: string, planned: { runId: string; due: string }): Promise<void> {
  await sleep(Math.max(1, Date.parse(planned.due) - Date.now()), { summary: `${node} is readmitted by policy` });
  const still = (): boolean => w.returnsHome.get(node)?.runId === planned.runId;
  while (still() && mustWait(w, node))
    await sleep(w.config.policy.timings.judgeAgainMaxMs, { summary: `${node} is not readmitted now` });
  if (!still()) return;
  w.returnsHome.delete(node);
  const why = neverByItself(w, node);
  if (why) return notice(w, `not-readmitted-${node}`, `${node} stays off: ${why} (npm run readmit -- ${node})`);
  const input: ReadmitInput = {
    ...{ node, cloud: w.cloud, by: 'the policy', reason: 'readmission: automatic', timings: w.config.policy.timings },
    afterRun: planned.runId,
  };
  const summary = `readmits ${node}, by policy`;
  await startOnNode(WORKFLOW_TYPES.readmit, nodeWorkflowId(w.cloud, node), input, summary);
}

/** What is over some day. */
const mustWait = (w: Watch, node: string): boolean =>
  w.paused !== null || w.maintenance.has(node) || isCooling(w) || w.sight?.whole === false;

function neverByItself(w: Watch, node: string): string | null {
  const { policy } = w.config;
  if (policy.readmission !== 'automatic') return 'readmission is not automatic any more';
  if (modeOf(policy, node) !== 'auto') return `its mode is ${modeOf(policy, node)}`;
  const flaps = flapsOf(w, node);
  if (flaps >= (policy.limits.flaps ?? Infinity)) return `it failed ${flaps} times within an hour`;
  return null;
}
