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

/** The allowed destinations where it fits, the one with the most memory left first: so Nova's own weigher spreads. */
export function fitting(room: Room, need: Need): string[] {
  const classes = Object.entries(classesOf(need));
  const left = (host: string, name: string): number => room.free.get(host)?.[name] ?? 0;
  return [...(room.allowed.get(needKey(need)) ?? [])]
    .filter((host) => classes.every(([name, amount]) => left(host, name) >= amount))
    .sort((a, b) => left(b, 'MEMORY_MB') - left(a, 'MEMORY_MB'));
}

/** Takes the need off what is free on this host, also below nothing. */
export function charge(room: Room, host: string, need: Need): void {
  const free = { ...room.free.get(host) };
  for (const [name, amount] of Object.entries(classesOf(need))) free[name] = (free[name] ?? 0) - amount;
  room.free.set(host, free);
}

/** Takes the need where Nova would put it. Null: it fits nowhere. */
export function take(room: Room, need: Need): string | null {
  const best = fitting(room, need)[0] ?? null;
  if (best !== null) charge(room, best, need);
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
  return [...place(room, posted, waiting).keys()];
}

/** The same, with the host that each would get by the room of now. */
export function place(
  room: Room,
  posted: readonly { need: Need }[],
  waiting: readonly { id: string; need: Need }[],
): Map<string, string> {
  for (const p of posted) take(room, p.need);
  const seats = new Map<string, string>();
  for (const w of waiting) {
    const host = take(room, w.need);
    if (host !== null) seats.set(w.id, host);
  }
  return seats;
}
