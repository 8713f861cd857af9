// Is there room elsewhere? Asked of Placement before a POST: Nova answers NoValidHost only afterwards, and then the instance is
// in ERROR and its former state is lost.
import type { NodeView } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { Candidate, OpenStack } from '../openstack/types.ts';
import { ageMs, moment, type Clock, type Moment } from './clock.ts';
import type { Need } from './contract.ts';
import type { Evacuator } from './driver.ts';
import { charge, fitting, take, type Room } from './fit.ts';
import { classesOf, needKey } from './needs.ts';

/** How old an answer of Placement may be for the quick look before a POST, and how long a POST takes to show in it. */
const FRESH_MS = 5_000;

export interface Seat {
  /** Where it shall go; null: Nova's scheduler chooses. */
  host: string | null;
  /** The POST was sent: from now on Placement learns of it. */
  sent(): void;
  leave(): void;
}

export interface Rooms {
  /** All destinations and what is free there for these needs, read now. `why`: one line for a person. */
  survey(
    needs: readonly Need[],
    node: string,
    timings: Timings,
  ): Promise<{
    room: Room;
    hosts: string[];
    zones: ReadonlyMap<string, string>;
    why: string;
  }>;
  /**
   * A seat for one instance, by an answer at most 5 s old, less what this worker is sending meanwhile. Null with the reason.
   * `busy`: there is room, but as many are in flight as the destinations may take at once. `deal`: a host is chosen where the fewest
   * are in flight from this worker: of `zone`, of any where that is null, of the dead node's own where nobody knows it. `prefer`: this
   * host where it has room, else Nova's choice.
   */
  seat(
    need: Need,
    node: string,
    limits: { perDestination: number; deal: boolean; zone?: string | null | undefined; prefer?: string | null },
    timings: Timings,
  ): Promise<Seat | { why: string; busy: boolean }>;
}

export function createRooms(openstack: OpenStack, clock: Clock, evacuator: Evacuator): Rooms {
  const seats = new Set<Taken>();
  const dealt = new Map<string, number>();
  const services = cached<NodeView[]>(clock);
  const candidates = cached<Candidate[]>(clock);

  async function survey(needs: readonly Need[], node: string, timings: Timings, maxAgeMs = 0) {
    const o = { timeoutMs: timings.novaReadMs };
    const distinct = new Map(needs.map((n) => [needKey(n), n]));
    const nodes = await services('', maxAgeMs, () => openstack.compute.services(o));
    const hosts = destinationsOf(nodes.value, node, evacuator);
    const room: Room = { free: new Map(), allowed: new Map() };
    const strangers = new Set<string>();
    let readAt = nodes.at;
    const answers = [...distinct].map(async ([key, need]) => {
      const answer = await candidates(key, maxAgeMs, () => openstack.placement.candidates(need, o));
      return { key, answer };
    });
    for (const { key, answer } of await Promise.all(answers)) {
      if (ageMs(clock, answer.at) > ageMs(clock, readAt)) readAt = answer.at;
      const allowed = new Set<string>();
      for (const { provider, host: told, free } of answer.value) {
        const host = told ?? hostOf(provider, nodes.value);
        if (host === null) strangers.add(provider);
        else if (hosts.includes(host)) {
          allowed.add(host);
          room.free.set(host, { ...room.free.get(host), ...free });
        }
      }
      room.allowed.set(key, allowed);
    }
    const zones = new Map(nodes.value.map((n) => [n.host, n.zone]));
    return { room, hosts, readAt, zones, why: describe(room, hosts, strangers, [...distinct.values()]) };
  }

  return {
    survey,
    async seat(need, node, { perDestination, deal, zone, prefer = null }, timings) {
      let seen = await survey([need], node, timings, FRESH_MS);
      // Enabled a moment ago: an answer of before does not know it yet.
      if (prefer !== null && !seen.hosts.includes(prefer)) seen = await survey([need], node, timings);
      const { room, hosts, readAt, zones, why } = seen;
      // Claims of POSTs that were sent shortly before the answer was read may not have been in it.
      const unseen = [...seats].filter(
        (s) => s.sent === null || ageMs(clock, s.sent) < ageMs(clock, readAt) + FRESH_MS,
      );
      for (const s of unseen) {
        room.allowed.set(needKey(s.need), room.allowed.get(needKey(s.need)) ?? new Set(room.free.keys()));
        if (s.host === null) take(room, s.need);
        else charge(room, s.host, s.need);
      }
      const fits = fitting(room, need);
      if (fits.length === 0) return { why, busy: false };
      if (seats.size >= perDestination * hosts.length)
        return { why: `${seats.size} evacuations are in flight to ${hosts.length} destinations`, busy: true };
      const its = zone === undefined ? zones.get(node) : zone;
      const near = deal ? fits.filter((host) => its === null || zones.get(host) === its) : [];
      const host =
        prefer !== null && fits.includes(prefer) ? prefer : near.length > 0 ? fewest(near, seats, dealt) : null;
      if (host !== null && inFlight(seats, host) >= perDestination)
        return {
          why: `each of ${near.length || 1} destinations has ${perDestination} evacuations in flight`,
          busy: true,
        };
      if (host !== null) dealt.set(host, (dealt.get(host) ?? 0) + 1);
      const seat: Taken = { need, host, sent: null };
      seats.add(seat);
      return { host, sent: () => (seat.sent = moment(clock)), leave: () => seats.delete(seat) };
    },
  };
}

/** What this worker is sending, or has in flight. */
interface Taken {
  need: Need;
  host: string | null;
  sent: Moment | null;
}

const inFlight = (seats: ReadonlySet<Taken>, host: string): number => [...seats].filter((s) => s.host === host).length;

/** Fewest in flight, then fewest dealt so far; of equals the first (the most memory). */
function fewest(
  hosts: readonly string[],
  seats: ReadonlySet<Taken>,
  dealt: ReadonlyMap<string, number>,
): string | null {
  const load = (host: string): number => inFlight(seats, host) * 1_000_000 + (dealt.get(host) ?? 0);
  return hosts.reduce<string | null>((best, h) => (best === null || load(h) < load(best) ? h : best), null);
}

/** Without the RPC of a normal disable the dead node itself stays a candidate in Placement: only these may take one. */
const destinationsOf = (nodes: NodeView[], node: string, evacuator: Evacuator): string[] =>
  nodes
    .filter((n) => n.host !== node && n.state === 'up' && n.status === 'enabled' && !n.forcedDown)
    .map((n) => n.host)
    .filter((host) => evacuator.reaches(host));

const short = (name: string): string => name.split('.')[0] ?? name;

/** A provider is named after the hypervisor's hostname: the host's own name, or its long or short form where only one fits. */
export function hostOf(provider: string, nodes: readonly Pick<NodeView, 'host'>[]): string | null {
  if (nodes.some((n) => n.host === provider)) return provider;
  const near = nodes.filter((n) => short(n.host) === short(provider));
  return near.length === 1 && near[0] ? near[0].host : null;
}

function describe(room: Room, hosts: string[], strangers: ReadonlySet<string>, needs: Need[]): string {
  const full = needs.filter((n) => (room.allowed.get(needKey(n))?.size ?? 0) === 0);
  const wants = full.map((n) =>
    Object.entries(classesOf(n))
      .map(([c, amount]) => `${amount} ${c}`)
      .join(' + '),
  );
  const some = (list: string[]): string => list.slice(0, 5).join(', ') + (list.length > 5 ? ' …' : '');
  return [
    hosts.length === 0
      ? 'no other node is up and enabled'
      : `${hosts.length} nodes may take instances (${some(hosts)})`,
    wants.length > 0 ? `none of them has ${some(wants)}` : '',
    strangers.size > 0 ? `Placement also names ${some([...strangers])}, of which no nova-compute service is known` : '',
  ]
    .filter(Boolean)
    .join('; ');
}

/** Shares an answer between all who ask within its age. A failure is not kept. */
function cached<T>(clock: Clock) {
  const kept = new Map<string, { at: Moment; answer: Promise<T> }>();
  return async (key: string, maxAgeMs: number, read: () => Promise<T>): Promise<{ value: T; at: Moment }> => {
    const old = kept.get(key);
    const entry = old && ageMs(clock, old.at) < maxAgeMs ? old : { at: moment(clock), answer: read() };
    kept.set(key, entry);
    try {
      return { value: await entry.answer, at: entry.at };
    } catch (error) {
      if (kept.get(key) === entry) kept.delete(key);
      throw error;
    }
  };
}
