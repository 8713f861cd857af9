// Would everything on some nodes find room on the rest? Seats are taken as a recovery takes them. Pure.
import type { Need } from './contract.ts';
import { place, type Room } from './fit.ts';
import { classesOf } from './needs.ts';

/** What a node would have to give away, in order of priority. */
export interface Load {
  node: string;
  zone: string;
  waiting: { id: string; need: Need }[];
}

/** The room that is left once these hosts are gone; the given one is not changed. `only`: no other host counts. */
export function without(room: Room, gone: ReadonlySet<string>, only?: ReadonlySet<string>): Room {
  const stays = (host: string): boolean => !gone.has(host) && (only?.has(host) ?? true);
  return {
    free: new Map([...room.free].filter(([host]) => stays(host)).map(([host, free]) => [host, { ...free }])),
    allowed: new Map([...room.allowed].map(([key, hosts]) => [key, new Set([...hosts].filter(stays))])),
  };
}

/**
 * The seats of all that wait on these nodes, were they gone at once: id → host, those without one left out. By Placement's word of
 * now and the spread of Nova's own weigher; a cleverer packing may fit more. What needs nothing has a seat anywhere (host '').
 */
export function ifGone(room: Room, loads: readonly Load[], only?: ReadonlySet<string>): Map<string, string> {
  const waiting = loads.flatMap((l) => l.waiting);
  const weightless = waiting.filter((w) => Object.keys(classesOf(w.need)).length === 0);
  const rest = waiting.filter((w) => !weightless.includes(w));
  const seats = place(without(room, new Set(loads.map((l) => l.node)), only), [], rest);
  for (const { id } of weightless) seats.set(id, '');
  return seats;
}

/**
 * The k nodes whose loss at once is the hardest, one by one: what all of them need of a resource, as a share of what is free on the
 * rest. So a node counts by what is on it, and by the room that goes with it.
 */
export function biggest(room: Room, loads: readonly Load[], k: number): Load[] {
  const needs = new Map(loads.map((l) => [l, sum(l.waiting.map((w) => classesOf(w.need)))]));
  const chosen: Load[] = [];
  const rest = new Set(loads);
  const allFree = sum([...room.free.values()]);
  while (chosen.length < k && rest.size > 0) {
    const need = sum(chosen.map((l) => needs.get(l)!));
    const free = minus(allFree, sum(chosen.map((l) => room.free.get(l.node) ?? {})));
    const hardness = (l: Load): number => share(sum([need, needs.get(l)!]), minus(free, room.free.get(l.node) ?? {}));
    const next = [...rest]
      .map((load) => ({ load, hard: hardness(load) }))
      .reduce((a, b) => (harder(a, b) ? a : b)).load;
    chosen.push(next);
    rest.delete(next);
  }
  return chosen;
}

interface Rated {
  load: Load;
  hard: number;
}

const harder = (a: Rated, b: Rated): boolean =>
  (a.hard === b.hard
    ? b.load.waiting.length - a.load.waiting.length || a.load.node.localeCompare(b.load.node, 'en')
    : b.hard - a.hard) < 0;

type Amounts = Record<string, number>;

/** Of the scarcest resource; endless where there is none left of what is needed. */
const share = (need: Amounts, free: Amounts): number =>
  Math.max(0, ...Object.entries(need).map(([name, n]) => ((free[name] ?? 0) > 0 ? n / free[name]! : Infinity)));

function sum(all: readonly Amounts[]): Amounts {
  const total: Amounts = {};
  for (const one of all) for (const [name, amount] of Object.entries(one)) total[name] = (total[name] ?? 0) + amount;
  return total;
}

const minus = (a: Amounts, b: Amounts): Amounts =>
  Object.fromEntries(Object.entries(a).map(([name, n]) => [name, n - (b[name] ?? 0)]));
