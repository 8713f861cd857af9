// Nodes that are in trouble and live: never fenced for it. The admins are told once when it begins, and when it is over; where the policy
// says so the node is drained, once for each time that it is in trouble.
import { getExternalWorkflowHandle } from '@temporalio/workflow';
import { nodeWorkflowId, WORKFLOW_TYPES, type DrainInput } from '../contract.ts';
import type { Suspicion, Verdict } from '../domain.ts';
import { onDegraded } from '../policy.ts';
import { startOnNode } from '../start-on-node.ts';
import { makeWaySignal } from '../verbs.ts';
import { drainGate } from './admit-drain.ts';
import { alarm, endAlarm } from './alarms.ts';
import { troubled, type Watch } from './state.ts';

export async function judgeDegraded(w: Watch): Promise<void> {
  let waits = false;
  for (const [node, saw] of troubled(w)) {
    // What is failed, or being recovered, is told of as such.
    if (w.open.has(node) || w.failed.has(node)) continue;
    const said = `${node} is in trouble, and alive: ${saw}`;
    if (onDegraded(w.config.policy, node) !== 'migrate') {
      await alarm(w, `degraded:${node}`, `${said}. Nothing is fenced for it; drain it with: npm run drain -- ${node}`);
      continue;
    }
    if (w.drained.has(node) || w.drains.has(node)) continue;
    const gate = drainGate(w, w.degraded.get(node)!.node, { verdict: 'degraded', byHand: false, force: false });
    const pass = gate.kind === 'pass' || gate.kind === 'ask';
    await alarm(w, `degraded:${node}`, `${said}. ${pass ? 'It is drained now' : `It is not drained: ${gate.why}`}`);
    waits ||= gate.kind === 'wait';
    if (pass) await startDrain(w, node, saw);
  }
  if (waits) w.wakeInMs ??= w.config.policy.timings.judgeAgainMaxMs;
}

async function startDrain(w: Watch, node: string, saw: string): Promise<void> {
  const workflowId = nodeWorkflowId(w.cloud, node);
  const input: DrainInput = { node, cloud: w.cloud, automatic: true, by: 'the monitor', reason: saw };
  const child = await startOnNode(WORKFLOW_TYPES.drain, workflowId, input, `drains ${node}`);
  w.drained.add(node);
  // Another operation on the node: a person is at it.
  if (!child) return;
  const runId = child.firstExecutionRunId;
  w.drains.set(node, { node, workflowId, runId, grantedAt: null, width: 0, byHand: false });
}

/**
 * A failed node that is being drained: its drain is told, ends, and goes on as the node's recovery under the same id. False: it is not
 * drained, or its drain is gone.
 */
export async function makesWay(w: Watch, node: string, { evidence }: Suspicion): Promise<boolean> {
  const drain = w.drains.get(node);
  if (!drain) return false;
  const why = evidence.map((e) => `${e.channel}: ${e.saw}`).join('; ') || 'its monitors agree';
  try {
    await getExternalWorkflowHandle(drain.workflowId, drain.runId).signal(makeWaySignal, { why });
  } catch {
    w.drains.delete(node);
    return false;
  }
  w.held.set(node, 'drain: its drain makes way for its recovery');
  return true;
}

/** What was known of its trouble is over, or out of sight. */
export async function outOfTrouble(w: Watch, node: string, verdict: Verdict): Promise<void> {
  w.degraded.delete(node);
  w.drained.delete(node);
  w.known.delete(`degraded:${node}`);
  const over = verdict === 'alive' ? `${node} is well again` : `${node} is held, marked or not listed now`;
  await endAlarm(w, `degraded:${node}`, over);
}
