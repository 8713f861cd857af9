// May this node be drained now? Pure. A drain fences nothing, so its gates are fewer than a recovery's; but it loads the network and the
// other nodes, and what is called degraded everywhere at once is most likely a fault of who calls it so.
import type { Policy } from '../defaults.ts';
import type { NodeView, Verdict } from '../domain.ts';
import { allowedFailures, matches, modeOf, type GateVerdict } from '../policy.ts';

export interface DrainGateInput {
  policy: Policy;
  node: NodeView;
  verdict: Verdict;
  byHand: boolean;
  /** Passes limits, never what Nova says of the node. */
  force: boolean;
  /** What our marker on its row says; null: there is none. */
  mark: { outcome: string | null } | null;
  paused: { by: string; reason: string } | null;
  maintenance: { by: string; reason: string; until: string } | null;
  sight: { whole: boolean; trouble: string; nodes: number; degraded?: readonly string[] };
  /** Other nodes whose drain was admitted and is open. */
  othersDraining: number;
  /** Recoveries that hold a grant now. */
  recoveries: number;
}

const wait = (gate: string, why: string): GateVerdict => ({ kind: 'wait', gate, why });
const deny = (gate: string, why: string): GateVerdict => ({ kind: 'deny', gate, why });

export function judgeDrain(g: DrainGateInput): GateVerdict {
  return mayEver(g) ?? mayNow(g) ?? (g.force ? null : withinLimits(g)) ?? { kind: 'pass' };
}

function mayEver({ policy, node, verdict, byHand, mark, sight }: DrainGateInput): GateVerdict | null {
  const { host } = node;
  if (matches(policy.exclude, host)) return deny('excluded', `${host} is excluded by the configuration`);
  if (modeOf(policy, host) === 'observe')
    return deny('observe', 'the mode is observe: Lifeboat never acts (set mode: confirm or auto in the configuration)');
  if (node.forcedDown || (mark !== null && mark.outcome === null))
    return deny('off', `${host} is forced down: only a node that lives can be drained`);
  if (verdict === 'failed') return deny('failed', `${host} has failed: it is a recovery's`);
  if (!byHand && node.status === 'disabled')
    return deny('notOurs', `${host} is disabled already: ${node.disabledReason ?? 'no reason given'}`);
  if (sight.whole && sight.nodes <= 1) return deny('fleetOfOne', 'there is no other node to migrate to');
  return null;
}

function mayNow({ node, paused, maintenance, byHand, sight }: DrainGateInput): GateVerdict | null {
  if (paused) return wait('paused', `paused by ${paused.by}: ${paused.reason}`);
  if (maintenance && !byHand)
    return wait('maintenance', `${node.host} is under maintenance until ${maintenance.until} (${maintenance.by})`);
  if (!sight.whole) return wait('sight', `the list of nodes is not whole: ${sight.trouble}`);
  // Nova refuses every live migration from a node whose nova-compute it does not hold for up (conductor, LiveMigrationTask).
  if (node.state !== 'up')
    return wait('notUp', `Nova does not call ${node.host} up: nothing can be live-migrated from it`);
  return null;
}

function withinLimits({ policy, byHand, sight, othersDraining, recoveries }: DrainGateInput): GateVerdict | null {
  const most = policy.limits.drains ?? 1;
  if (othersDraining >= most)
    return wait('drains', `${othersDraining} nodes are being drained, at most ${most} at once`);
  if (byHand) return null;
  if (recoveries > 0) return wait('recoveries', `${recoveries} recoveries need the room first`);
  const degraded = sight.degraded?.length ?? 0;
  const allowed = allowedFailures(policy.limits.share, sight.nodes);
  if (degraded > allowed)
    return wait(
      'share',
      `${degraded} of ${sight.nodes} nodes are called degraded, more than ${allowed}: this looks like a fault of who calls them so`,
    );
  return null;
}
