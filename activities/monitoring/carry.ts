// The memory as it travels: in heartbeats from one attempt of the sweep to the next, and in the result from one sweep activity
// to the next, maybe in another process. Ages and counts only, never clock values.
import { z } from 'zod';
import { LARGE_FLEET } from '../../workflows/defaults.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { SweepCarry } from './contract.ts';
import { HABIT_NEEDS } from './judge.ts';
import type { Ages, Memory } from './judge.ts';

const age = z.number().nonnegative();
const count = z.int().nonnegative();
const flag = z.union([z.literal(0), z.literal(1)]);
const node = z.tuple([z.string().nullable(), age, age, count, count, age, count, count, flag, flag]);

const carry = z.object({
  v: z.literal(1),
  sweeps: count,
  lastWholeCount: count,
  notWhole: count,
  rest: z.enum(['regular', 'unknown']),
  nodes: z.record(z.string(), node),
});

const heartbeat = carry.extend({ ranMs: age });

type Packed = z.output<typeof node>;

/** More nodes in trouble than this are not carried: a fault of the network or of Nova, where the gates wait anyway. */
const CARRIED = 200;

/** What a node that nobody need remember looks like: healthy, and known to move regularly. */
const isCalm = (a: Ages, t: Timings): boolean =>
  a.failed === 0 && a.down === 0 && a.intervals >= HABIT_NEEDS && a.habitMs <= t.reportIntervalMs;

/** For the history: only the nodes that are not calm, so that its size does not grow with the fleet. */
export function toCarry(memory: Memory, t: Timings): SweepCarry {
  const { sweeps, lastWholeCount, notWhole } = memory;
  const open = [...memory.nodes].filter(([, a]) => !isCalm(a, t) || a.unmovedMs > t.reportIntervalMs);
  const kept = open.length <= CARRIED ? open : [];
  const calm = memory.nodes.size > 0 ? open.length <= CARRIED : memory.rest === 'regular';
  const nodes = Object.fromEntries(kept.map(([host, a]) => [host, packNode(a)]));
  return { v: 1, sweeps, lastWholeCount, notWhole, rest: calm ? 'regular' : 'unknown', nodes };
}

/** For a heartbeat: every node; of a large fleet only what is not calm, since this is written every second. */
export function toHeartbeat(memory: Memory, ranMs: number, t: Timings): SweepCarry & { ranMs: number } {
  const small = toCarry(memory, t);
  if (memory.nodes.size > LARGE_FLEET || memory.nodes.size === 0) return { ...small, ranMs: Math.floor(ranMs) };
  const nodes = Object.fromEntries([...memory.nodes].map(([host, a]) => [host, packNode(a)]));
  return { ...small, rest: 'unknown', nodes, ranMs: Math.floor(ranMs) };
}

/** Null for anything that is not ours, also of another release: then the sweep begins anew, which only takes longer. */
export function fromCarry(value: unknown): Memory | null {
  const parsed = carry.safeParse(value);
  if (!parsed.success) return null;
  const { nodes, sweeps, lastWholeCount, notWhole, rest } = parsed.data;
  const unpacked = Object.entries(nodes).map(([host, n]) => [host, unpackNode(n)] as const);
  return { sweeps, lastWholeCount, notWhole, rest, nodes: new Map(unpacked) };
}

export function fromHeartbeat(value: unknown): { memory: Memory; ranMs: number } | null {
  const parsed = heartbeat.safeParse(value);
  const memory = fromCarry(value);
  return parsed.success && memory ? { memory, ranMs: parsed.data.ranMs } : null;
}

// Rounded down: an age is never more than the truth.
const packNode = (a: Ages): Packed => [
  a.updatedAt,
  Math.floor(a.unmovedMs),
  Math.floor(a.silentMs),
  a.failed,
  a.down,
  Math.ceil(a.habitMs),
  a.intervals,
  a.moves,
  a.forced ? 1 : 0,
  a.torn ? 1 : 0,
];

function unpackNode(n: Packed): Ages {
  const [updatedAt, unmovedMs, silentMs, failed, down, habitMs, intervals, moves, forced, torn] = n;
  const numbers = { unmovedMs, silentMs, failed, down, habitMs, intervals, moves };
  return { updatedAt, ...numbers, forced: forced === 1, torn: torn === 1 };
}
