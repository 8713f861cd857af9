// The gates: may this node be recovered now? Pure, and judged over all nodes together. What a gate cannot let pass it holds, with a reason
// for a person; a limit that is named in `limits.ask` asks a person instead.
import type { AskingGate, Mode, Policy } from './defaults.ts';
import type { Overfull } from './domains.ts';
import type { NodeView, Verdict } from './domain.ts';
import { lives, matches, modeOf } from './verdicts.ts';

export interface Sight {
  whole: boolean;
  trouble: string;
  nodes: number;
  failed: readonly string[];
  /** Not failed by all channels, but silent on the network: a switch that dies takes many with it, one by one. */
  silent?: readonly string[];
  ours: readonly string[];
  /** In service, and their reports do not reach Nova, whatever else is known of them. */
  stale?: readonly string[];
  /** The most nodes whose silence began within one interval, a short while ago. */
  lost?: number;
  /** Why Nova's own services cannot be trusted; empty where a scheduler and a conductor are up. */
  control?: string;
  /** Why our own network cannot be trusted; empty where a reference address answers, or none is configured. */
  references?: string;
  /** Failure domains with more nodes failed, silent or off by us than their limit (domains.ts). */
  domains?: readonly Overfull[];
}

export interface GateInput {
  policy: Policy;
  node: NodeView;
  verdict: Verdict;
  byHand: boolean;
  /** Passes limits, never proof. */
  force: boolean;
  /** Ours already: forced down by a run that is gone. */
  orphan: boolean;
  /** What our marker on its row says (readMarker); null or absent: there is none. */
  mark?: { outcome: string | null } | null;
  /** Disabled by us still, but readmission has lifted forced_down. */
  returning?: boolean;
  paused: { by: string; reason: string } | null;
  stoodDown: string | null;
  /** A person said that it is worked on. */
  maintenance?: { by: string; reason: string; until: string } | null;
  /** A person said that many failures at once are real. */
  override?: boolean;
  /** How often it went down and came back, or was recovered, within the last hour. */
  flaps?: number;
  /** The last storm is not over for long enough. */
  cooling?: boolean;
  sight: Sight;
  /** Other nodes that hold a grant now. */
  othersOpen: number;
  /** Recoveries granted within the last hour, this node's not counted. */
  grantsLastHour: number;
  /** Since the watch first started. */
  upMs: number;
}

/** `ask`: everything else passes, and a person has to say yes. */
export type GateVerdict = { kind: 'pass' } | { kind: 'wait' | 'deny' | 'ask'; gate: string; why: string };

const wait = (gate: string, why: string): GateVerdict => ({ kind: 'wait', gate, why });
const deny = (gate: string, why: string): GateVerdict => ({ kind: 'deny', gate, why });

/** Where the policy is of a release that did not know it. */
const DEFAULT_FLAPS = 3;

/** May this node be recovered now? The first gate that does not pass, with its reason. Judged over all nodes together. */
export function judgeGates(given: GateInput): GateVerdict {
  // An orphan is one by its marker: where that is gone the node was given back, and is judged like any other.
  const g = { ...given, orphan: given.orphan && given.mark?.outcome === null };
  return mayEver(g) ?? maySee(g) ?? isFailed(g) ?? (g.force ? null : withinLimits(g)) ?? { kind: 'pass' };
}

/** The mode that a run of this node is granted: confirm where a gate asks. */
export const grantedMode = (policy: Policy, host: string, verdict: GateVerdict): Mode =>
  verdict.kind === 'ask' ? 'confirm' : modeOf(policy, host);

/** What no waiting mends. */
function mayEver({ policy, node, mark, byHand, orphan, returning, stoodDown }: GateInput): GateVerdict | null {
  const host = node.host;
  if (matches(policy.carries, host)) return deny('carries', `${host} carries Lifeboat or Temporal and is never fenced`);
  if (matches(policy.exclude, host)) return deny('excluded', `${host} is excluded by the configuration`);
  if (modeOf(policy, host) === 'observe')
    return deny('observe', 'the mode is observe: Lifeboat never acts (set mode: confirm or auto in the configuration)');
  if (!orphan && !byHand && !returning && (node.status === 'disabled' || node.forcedDown))
    return deny('notOurs', whoHolds(node, mark));
  if (stoodDown !== null && !byHand) return deny('stoodDown', `a person stopped the last recovery: ${stoodDown}`);
  return null;
}

function whoHolds({ host, disabledReason }: NodeView, mark: GateInput['mark']): string {
  if (mark?.outcome)
    return `${host} is off by us (its recovery ended as ${mark.outcome}): bring it back with npm run readmit -- ${host}`;
  return `${host} was disabled or forced down by a person: ${disabledReason ?? 'no reason given'}`;
}

/** Is our own view of the world sound? */
function maySee({ policy, node, sight, upMs, paused, byHand, maintenance }: GateInput): GateVerdict | null {
  if (paused) return wait('paused', `paused by ${paused.by}: ${paused.reason}`);
  if (maintenance && !byHand) {
    const { by, reason, until } = maintenance;
    return wait(
      'maintenance',
      `${node.host} is under maintenance until ${until} (${by}${reason ? `: ${reason}` : ''})`,
    );
  }
  if (!sight.whole) return wait('sight', `the list of nodes is not whole: ${sight.trouble}`);
  if (sight.control) return wait('control', `Nova itself is in trouble: ${sight.control}`);
  if (sight.references) return wait('references', `our own network is in trouble: ${sight.references}`);
  if (sight.nodes <= 1)
    return deny('fleetOfOne', 'a fleet of one node is only observed: there is nowhere to evacuate to');
  if (!byHand && upMs < policy.timings.graceMs)
    return wait('grace', 'Lifeboat has just started and first looks for a while');
  return null;
}

/** The evidence. An orphan was proven failed by the run that marked it; its power is read again before anything. */
function isFailed({ node, verdict, orphan }: GateInput): GateVerdict | null {
  if (orphan && lives(verdict))
    return wait(
      'orphanAlive',
      `${node.host} is alive although a lost run marked it off: look at it (is it on? who switched it on?), then power it off or enable it`,
    );
  if (orphan || verdict === 'failed') return null;
  if (lives(verdict)) return deny('alive', `${node.host} is alive: its monitors do not agree that it failed`);
  return wait('unknown', `it is not known whether ${node.host} is alive, and unknown is not failed`);
}

function withinLimits(g: GateInput): GateVerdict | null {
  const { policy, othersOpen } = g;
  const held = g.override ? null : (tooMany(g) ?? (g.byHand ? null : tooOften(g)));
  const asked = held && policy.limits.ask?.includes(held.gate as AskingGate) ? { ...held, kind: 'ask' as const } : null;
  if (held && !asked) return held;
  if (othersOpen >= policy.limits.atOnce)
    return wait('atOnce', `${othersOpen} recoveries run already, at most ${policy.limits.atOnce} at once`);
  return asked;
}

type Held = Exclude<GateVerdict, { kind: 'pass' }>;
const hold = (gate: AskingGate, why: string): Held => ({ kind: 'wait', gate, why });

/** At least one node may always fail; more only up to the share of the fleet, and to the number (recovery.md 2). */
export const allowedFailures = (share: number, fleet: number, nodes = Infinity): number =>
  Math.max(1, Math.min(nodes, Math.floor(share * fleet)));

/** Many at once are a fault of what they have in common. */
function tooMany(g: GateInput): Held | null {
  const { policy, node, sight, grantsLastHour } = g;
  const { share, nodes, perHour } = policy.limits;
  const down = new Set([...sight.failed, ...(sight.silent ?? []), ...sight.ours, node.host]).size;
  const allowed = allowedFailures(share, sight.nodes, nodes);
  if (down > allowed)
    return hold(
      'share',
      `${down} of ${sight.nodes} nodes look failed, are silent or off, more than ${allowed}: this looks like a fault of the network or of Nova, not of nodes`,
    );
  const stale = new Set([...(sight.stale ?? []), node.host]).size;
  if (stale > allowed)
    return hold(
      'allStale',
      `the reports of ${stale} of ${sight.nodes} nodes do not reach Nova, more than ${allowed}: this looks like a fault of the message queue or of Nova, not of nodes`,
    );
  return (
    fellOff(g) ??
    tooManyOfOne(g) ??
    (grantsLastHour >= perHour
      ? hold('perHour', `${grantsLastHour} recoveries began within the last hour, at most ${perHour}`)
      : null)
  );
}

/** As many as may be recovered at once are no cliff, however small the fleet. What is still failed a while later is really failed. */
function fellOff({ policy, sight }: GateInput): Held | null {
  const { cliff, atOnce } = policy.limits;
  if (cliff === undefined) return null;
  const allowed = Math.max(atOnce, Math.floor(cliff * sight.nodes));
  const lost = sight.lost ?? 0;
  if (lost <= allowed) return null;
  const why = `${lost} of ${sight.nodes} nodes fell silent within one interval, more than ${allowed}`;
  return hold('cliff', `${why}: this looks like one fault of what they share; what does not come back is judged soon`);
}

function tooManyOfOne({ node, sight }: GateInput): Held | null {
  const over = sight.domains?.find(({ down }) => down.includes(node.host));
  if (!over) return null;
  const { name, nodes, down, most } = over;
  return hold(
    'domain',
    `${down.length} of ${nodes} nodes of ${name} look failed, are silent or off, more than ${most}: this looks like a fault of what they share`,
  );
}

/** Every moving of its instances costs their owners; what moves them again and again is not mended by it. */
function tooOften({ policy, node, flaps = 0, cooling }: GateInput): Held | null {
  if (cooling) return hold('coolDown', 'a storm has just ended: what is still failed a while later is really failed');
  const most = policy.limits.flaps ?? DEFAULT_FLAPS;
  if (flaps < most) return null;
  const why = `${node.host} went down and came back ${flaps} times within an hour: a person looks at it first`;
  return hold('flapping', `${why} (npm run start-recovery -- ${node.host} recovers it all the same)`);
}
