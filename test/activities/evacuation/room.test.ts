// Room is asked of Placement before the POST, and only nodes that can take an instance count.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Need, RoomInput } from '../../../activities/evacuation/contract.ts';
import { fit, type Room } from '../../../activities/evacuation/fit.ts';
import { needKey, needOf } from '../../../activities/evacuation/needs.ts';
import { hostOf } from '../../../activities/evacuation/room.ts';
import { newInstance, newNode, NODE, NovaError, unavailable } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';

const small: Need = { vcpus: 1, ram: 512, disk: 1 };
const one = (id: string, need: Need = small) => ({ id, need });

type Found = { fits: string[]; why: string };

function find(s: Setup, change: Partial<RoomInput>, env = new MockActivityEnvironment()): Promise<Found> {
  const input: RoomInput = { node: NODE, waiting: [], posted: [], once: true, policy: s.policy, ...change };
  return env.run<[RoomInput], Found, (i: RoomInput) => Promise<Found>>((i) => s.acts.findRoom(i), input);
}

test('the dead node, disabled, down and forced-down nodes are no room, whatever Placement says', async () => {
  const s = setup();
  Object.assign(s.cloud.nodes.get('compute-2') ?? {}, { status: 'disabled' });
  Object.assign(s.cloud.nodes.get('compute-3') ?? {}, { state: 'down' });
  assert.deepEqual((await find(s, { waiting: [one('a')] })).fits, []);
  Object.assign(s.cloud.nodes.get('compute-3') ?? {}, { state: 'up', forcedDown: true });
  const none = await find(s, { waiting: [one('a')] });
  assert.deepEqual(none.fits, []);
  assert.match(none.why, /no other node is up and enabled/);
  Object.assign(s.cloud.nodes.get('compute-3') ?? {}, { forcedDown: false });
  assert.deepEqual((await find(s, { waiting: [one('a')] })).fits, ['a']);
});

test('the dead node is no room, whatever Placement and its row say', async () => {
  const s = setup();
  s.cloud.nodes.set(NODE, newNode(NODE));
  s.cloud.candidates = [{ provider: NODE, free: { VCPU: 64, MEMORY_MB: 131_072, DISK_GB: 1_000 } }];
  assert.deepEqual((await find(s, { waiting: [one('a')] })).fits, []);
});

test('those that fit are taken in order, after what was posted; a large one that does not fit lets smaller ones pass', async () => {
  const s = setup();
  s.cloud.candidates = [{ provider: 'compute-2', free: { VCPU: 4, MEMORY_MB: 2_048, DISK_GB: 100 } }];
  const large: Need = { vcpus: 2, ram: 1_536, disk: 1 };
  const waiting = [one('a'), one('large', large), one('b'), one('c'), one('d')];
  assert.deepEqual((await find(s, { waiting, posted: [one('p')] })).fits, ['a', 'b', 'c']);
});

test('one question per distinct need, however many wait', async () => {
  const s = setup();
  await find(s, {
    waiting: Array.from({ length: 50 }, (_, n) => one(`i${n}`, { ...small, ram: n % 2 ? 512 : 1_024 })),
  });
  assert.deepEqual([s.cloud.count('candidates'), s.cloud.count('services')], [2, 1]);
});

test('it waits, heartbeating, until something fits, also while the API is away', async () => {
  const s = setup();
  s.cloud.candidates = [];
  s.clock.after(40_000, () => {
    s.cloud.before.candidates = () => {
      throw unavailable();
    };
  });
  s.clock.after(100_000, () => {
    delete s.cloud.before.candidates;
    s.cloud.candidates = [{ provider: 'compute-3', free: { VCPU: 4, MEMORY_MB: 2_048, DISK_GB: 100 } }];
  });
  const beats: number[] = [];
  const env = new MockActivityEnvironment();
  env.on('heartbeat', () => beats.push(s.clock.ms()));
  const found = await find(s, { waiting: [one('a')], once: false }, env);
  assert.deepEqual(found.fits, ['a']);
  assert.ok(s.clock.ms() >= 100_000 && beats.length >= 100);
});

test('a cancel ends the wait; refused credentials are final; once tells a failure', async () => {
  const s = setup();
  s.cloud.candidates = [];
  const env = new MockActivityEnvironment();
  s.clock.after(5_000, () => env.cancel('CANCELLED'));
  await assert.rejects(find(s, { waiting: [one('a')], once: false }, env), /CANCELLED/);
  s.cloud.before.candidates = () => {
    throw new NovaError(403, 'forbidden', 'no');
  };
  await assert.rejects(find(s, { waiting: [one('a')], once: false }), { type: 'Forbidden', nonRetryable: true });
  s.cloud.before.candidates = () => {
    throw unavailable();
  };
  await assert.rejects(find(s, { waiting: [one('a')] }), /Service Unavailable/);
});

test('without room nothing is locked or sent', async () => {
  const s = setup();
  s.cloud.candidates = [{ provider: NODE, free: { VCPU: 64, MEMORY_MB: 99_999, DISK_GB: 999 } }];
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.equal(result.kind, 'noRoom');
  assert.deepEqual([s.cloud.count('lock'), s.cloud.count('evacuate')], [0, 0]);
});

test('two that race for the last place in one worker do not both get it', async () => {
  const s = setup();
  s.cloud.candidates = [{ provider: 'compute-2', free: { VCPU: 1, MEMORY_MB: 600, DISK_GB: 10 } }];
  const kinds = await Promise.all(['a', 'b'].map((n) => s.evacuate(s.input(newInstance(n))).then((r) => r.kind)));
  assert.deepEqual(kinds.sort(), ['noRoom', 'recovered']);
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('no more are in flight than the destinations may take at once; the others wait un-posted', async () => {
  const s = setup();
  s.policy.evacuation.perDestination = 1;
  let open = 0;
  let most = 0;
  s.cloud.onEvacuate = (i) => {
    most = Math.max(most, (open += 1));
    s.cloud.work(i, 'compute-2');
    s.clock.after(10_000, () => (open -= 1));
  };
  const names = ['a', 'b', 'c', 'd', 'e'];
  const results = await Promise.all(names.map((n) => s.evacuate(s.input(newInstance(n)))));
  assert.ok(results.every((r) => r.kind === 'recovered'));
  assert.equal(most, 2);
});

test('a provider is its host by the same name, or by the short one where only one fits', () => {
  const nodes = [{ host: 'c1' }, { host: 'c2.example.org' }, { host: 'c3.a' }, { host: 'c3.b' }];
  assert.equal(hostOf('c1.example.org', nodes), 'c1');
  assert.equal(hostOf('c2', nodes), 'c2.example.org');
  assert.equal(hostOf('c3.a', nodes), 'c3.a');
  assert.equal(hostOf('c3', nodes), null);
  assert.equal(hostOf('c10', nodes), null);
});

test('a volume-backed root takes no disk, swap does; dedicated CPUs and resource classes are asked for by name', () => {
  const flavor = { name: 'f', vcpus: 2, ram: 1_024, disk: 40, swap: 1_025, extraSpecs: {} as Record<string, string> };
  assert.deepEqual(needOf({ volumeBacked: true, flavor }), { vcpus: 2, ram: 1_024, disk: 2 });
  assert.deepEqual(needOf({ volumeBacked: false, flavor }), { vcpus: 2, ram: 1_024, disk: 42 });
  const extraSpecs = { 'hw:cpu_policy': 'dedicated', 'resources:VGPU': '1', 'resources:DISK_GB': '0' };
  const need = needOf({ volumeBacked: false, flavor: { ...flavor, extraSpecs } });
  assert.deepEqual(need, { vcpus: 0, ram: 1_024, disk: 0, extra: { PCPU: 2, VGPU: 1 } });
});

test('never promises more than is free', () => {
  const need = fc.record({
    vcpus: fc.integer({ min: 1, max: 8 }),
    ram: fc.integer({ min: 1, max: 64 }),
    disk: fc.constant(0),
  });
  const hosts = fc.array(fc.record({ VCPU: fc.nat(16), MEMORY_MB: fc.nat(128) }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(hosts, fc.array(need, { maxLength: 12 }), (free, needs) => {
      const room: Room = {
        free: new Map(free.map((f, n) => [`h${n}`, { ...f }])),
        allowed: new Map(needs.map((n) => [needKey(n), new Set(free.map((_, h) => `h${h}`))])),
      };
      const fits = fit(
        room,
        [],
        needs.map((n, id) => ({ id: `${id}`, need: n })),
      );
      const taken = fits.reduce((sum, id) => sum + (needs[Number(id)]?.ram ?? 0), 0);
      assert.ok(taken <= free.reduce((sum, f) => sum + f.MEMORY_MB, 0));
      for (const left of room.free.values()) assert.ok(Object.values(left).every((amount) => amount >= 0));
    }),
  );
});
