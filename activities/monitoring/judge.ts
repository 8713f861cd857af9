// The state that the sweep keeps of each node, as ages and counts, and how one more look changes it. Pure: time comes in as
// the milliseconds since the look before, so that a clock value is never stored and a gap can count as nothing.
import { createHash } from 'node:crypto';
import type { Timings } from '../../workflows/defaults.ts';
import { LARGE_FLEET } from '../../workflows/defaults.ts';
import type { Evidence, NodeView, Verdict } from '../../workflows/domain.ts';
import { lives } from '../../workflows/policy.ts';

export interface Ages {
  /** As Nova wrote it at the last whole look. */
  updatedAt: string | null;
  /** From the first to the last whole look that saw this `updatedAt`: never more than the truth. */
  unmovedMs: number;
  /** Without any sign of life: unmoved, and no channel that hears the node itself had an answer. Never more than `unmovedMs`. */
  silentMs: number;
  /** Samples in a row whose verdict was failed. */
  failed: number;
  /** Samples in a row whose verdict was degraded. */
  degraded: number;
  /** Samples in a row in which Nova said `down` (for whatever reason) and the node itself did not answer. */
  down: number;
  /** The longest stand-still while healthy, forgotten by 2 % with each further move. */
  habitMs: number;
  /** Whole intervals that `habitMs` was learned from, up to `HABIT_NEEDS`. */
  intervals: number;
  /** Moves since `forcedDown` changed, up to 3: the first may be the very write that changed it. */
  moves: number;
  forced: boolean;
  /** The present interval was not watched from its beginning, or with a gap: it teaches nothing. */
  torn: boolean;
}

/** Everything that a sweep hands to the next one. */
export interface Memory {
  /** Sweeps since the beginning, over all attempts: of two memories the one with more is newer. */
  sweeps: number;
  lastWholeCount: number;
  /** Sweeps in a row that were not whole. */
  notWhole: number;
  nodes: ReadonlyMap<string, Ages>;
  /** A carried memory leaves out the healthy nodes that move regularly, and keeps the fingerprint of their names (carry.ts). */
  calm: string | null;
  /** Another activity goes on with it: what lies between its last whole look and the next one is known by its shortest length only. */
  handedOver?: boolean;
}

export const EMPTY_MEMORY: Memory = { sweeps: 0, lastWholeCount: 0, notWhole: 0, nodes: new Map(), calm: null };
export const HABIT_NEEDS = 2;
export const BLIND_AFTER = 3;
const WHOLE_SHARE = 0.8;

export const intervalOf = (t: Timings, nodes: number): number =>
  nodes > LARGE_FLEET ? t.sweepEveryLargeMs : t.sweepEveryMs;

/** Two whole looks further apart than this: we were away (stopped, starved), and what lies between counts as nothing. */
export const gapAfter = (t: Timings, nodes: number): number => 2 * intervalOf(t, nodes) + t.novaReadMs;

/** Why this list cannot be trusted; empty where it can. A list that is empty, shrunk or in part unknown proves nothing of anybody. */
export function troubleOf(nodes: readonly NodeView[], lastWholeCount: number): string {
  if (nodes.length === 0) return 'Nova lists no compute service at all';
  if (nodes.length < WHOLE_SHARE * lastWholeCount)
    return `Nova lists ${nodes.length} nodes, and listed ${lastWholeCount} before`;
  const unknown = nodes.filter((n) => n.state === 'unknown');
  if (unknown.length > 0) return `a cell does not answer: ${unknown.length} nodes unknown, ${unknown[0]!.host} first`;
  const names = new Set<string>();
  const twice = nodes.find((n) => names.size === names.add(n.host).size);
  return twice ? `two services are named ${twice.host}` : '';
}

/** The same for the same set of names. */
export const fingerprint = (hosts: readonly string[]): string =>
  createHash('sha256')
    .update([...hosts].sort().join('\n'))
    .digest('hex')
    .slice(0, 16);

/** A node's first look. `regular`: another sweep knew its habit, and that it was healthy. */
export const firstAges = (row: NodeView, regular: boolean, t: Timings): Ages => ({
  updatedAt: row.updatedAt,
  unmovedMs: 0,
  silentMs: 0,
  failed: 0,
  degraded: 0,
  down: 0,
  habitMs: regular ? t.reportIntervalMs : 0,
  intervals: regular ? HABIT_NEEDS : 0,
  moves: 0,
  forced: row.forcedDown,
  torn: true,
});

/**
 * `elapsedMs`: since the whole look before, at least; null where nobody knows (a takeover, a look that was not whole, a stall). `gap`: it may
 * have been longer, so it counts as age and teaches nothing.
 */
export function growOlder(before: Ages, row: NodeView, elapsedMs: number | null, t: Timings, gap = false): Ages {
  const flipped = before.forced !== row.forcedDown;
  if (before.updatedAt === row.updatedAt) {
    const same = { ...before, forced: row.forcedDown, moves: flipped ? 0 : before.moves };
    const torn = before.torn || gap || elapsedMs === null;
    return { ...same, torn, unmovedMs: before.unmovedMs + (elapsedMs ?? 0) };
  }
  // The move lies somewhere between two looks. Where these are so far apart that an interval of `staleMs` could look like a
  // regular one (half of the difference at either end), neither the interval before it nor the one after teaches anything.
  const vague = gap || elapsedMs === null || elapsedMs > (t.staleMs - t.reportIntervalMs) / 2;
  return {
    ...before,
    ...habitAfter({ ...before, torn: before.torn || vague }, row, t),
    updatedAt: row.updatedAt,
    unmovedMs: 0,
    silentMs: 0,
    moves: flipped ? 1 : Math.min(3, before.moves + 1),
    forced: row.forcedDown,
    torn: vague,
  };
}

function habitAfter(before: Ages, row: NodeView, t: Timings): Pick<Ages, 'habitMs' | 'intervals'> {
  // A stand-still that counts as failed is no habit: learn anew. A node that always stands so long never becomes regular.
  if (before.unmovedMs >= t.staleMs) return { habitMs: 0, intervals: 0 };
  const { habitMs, intervals } = before;
  if (row.forcedDown || before.forced || row.state !== 'up') return { habitMs, intervals };
  return {
    habitMs: Math.max(before.unmovedMs, Math.round(habitMs * 0.98)),
    intervals: before.torn ? intervals : Math.min(HABIT_NEEDS, intervals + 1),
  };
}

export interface Heard {
  verdict: Verdict;
  evidence: readonly Evidence[];
  /** Names of the channels that hear the node itself. */
  direct: ReadonlySet<string>;
}

/** Counts the sample. Unknown neither grows nor resets anything; any answer of the node itself ends its silence. */
export function countSample(ages: Ages, row: NodeView, heard: Heard, elapsedMs: number | null): Ages {
  const own = heard.evidence.filter((e) => heard.direct.has(e.channel)).map((e) => e.verdict);
  const answered = own.some(lives);
  const silent = !answered && !own.includes('unknown');
  return {
    ...ages,
    failed: heard.verdict === 'failed' ? ages.failed + 1 : lives(heard.verdict) ? 0 : ages.failed,
    degraded: heard.verdict === 'degraded' ? ages.degraded + 1 : heard.verdict === 'unknown' ? ages.degraded : 0,
    down: answered || row.state === 'up' ? 0 : silent && row.state === 'down' ? ages.down + 1 : ages.down,
    silentMs: answered ? 0 : silent ? Math.min(ages.silentMs + (elapsedMs ?? 0), ages.unmovedMs) : ages.silentMs,
  };
}
