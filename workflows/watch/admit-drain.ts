// A drain asks before it touches its node. It holds no place of a recovery's: its node may fail at any moment, and is then recovered.
import { readMarker, type Admission, type AdmissionRequest, type OpenRun } from '../contract.ts';
import { judgeDrain } from '../drain/gates.ts';
import { modeOf } from '../policy.ts';
import type { GateVerdict } from '../policy.ts';
import type { NodeView, Verdict } from '../domain.ts';
import { brief } from '../proxies.ts';
import { showWatch, type Watch } from './state.ts';

export async function admitDrain(w: Watch, q: AdmissionRequest): Promise<Admission> {
  const { policy } = w.config;
  const { node, workflowId, runId, byHand, force } = q;
  const mine: OpenRun = { node, workflowId, runId, byHand, grantedAt: null, width: 0 };
  if (w.drains.get(node)?.runId !== runId) w.drains.set(node, mine);
  const look = await brief(w.cloud).monitoring.lookAtFleet.executeWithOptions({ summary: `a look at ${node}` }, [
    { policy, unmoved: {}, closely: [node], lastWholeCount: w.lastWholeCount },
  ]);
  const againInMs = policy.timings.judgeAgainMs;
  if (!look.sight.whole)
    return { kind: 'wait', gate: 'sight', why: `the list of nodes is not whole: ${look.sight.trouble}`, againInMs };
  const seen = look.looks[node];
  if (!seen) return { kind: 'denied', gate: 'gone', why: `${node} is not in Nova's list of services any more` };
  if (q.serviceId && seen.node.serviceId !== q.serviceId)
    return { kind: 'denied', gate: 'uuid', why: `${node} has another service UUID now: it was rebuilt meanwhile` };
  const verdict = drainGate(w, seen.node, { verdict: seen.verdict, byHand, force }, look.sight);
  if (verdict.kind === 'deny') return { kind: 'denied', gate: verdict.gate, why: verdict.why };
  if (verdict.kind === 'wait') return { kind: 'wait', gate: verdict.gate, why: verdict.why, againInMs };
  const at = new Date().toISOString();
  const open = w.drains.get(node);
  if (open) open.grantedAt = at;
  showWatch(w);
  const { searchAttributes } = w.config;
  const grant = {
    ...{ policy: { ...policy, mode: modeOf(policy, node) }, width: policy.evacuation.liveMigrations ?? 1 },
    ...{ evidence: seen.evidence, node: seen.node, silentMs: 0, at, searchAttributes },
  };
  return { kind: 'granted', grant };
}

/** Everything a drain's gate looks at, from what the watch knows now. */
export function drainGate(
  w: Watch,
  node: NodeView,
  about: { verdict: Verdict; byHand: boolean; force: boolean },
  sight: Parameters<typeof judgeDrain>[0]['sight'] | null = w.sight,
): GateVerdict {
  const granted = ({ grantedAt }: OpenRun): boolean => grantedAt !== null;
  return judgeDrain({
    policy: w.config.policy,
    ...{ node, ...about, paused: w.paused, maintenance: w.maintenance.get(node.host) ?? null },
    mark: readMarker(node.disabledReason),
    sight: sight ?? { whole: false, trouble: 'no sweep yet', nodes: 0 },
    othersDraining: [...w.drains.values()].filter((o) => granted(o) && o.node !== node.host).length,
    recoveries: [...w.open.values()].filter(granted).length,
  });
}
