// Would everything on some nodes fit on the rest? Promises that hold for every fleet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Need } from '../../../activities/evacuation/contract.ts';
import type { Room } from '../../../activities/evacuation/fit.ts';
import { biggest, ifGone, type Load } from '../../../activities/evacuation/fleet-fit.ts';
import { classesOf, needKey } from '../../../activities/evacuation/needs.ts';

const NEEDS: Need[] = [
  { vcpus: 1, ram: 512, disk: 0 },
  { vcpus: 2, ram: 4_096, disk: 20 },
  { vcpus: 8, ram: 16_384, disk: 0, extra: { VGPU: 1 } },
  { vcpus: 0, ram: 0, disk: 0 },
];

interface Fleet {
  room: Room;
  loads: Load[];
  gone: number;
}

const hostOf = (n: number): string => `compute-${n}`;

/** Hosts with their room, what is on each, which of them Placement names for which need, and how many are gone. */
const someFleet: fc.Arbitrary<Fleet> = fc
  .array(
    fc.record({
      free: fc.record(
        { VCPU: fc.nat(16), MEMORY_MB: fc.nat(32_768), DISK_GB: fc.nat(100), VGPU: fc.nat(2) },
        { noNullPrototype: true },
      ),
      has: fc.array(fc.nat(NEEDS.length - 1), { maxLength: 8 }),
      takes: fc.array(fc.boolean(), { minLength: NEEDS.length, maxLength: NEEDS.length }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .chain((hosts) => fc.record({ hosts: fc.constant(hosts), gone: fc.integer({ min: 0, max: hosts.length }) }))
  .map(({ hosts, gone }) => ({
    gone,
    room: {
      free: new Map(hosts.map(({ free }, n) => [hostOf(n), free])),
      allowed: new Map(
        NEEDS.map((need, k) => [
          needKey(need),
          new Set(hosts.flatMap(({ takes }, n) => (takes[k] === true ? [hostOf(n)] : []))),
        ]),
      ),
    },
    loads: hosts.map(({ has }, n) => ({
      node: hostOf(n),
      zone: 'nova',
      waiting: has.map((k, i) => ({ id: `${n}-${i}`, need: NEEDS[k]! })),
    })),
  }));

const check = (promise: (fleet: Fleet) => void): void => fc.assert(fc.property(someFleet, promise), { numRuns: 300 });
const weightless = (need: Need): boolean => Object.keys(classesOf(need)).length === 0;

test('nobody is seated on a node that is gone, on one that Placement does not name, or past what is free there', () => {
  check(({ room, loads, gone }) => {
    const dead = loads.slice(0, gone);
    const seats = ifGone(room, dead);
    const used = new Map<string, Record<string, number>>();
    for (const { id, need } of dead.flatMap((l) => l.waiting)) {
      const host = seats.get(id);
      if (host === undefined || weightless(need)) continue;
      assert.ok(!dead.some((l) => l.node === host), `${id} on ${host}, which is gone`);
      assert.ok(room.allowed.get(needKey(need))?.has(host), `${id} on ${host}, which may not take it`);
      const sum = used.get(host) ?? {};
      for (const [name, n] of Object.entries(classesOf(need))) sum[name] = (sum[name] ?? 0) + n;
      used.set(host, sum);
    }
    for (const [host, sum] of used)
      for (const [name, n] of Object.entries(sum))
        assert.ok(n <= (room.free.get(host)?.[name] ?? 0), `${n} ${name} on ${host}`);
  });
});

test('who gets no seat finds none beside the others either', () => {
  check(({ room, loads, gone }) => {
    const dead = loads.slice(0, gone);
    const waiting = dead.flatMap((l) => l.waiting);
    const seats = ifGone(room, dead);
    const left = new Map([...room.free].map(([host, free]): [string, Record<string, number>] => [host, { ...free }]));
    for (const { id, need } of waiting) {
      const free = left.get(seats.get(id) ?? '');
      if (free) for (const [name, n] of Object.entries(classesOf(need))) free[name] = (free[name] ?? 0) - n;
    }
    for (const { id, need } of waiting.filter((w) => !seats.has(w.id))) {
      const hosts = [...(room.allowed.get(needKey(need)) ?? [])].filter((h) => !dead.some((l) => l.node === h));
      const fits = hosts.filter((h) => Object.entries(classesOf(need)).every(([c, n]) => (left.get(h)?.[c] ?? 0) >= n));
      assert.deepEqual(fits, [], id);
    }
  });
});

test('only those that wait are seated, what needs nothing always is, and nobody is where nothing may take them', () => {
  check(({ room, loads, gone }) => {
    const dead = loads.slice(0, gone);
    const waiting = dead.flatMap((l) => l.waiting);
    const seats = ifGone(room, dead);
    assert.ok([...seats.keys()].every((id) => waiting.some((w) => w.id === id)));
    assert.ok(waiting.filter((w) => weightless(w.need)).every((w) => seats.has(w.id)));
    const nowhere = ifGone(room, dead, new Set());
    assert.deepEqual(
      [...nowhere.keys()].sort(),
      waiting
        .filter((w) => weightless(w.need))
        .map((w) => w.id)
        .sort(),
    );
  });
});

test('the question changes nothing: the room is as it was, and the answer the same again', () => {
  check(({ room, loads, gone }) => {
    const dead = loads.slice(0, gone);
    const before = structuredClone(room);
    const first = ifGone(room, dead);
    biggest(room, loads, 2);
    assert.deepEqual(room, before);
    assert.deepEqual(ifGone(room, dead), first);
  });
});

test('the hardest nodes are so many as were asked for, and the first of k + 1 are those of k', () => {
  check(({ room, loads, gone: k }) => {
    const found = biggest(room, loads, k);
    assert.equal(found.length, k);
    assert.equal(new Set(found.map((l) => l.node)).size, k);
    assert.deepEqual(biggest(room, loads, k + 1).slice(0, k), found);
  });
});

test('the hardest node stays the hardest with twice as much on it', () => {
  check(({ room, loads }) => {
    const [first] = biggest(room, loads, 1);
    const doubled = loads.map((l) => (l === first ? { ...l, waiting: [...l.waiting, ...l.waiting] } : l));
    assert.equal(biggest(room, doubled, 1)[0]?.node, first?.node);
  });
});

test('of two nodes with the same on them the one with more room of its own is the harder to lose', () => {
  const waiting = (node: string) => [{ id: `${node}-1`, need: NEEDS[1]! }];
  const loads = ['a', 'b', 'c'].map((node) => ({ node, zone: 'nova', waiting: waiting(node) }));
  const free = new Map([4, 64, 8].map((n, i) => ['abc'[i]!, { VCPU: n, MEMORY_MB: n * 4_096, DISK_GB: n * 20 }]));
  const room = { free, allowed: new Map([[needKey(NEEDS[1]!), new Set(['a', 'b', 'c'])]]) };
  assert.deepEqual(
    biggest(room, loads, 3).map((l) => l.node),
    ['b', 'c', 'a'],
  );
});
