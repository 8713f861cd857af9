// Which of those that wait fit, by what Placement says is free. Pure.
import type { Need } from './contract.ts';
import { classesOf, needKey } from './needs.ts';

/** What is free on each destination, by resource class. */
export type Free = Map<string, Record<string, number>>;

export interface Room {
  free: Free;
  /** By needKey: the destinations that Placement names for such an instance (traits and classes matched). */
  allowed: Map<string, ReadonlySet<string>>;
}

/** Takes the need from the allowed destination with the most memory left, as Nova's own weigher spreads. Null: it fits nowhere. */
export function take(room: Room, need: Need): string | null {
  const classes = Object.entries(classesOf(need));
  let best: string | null = null;
  for (const host of room.allowed.get(needKey(need)) ?? []) {
    const free = room.free.get(host) ?? {};
    if (!classes.every(([name, amount]) => (free[name] ?? 0) >= amount)) continue;
    if (best === null || (free.MEMORY_MB ?? 0) > (room.free.get(best)?.MEMORY_MB ?? 0)) best = host;
  }
  if (best !== null) {
    const free = room.free.get(best) ?? {};
    room.free.set(best, { ...free, ...Object.fromEntries(classes.map(([name, n]) => [name, (free[name] ?? 0) - n])) });
  }
  return best;
}

/**
 * The ids of those that fit, in the order given (priority). What was posted is taken off first: its claim may not be in
 * Placement yet, and where it is, room is under-estimated for a moment, never over-estimated.
 */
export function fit(
  room: Room,
  posted: readonly { need: Need }[],
  waiting: readonly { id: string; need: Need }[],
): string[] {
  for (const p of posted) take(room, p.need);
  return waiting.filter((w) => take(room, w.need) !== null).map((w) => w.id);
}
