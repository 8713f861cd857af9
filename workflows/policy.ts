// Pure decisions: verdicts from evidence (verdicts.ts), gates (gates.ts), selection, order. No clock, no effects: the sweep, the workflows
// and the scripts judge by the same functions. Moments are ISO 8601, durations milliseconds.
import type { Policy, Timings } from './defaults.ts';
import type { Account, Decision, InstanceOutcome, InstanceView, MigrationRecord, RunOutcome } from './domain.ts';
import {
  chosen,
  goesFirst,
  hasNoImage,
  isAmphora,
  leftBy,
  rulesFor,
  partsOf,
  untold,
  type Facts,
  isTrue,
} from './selection.ts';
import { matches } from './verdicts.ts';

export * from './domains.ts';
export * from './gates.ts';
export * from './selection.ts';
export * from './verdicts.ts';

/** How many evacuations one run may have in flight while `open` runs share the overall width. */
export const widthOf = (e: Policy['evacuation'], open: number): number =>
  Math.max(1, Math.min(e.perNode, Math.floor(e.overall / Math.max(1, open))));

/** What waits for a person also tries by itself, less and less often: its history must last for weeks. */
export const slowly = (t: Pick<Timings, 'fenceAgainMs' | 'fenceAgainMaxMs'>, round: number): number =>
  Math.min(t.fenceAgainMaxMs, t.fenceAgainMs * 2 ** Math.min(round, 16));

// --- instances --------------------------------------------------------------------------------------------------------

export interface InstanceContext {
  /** An open evacuation record with this source (accepted or pre-migrating). */
  openEvacuation: MigrationRecord | null;
  /** An open live migration or resize from or to the node. */
  openMigration: MigrationRecord | null;
  /** Two or more members of a hard-affinity group are on the node: the scheduler cannot place them apart. */
  hardAffinity: boolean;
  /** That group, for the reason. */
  group?: TightGroup;
  /** What was read for the rules of selection. Absent: nothing was; what they cannot tell leaves nobody behind. */
  facts?: Facts;
}

/** A hard-affinity group with several members on one node. */
export interface TightGroup {
  id: string;
  name: string;
  /** Names of those on the node, of the instance's own project: its owner reads them. */
  members: string[];
  /** How many are on the node, of all projects. */
  count: number;
}

export interface Sorted {
  decision: Decision;
  reason: string;
  loses?: string;
  /** os-resetState first (paused, suspended, rescued, resized by policy). */
  reset?: boolean;
}

const keep = (reason: string): Sorted => ({ decision: 'keep', reason });

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
  const left = leftAlone(i, c.facts ?? {}, e);
  if (left !== null) return keep(left);
  // A drain moves it: its service replaces what is dead only.
  if (isAmphora(i, c.facts ?? {}, e) === 'yes') return keep('an amphora of Octavia, which replaces it by itself');
  if (e.selection === 'none') return keep('nothing is evacuated here: the node is fenced, and people are told');
  if (chosen(i, c.facts ?? {}, e) === 'no') return keep(`not chosen: ${whyNot(i, e)}`);
  if (c.hardAffinity) return keep(`${tight(c.group)}: Nova cannot place them${mend(c.group)}`);
  return doubted(byState(i, e), i, c.facts ?? {}, e);
}

const MANY = 5;

/** `its server group db has hard affinity and 2 members here (db-1, db-2)`. */
export function tight(group?: TightGroup): string {
  if (!group) return 'its server group has hard affinity and several members here';
  const { name, members, count } = group;
  const shown = members.slice(0, MANY).join(', ');
  const rest = count - Math.min(MANY, members.length);
  const who = [shown, rest > 0 ? `${rest} more` : ''].filter(Boolean).join(' and ');
  return `its server group ${name} has hard affinity and ${count} members here (${who})`;
}

/** An instance whose group is gone is placed as if it never had one (nova/objects/request_spec.py); its policy cannot be changed. */
const mend = (group?: TightGroup): string =>
  group ? ` (beforehand: make the group with soft-affinity, or openstack server group delete ${group.id})` : '';

/** Why the policy leaves it alone, a recovery and a drain alike. Null: it does not, or nobody can tell. */
export function leftAlone(i: InstanceView, f: Facts, e: Policy['evacuation']): string | null {
  if (matches(e.leaveProjects, i.projectId)) return 'its own service replaces it';
  if (matches(e.leaveNames ?? [], i.name)) return 'instances of this name are left alone';
  const left = leftBy(i, f, e.leave);
  return left?.fit === 'yes' ? `left alone for its ${partsOf(left.entry)}, by evacuation.leave[${left.index}]` : null;
}

function whyNot(i: InstanceView, e: Policy['evacuation']): string {
  const only = e.only ?? [];
  const rules = only.length > 0 ? 'no entry of evacuation.only fits it' : '';
  const imageless = hasNoImage(i) && only.some((m) => m.image ?? m.imageTag);
  return [
    e.selection === 'opt-in'
      ? `neither its metadata nor its flavor has ${e.selectionKey}=True, and it has no such tag`
      : '',
    imageless ? `${rules} (it boots from a volume: no entry with an image does)` : rules,
  ]
    .filter(Boolean)
    .join('; ');
}

/** Moved although a rule might say otherwise: to leave one that should move is an outage, to move one that should stay hardly ever. */
function doubted(sorted: Sorted, i: InstanceView, f: Facts, e: Policy['evacuation']): Sorted {
  if (sorted.decision !== 'evacuate') return sorted;
  const open = [isAmphora(i, f, e), leftBy(i, f, e.leave)?.fit, chosen(i, f, e)].includes('unknown');
  const what = open ? untold(i, f, rulesFor(i, { ...e, first: [] })) : '';
  if (!what) return sorted;
  const doubt = `${what} could not be read: it is moved, whatever the rules of selection say of that`;
  return { ...sorted, reason: [sorted.reason, doubt].filter(Boolean).join('; ') };
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

/** Higher goes first: the number in its metadata, else in its flavor's extra specs, else 1 for what is marked or named by `first`. */
export function priorityOf(i: InstanceView, policy: Policy, facts: Facts = {}): number {
  const { priorityKey: key } = policy.evacuation;
  for (const said of [i.metadata[key], i.flavor.extraSpecs[key]])
    if (said !== undefined && Number.isFinite(Number(said))) return Number(said);
  if (policy.evacuation.priorityElse !== undefined) return policy.evacuation.priorityElse;
  return goesFirst(i, facts, policy.evacuation) ? 1 : 0;
}

// --- accounts and times -----------------------------------------------------------------------------------------------

export function countOutcomes(accounts: readonly Pick<Account, 'outcome'>[]): Record<InstanceOutcome, number> {
  const counts = { recovered: 0, moved: 0, kept: 0, gone: 0, waiting: 0, failed: 0 };
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
