// Pure decisions: verdicts from evidence, gates, selection, order. No clock, no effects: the sweep, the workflows and the
// scripts judge by the same functions. Moments are ISO 8601, durations milliseconds.
import type { FailedWhen, OnDegraded, Policy, Timings } from './defaults.ts';
import type {
  Account,
  Decision,
  Evidence,
  InstanceOutcome,
  InstanceView,
  MigrationRecord,
  NodeView,
  RunOutcome,
  Verdict,
} from './domain.ts';

/** `*` stands for any run of characters; anything else for itself. */
export function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((p) => {
    const re = p.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${re.join('.*')}$`).test(name);
  });
}

/** The rule that a node is judged by. */
export const ruleOf = (policy: Pick<Policy, 'failedWhen' | 'groups'>, host: string): FailedWhen =>
  policy.groups?.find(({ nodes }) => matches(nodes, host))?.failedWhen ?? policy.failedWhen;

/** What is done about a node that is in trouble and lives. */
export const onDegraded = (policy: Pick<Policy, 'degraded' | 'groups'>, host: string): OnDegraded =>
  policy.groups?.find(({ nodes }) => matches(nodes, host))?.degraded ?? policy.degraded ?? 'tell';

/** In trouble or not: it runs. */
export const lives = (v: Verdict): boolean => v === 'alive' || v === 'degraded';

/**
 * A channel without evidence is unknown, and unknown is never failed; nor does it veto. Who calls it degraded says that it lives. What is
 * alive by the rule is degraded where any channel says so, also one that the rule does not name; failed stays failed.
 */
export function combine(rule: FailedWhen, evidence: readonly Pick<Evidence, 'channel' | 'verdict'>[]): Verdict {
  const of = 'all' in rule ? rule.all : 'any' in rule ? rule.any : rule.of;
  const need = 'all' in rule ? of.length : 'any' in rule ? 1 : rule.atLeast;
  const verdictOf = (c: string): Verdict => evidence.find((e) => e.channel === c)?.verdict ?? 'unknown';
  const alive = evidence.some((e) => e.verdict === 'degraded') ? 'degraded' : 'alive';
  if (rule.veto?.some((c) => lives(verdictOf(c)))) return alive;
  const verdicts = of.map(verdictOf);
  const failed = verdicts.filter((v) => v === 'failed').length;
  const unknown = verdicts.filter((v) => v === 'unknown').length;
  if (need > 0 && failed >= need) return 'failed';
  return failed + unknown < need ? alive : 'unknown';
}

/** At least one node may always fail; more only up to the share of the fleet (recovery.md 2). */
export const allowedFailures = (share: number, fleet: number): number => Math.max(1, Math.floor(share * fleet));

/** How many evacuations one run may have in flight while `open` runs share the overall width. */
export const widthOf = (e: Policy['evacuation'], open: number): number =>
  Math.max(1, Math.min(e.perNode, Math.floor(e.overall / Math.max(1, open))));

/** What waits for a person also tries by itself, less and less often: its history must last for weeks. */
export const slowly = (t: Pick<Timings, 'fenceAgainMs' | 'fenceAgainMaxMs'>, round: number): number =>
  Math.min(t.fenceAgainMaxMs, t.fenceAgainMs * 2 ** Math.min(round, 16));

// --- gates ------------------------------------------------------------------------------------------------------------

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
  sight: {
    whole: boolean;
    trouble: string;
    nodes: number;
    failed: readonly string[];
    /** Not failed by all channels, but silent on the network: a switch that dies takes many with it, one by one. */
    silent?: readonly string[];
    ours: readonly string[];
  };
  /** Other nodes that hold a grant now. */
  othersOpen: number;
  /** Recoveries granted within the last hour, this node's not counted. */
  grantsLastHour: number;
  /** Since the watch first started. */
  upMs: number;
}

export type GateVerdict = { kind: 'pass' } | { kind: 'wait' | 'deny'; gate: string; why: string };

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

/** What no waiting mends. */
function mayEver({ policy, node, mark, byHand, orphan, returning, stoodDown }: GateInput): GateVerdict | null {
  const host = node.host;
  if (matches(policy.carries, host)) return deny('carries', `${host} carries Lifeboat or Temporal and is never fenced`);
  if (matches(policy.exclude, host)) return deny('excluded', `${host} is excluded by the configuration`);
  if (policy.mode === 'observe')
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
  if (held) return held;
  if (othersOpen >= policy.limits.atOnce)
    return wait('atOnce', `${othersOpen} recoveries run already, at most ${policy.limits.atOnce} at once`);
  return null;
}

/** Many at once are a fault of what they have in common. */
function tooMany({ policy, node, sight, grantsLastHour }: GateInput): GateVerdict | null {
  const down = new Set([...sight.failed, ...(sight.silent ?? []), ...sight.ours, node.host]).size;
  const allowed = allowedFailures(policy.limits.share, sight.nodes);
  if (down > allowed)
    return wait(
      'share',
      `${down} of ${sight.nodes} nodes look failed, are silent or off, more than ${allowed}: this looks like a fault of the network or of Nova, not of nodes`,
    );
  if (grantsLastHour >= policy.limits.perHour)
    return wait('perHour', `${grantsLastHour} recoveries began within the last hour, at most ${policy.limits.perHour}`);
  return null;
}

/** Every moving of its instances costs their owners; what moves them again and again is not mended by it. */
function tooOften({ policy, node, flaps = 0, cooling }: GateInput): GateVerdict | null {
  if (cooling) return wait('coolDown', 'a storm has just ended: what is still failed a while later is really failed');
  const most = policy.limits.flaps ?? DEFAULT_FLAPS;
  if (flaps < most) return null;
  const why = `${node.host} went down and came back ${flaps} times within an hour: a person looks at it first`;
  return wait('flapping', `${why} (npm run start-recovery -- ${node.host} recovers it all the same)`);
}

// --- instances --------------------------------------------------------------------------------------------------------

export interface InstanceContext {
  /** An open evacuation record with this source (accepted or pre-migrating). */
  openEvacuation: MigrationRecord | null;
  /** An open live migration or resize from or to the node. */
  openMigration: MigrationRecord | null;
  /** Two or more members of a hard-affinity group are on the node: the scheduler cannot place them apart. */
  hardAffinity: boolean;
}

export interface Sorted {
  decision: Decision;
  reason: string;
  loses?: string;
  /** os-resetState first (paused, suspended, rescued, resized by policy). */
  reset?: boolean;
}

const keep = (reason: string): Sorted => ({ decision: 'keep', reason });
const isTrue = (v: string | undefined): boolean => v?.toLowerCase() === 'true';

/** By its owner (metadata, as in Masakari, or a tag) or by its flavor (an extra spec, as in InstanceHA). */
const isChosen = (i: InstanceView, key: string): boolean =>
  isTrue(i.metadata[key]) || i.tags.includes(key) || isTrue(i.flavor.extraSpecs[key]);

/** The state table of recovery.md: what happens to this instance of a dead node, and why. */
export function decide(i: InstanceView, c: InstanceContext, policy: Policy): Sorted {
  const e = policy.evacuation;
  if (i.taskState === 'deleting' || i.taskState === 'soft-deleting' || /delete/.test(i.vmState))
    return keep('it is being deleted');
  if (c.openEvacuation)
    return { decision: 'adopt', reason: `an evacuation is already on its way (record ${c.openEvacuation.id})` };
  if (c.openMigration || /^(migrating|resize_|resizing)/.test(i.taskState ?? ''))
    return { decision: 'hold', reason: 'it was migrating: the other side may already have it' };
  if (i.launchedAt === null) return keep('it was never launched: recreate it');
  if (matches(e.leaveProjects, i.projectId)) return keep('its own service replaces it');
  if (matches(e.leaveNames ?? [], i.name)) return keep('instances of this name are left alone');
  if (e.selection === 'none') return keep('nothing is evacuated here: the node is fenced, and people are told');
  if (e.selection === 'opt-in' && !isChosen(i, e.selectionKey))
    return keep(`not chosen: neither its metadata nor its flavor has ${e.selectionKey}=True, and it has no such tag`);
  if (c.hardAffinity)
    return keep('its server group has hard affinity and several members here: Nova cannot place them');
  return byState(i, e);
}

const RESETTABLE = ['paused', 'suspended', 'rescued', 'resized'] as const;

function byState(i: InstanceView, e: Policy['evacuation']): Sorted {
  if (/^shelved/.test(i.vmState)) return keep('it is shelved: nothing of it runs here');
  const resettable = RESETTABLE.find((s) => s === i.vmState);
  if (resettable && e.states[resettable] === 'keep') return keep(`Nova does not evacuate what is ${resettable}`);
  if (!resettable && !['active', 'stopped', 'error'].includes(i.vmState))
    return keep(`Nova does not evacuate what is ${i.vmState}`);
  const disk = byDisk(i, e);
  if (disk.decision === 'keep' || !resettable) return disk;
  const memory = `it was ${resettable}; what was in its memory is lost`;
  return { ...disk, reset: true, loses: disk.loses ? `${disk.loses}; ${memory}` : memory };
}

function byDisk(i: InstanceView, e: Policy['evacuation']): Sorted {
  const local = !i.volumeBacked && (e.imageBackedDisks === 'local' || matches(e.localFlavors, i.flavor.name));
  if (!local) return { decision: 'evacuate', reason: '' };
  const rebuild =
    e.onLocalDisk === 'rebuild' || isTrue(i.metadata['lifeboat:rebuild']) || i.tags.includes('lifeboat-rebuild');
  return rebuild
    ? {
        decision: 'evacuate',
        reason: 'rebuilt from its image',
        loses: 'its disk was on the failed node and is rebuilt from its image: the data on it is gone',
      }
    : keep('its disk is on the failed node: an evacuation would rebuild it from its image and lose the data');
}

/** Higher goes first: the number in its metadata, else 1 for what its owner or flavor marked as highly available. */
export function priorityOf(i: InstanceView, policy: Policy): number {
  const n = Number(i.metadata[policy.evacuation.priorityKey]);
  if (i.metadata[policy.evacuation.priorityKey] !== undefined && Number.isFinite(n)) return n;
  return isChosen(i, policy.evacuation.selectionKey) ? 1 : 0;
}

// --- accounts and times -----------------------------------------------------------------------------------------------

export function countOutcomes(accounts: readonly Pick<Account, 'outcome'>[]): Record<InstanceOutcome, number> {
  const counts = { recovered: 0, kept: 0, gone: 0, waiting: 0, failed: 0 };
  for (const a of accounts) counts[a.outcome] += 1;
  return counts;
}

/** A node is recovered when nothing waits and nothing failed; else partial. */
export function outcomeOf(counts: Record<InstanceOutcome, number>): RunOutcome {
  return counts.waiting + counts.failed === 0 ? 'recovered' : 'partial';
}

/** How long until the n-th reminder (0 is the first message) counted from the one before; the last interval repeats. */
export function reminderAfter(reminderMs: readonly number[], n: number): number {
  const last = reminderMs.length - 1;
  const at = (k: number): number => reminderMs[Math.min(k, last)] ?? 0;
  if (n > last) return at(last);
  return n === 0 ? at(0) : Math.max(0, at(n) - at(n - 1));
}

/** From a node's death to the first evacuation, at most, where its BMC answers at once (recovery.md 1: ≤ 60 s by default). */
export function deathToFirstPost(policy: Policy, nodes: number, largeFleet: number): number {
  const t = policy.timings;
  const every = nodes > largeFleet ? t.sweepEveryLargeMs : t.sweepEveryMs;
  const detect = t.staleMs + (policy.samples - 1) * every + every + t.tcpTimeoutMs;
  return detect + t.tcpTimeoutMs + t.powerHoldMs + t.settleMs;
}
