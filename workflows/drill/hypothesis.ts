// A node that lives, judged as if it had just died: by the gates' own function, and by the rule that joins the channels.
import { isReturning, readMarker } from '../contract.ts';
import type { Policy } from '../defaults.ts';
import type { Evidence, NodeView } from '../domain.ts';
import { combine, judgeGates, ruleOf, type GateInput } from '../policy.ts';
import type { Circumstances } from './types.ts';

/** `pass`, or the gate that would hold its recovery by the watch, and why. The grace of a start and the hour's count are not asked. */
export function gateIfDead(policy: Policy, node: NodeView, sight: GateInput['sight'], c: Circumstances): string {
  const gate = judgeGates({
    ...{ policy, node, sight, verdict: 'failed', byHand: false, force: false, orphan: false },
    mark: readMarker(node.disabledReason),
    returning: isReturning(node),
    paused: c.paused,
    stoodDown: c.standDowns.includes(node.host) ? 'it was aborted before anything was touched' : null,
    maintenance: c.maintenance[node.host] ?? null,
    override: c.override,
    cooling: c.cooling,
    flaps: 0,
    othersOpen: c.open.filter((host) => host !== node.host).length,
    grantsLastHour: 0,
    upMs: Infinity,
  });
  return gate.kind === 'pass' ? 'pass' : `${gate.gate}: ${gate.why}`;
}

/**
 * Why the death of this node would not be noticed: channels that cannot see it now cannot call it failed either, and without them
 * the rule is not met. Null: it would be noticed.
 */
export function unseen(policy: Policy, host: string, evidence: readonly Evidence[]): string | null {
  const dead = evidence.map((e) => ({ ...e, verdict: e.verdict === 'unknown' ? e.verdict : ('failed' as const) }));
  if (combine(ruleOf(policy, host), dead) === 'failed') return null;
  const blind = evidence.filter((e) => e.verdict === 'unknown').map((e) => `${e.channel} cannot tell (${e.saw})`);
  return blind.join('; ') || 'no channel looks at it';
}
