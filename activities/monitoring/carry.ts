// The memory as it travels: in heartbeats from one attempt of the sweep to the next, and in the result from one sweep activity
// to the next, maybe in another process. Ages and counts only, never clock values.
import { z } from 'zod';
import { LARGE_FLEET } from '../../workflows/defaults.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { SweepCarry } from './contract.ts';
import { HABIT_NEEDS, fingerprint } from './judge.ts';
import type { Ages, Memory } from './judge.ts';

const age = z.number().nonnegative();
const count = z.int().nonnegative();
const flag = z.union([z.literal(0), z.literal(1)]);
/** The last one stands only where it is not 0: an earlier release refuses what it does not know. */
const node = z.tuple([z.string().nullable(), age, age, count, count, age, count, count, flag, flag], count);

const carry = z.object({
  v: z.literal(1),
  sweeps: count,
  lastWholeCount: count,
  notWhole: count,
  calm: z.string().nullable(),
  nodes: z.record(z.string(), node),
  sinceMs: age.optional(),
});

const heartbeat = carry.extend({ ranMs: age });

type Packed = z.output<typeof node>;

/** More nodes in trouble than this are not carried: a fault of the network or of Nova, where the gates wait anyway. */
const CARRIED = 200;

/**
 * Fleets up to this size are carried whole: a node that dies shortly before the sweep goes to another worker is found as soon as otherwise. In a
 * larger one it loses what it had stood still until then, one report interval at most.
 */
const CARRIED_WHOLE = 100;

/** What a node that nobody need remember looks like: healthy, and known to move regularly. */
const isCalm = (a: Ages, t: Timings): boolean =>
  a.failed === 0 &&
  a.degraded === 0 &&
  a.down === 0 &&
  a.unmovedMs <= t.reportIntervalMs &&
  a.intervals >= HABIT_NEEDS &&
  a.habitMs <= t.reportIntervalMs;

/** For the history: of a large fleet only the nodes that are not calm, so that its size does not grow with the fleet. */
export function toCarry(memory: Memory, t: Timings): SweepCarry {
  const { sweeps, lastWholeCount, notWhole } = memory;
  const base = { v: 1, sweeps, lastWholeCount, notWhole } as const;
  // Handed on before any whole look: what was left out then is still left out.
  if (memory.calm !== null) return { ...base, calm: memory.calm, nodes: packAll([...memory.nodes.keys()], memory) };
  const hosts = [...memory.nodes.keys()];
  if (hosts.length <= CARRIED_WHOLE) return { ...base, calm: null, nodes: packAll(hosts, memory) };
  const open = [...memory.nodes].filter(([, a]) => !isCalm(a, t)).map(([host]) => host);
  if (open.length > CARRIED) return { ...base, calm: null, nodes: {} };
  const named = new Set(open);
  const calm = fingerprint(hosts.filter((host) => !named.has(host)));
  return { ...base, calm, nodes: packAll(open, memory) };
}

/** For a heartbeat: every node; of a large fleet only what is not calm, since this is written every second. */
export function toHeartbeat(memory: Memory, ranMs: number, t: Timings): SweepCarry & { ranMs: number } {
  const small = toCarry(memory, t);
  const isSmall = memory.nodes.size > LARGE_FLEET || memory.calm !== null;
  const all = isSmall ? small : { ...small, calm: null, nodes: packAll([...memory.nodes.keys()], memory) };
  return { ...all, ranMs: Math.floor(ranMs) };
}

const packAll = (hosts: string[], { nodes }: Memory): SweepCarry['nodes'] =>
  Object.fromEntries(hosts.map((host) => [host, packNode(nodes.get(host)!)]));

/** Null for anything that is not ours, also of another release: then the sweep begins anew, which only takes longer. */
export function fromCarry(value: unknown): Memory | null {
  const parsed = carry.safeParse(value);
  if (!parsed.success) return null;
  const { nodes, sweeps, lastWholeCount, notWhole, calm } = parsed.data;
  const unpacked = Object.entries(nodes).map(([host, n]) => [host, unpackNode(n)] as const);
  return { sweeps, lastWholeCount, notWhole, calm, nodes: new Map(unpacked) };
}

export function fromHeartbeat(value: unknown): { memory: Memory; ranMs: number; sinceMs: number | null } | null {
  const parsed = heartbeat.safeParse(value);
  const memory = fromCarry(value);
  return parsed.success && memory ? { memory, ranMs: parsed.data.ranMs, sinceMs: parsed.data.sinceMs ?? null } : null;
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
  ...(a.degraded > 0 ? [a.degraded] : []),
];

function unpackNode(n: Packed): Ages {
  const [updatedAt, unmovedMs, silentMs, failed, down, habitMs, intervals, moves, forced, torn, degraded = 0] = n;
  const numbers = { unmovedMs, silentMs, failed, degraded, down, habitMs, intervals, moves };
  return { updatedAt, ...numbers, forced: forced === 1, torn: torn === 1 };
}
