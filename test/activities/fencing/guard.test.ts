// Stories of the guard on a virtual clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GuardInput, GuardResult } from '../../../activities/fencing/contract.ts';
import { guardByReading, RunGone } from '../../../activities/fencing/guard.ts';
import type { GuardMemory } from '../../../activities/fencing/guard-mind.ts';
import type { GuardSight } from '../../../activities/fencing/run-line.ts';
import type { Sign } from '../../../activities/fencing/witness.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import { fakeDevice } from './fake-device.ts';
import type { Behaviour, FakeDevice } from './fake-device.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Watch {
  clock: VirtualClock;
  devices: FakeDevice[];
  sign: Sign;
  told: GuardSight['seeing'][];
  memory: GuardMemory | null;
  work: Promise<GuardResult>;
  /** Of the guard's work; null: it still reads. */
  ended: () => GuardResult | Error | null;
  stop: AbortController;
  second: (n: number) => Promise<void>;
}

interface Given {
  devices?: Partial<Behaviour>[];
  level?: string | null;
  sign?: Partial<Sign>;
  memory?: GuardMemory | null;
  look?: (watch: Watch) => Promise<Sign>;
  tell?: () => Promise<'told' | 'gone'>;
}

function watch(given: Given = {}): Watch {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const devices = (given.devices ?? [{ power: 'off' }]).map((b, i) => fakeDevice(clock, b, `fake ${i + 1}`));
  const sign: Sign = { tcp: 'silent', updatedAt: 'T0', anotherService: false, saw: 'seen', ...given.sign };
  const told: Watch['told'] = [];
  let ended: GuardResult | Error | null = null;
  const input: GuardInput = {
    cloud: 'c',
    node: 'compute-1',
    serviceId: 's',
    hostIp: '10.0.0.1',
    level: given.level === undefined ? 'bmc' : given.level,
    updatedAt: 'T0',
    workflowId: 'c/compute-1',
    runId: 'r',
    epoch: 1,
    timings: DEFAULT_TIMINGS,
  };
  const self: Watch = {
    clock,
    devices,
    sign,
    told,
    memory: given.memory ?? null,
    stop,
    ended: () => ended,
    second: (n) => clock.pass(n * 1_000),
    work: new Promise(() => undefined),
  };
  self.work = guardByReading(input, {
    devices,
    look: () => (given.look ? given.look(self) : Promise.resolve({ ...sign })),
    tell: async ({ seeing }) => {
      const answer = await (given.tell ? given.tell() : Promise.resolve('told' as const));
      told.push(seeing);
      return answer;
    },
    clock,
    signal: stop.signal,
    progress: () => undefined,
    memory: self.memory,
    remember: (newest) => (self.memory = newest),
  });
  self.work.then(
    (result) => (ended = result),
    (error: Error) => (ended = error),
  );
  return self;
}

test('tells the run that it reads off, once, after the first read', async () => {
  const guard = watch();
  await guard.second(1);
  assert.deepEqual(guard.told, ['off']);
  await guard.second(60);
  assert.deepEqual([guard.told, guard.ended()], [['off'], null]);
});

test('reads every device at the interval of the policy', async () => {
  const guard = watch({ devices: [{ power: 'off' }, { power: 'off' }] });
  await guard.second(51);
  for (const { calls } of guard.devices) assert.equal(calls.length, 11);
});

test('does not say off before all devices read off', async () => {
  const guard = watch({ devices: [{ power: 'off' }, { power: 'off', statusMs: 12_000 }] });
  await guard.second(11);
  assert.deepEqual(guard.told, []);
  await guard.second(2);
  assert.deepEqual(guard.told, ['off']);
});

test('comes back at the first read of on', async () => {
  const guard = watch();
  await guard.second(20);
  guard.devices[0]!.behaviour.power = 'on';
  await guard.second(6);
  const end = guard.ended();
  assert.ok(end && 'kind' in end);
  assert.deepEqual([end.kind, end.saw], ['on', 'fake 1: on']);
});

test('sees on within its interval while another device and Nova hang', async () => {
  const guard = watch({
    devices: [{ power: 'off' }, { power: 'off', statusMs: Infinity }],
    look: () => new Promise(() => undefined),
  });
  await guard.second(7);
  guard.devices[0]!.behaviour.power = 'on';
  await guard.second(5.5);
  const end = guard.ended();
  assert.ok(end && 'kind' in end && end.kind === 'on');
});

test('comes back as soon as the node answers on the network', async () => {
  const guard = watch();
  await guard.second(10);
  Object.assign(guard.sign, { tcp: 'answers', saw: '22 open' });
  await guard.second(6);
  const end = guard.ended();
  assert.ok(end && 'kind' in end);
  assert.deepEqual([end.kind, end.saw], ['alive', '22 open']);
});

test('takes one move of the row for an edit, and a second one a report interval later for life', async () => {
  const guard = watch();
  await guard.second(10);
  guard.sign.updatedAt = 'T1';
  await guard.second(6);
  guard.sign.updatedAt = 'T2';
  await guard.second(5);
  assert.equal(guard.ended(), null, 'two moves close together are one person who edits twice');
  await guard.second(60);
  assert.equal(guard.ended(), null);
  guard.sign.updatedAt = 'T3';
  await guard.second(6);
  const end = guard.ended();
  assert.ok(end && 'kind' in end && end.kind === 'alive');
  assert.match(end.saw, /reports to Nova again/);
});

test('does not take an unreachable network for life or for silence', async () => {
  const guard = watch({ sign: { tcp: 'unknown', updatedAt: undefined } });
  await guard.second(120);
  assert.deepEqual([guard.ended(), guard.told], [null, ['off']]);
});

test('says that it is blind after a minute without a read, and that it sees again after two', async () => {
  const guard = watch();
  await guard.second(10);
  guard.devices[0]!.behaviour.statusFault = 'unreachable';
  await guard.second(55);
  assert.deepEqual(guard.told, ['off']);
  await guard.second(12);
  assert.deepEqual(guard.told, ['off', 'blind']);
  guard.devices[0]!.behaviour.statusFault = null;
  await guard.second(4);
  assert.deepEqual(guard.told, ['off', 'blind'], 'one read is not enough');
  await guard.second(8);
  assert.deepEqual([guard.told, guard.ended()], [['off', 'blind', 'off'], null]);
});

test('is blind too when a device only hangs', async () => {
  const guard = watch();
  await guard.second(10);
  guard.devices[0]!.behaviour.statusMs = Infinity;
  await guard.second(75);
  assert.deepEqual(guard.told, ['off', 'blind']);
});

test('goes on counting where the attempt before it ended', async () => {
  const memory: GuardMemory = { blind: false, unseenMs: 50_000, updatedAt: 'T1', movedMs: 20_000 };
  const guard = watch({ memory, devices: [{ power: 'off', statusFault: 'unreachable' }], sign: { updatedAt: 'T1' } });
  await guard.second(12);
  assert.deepEqual(guard.told, ['blind']);
  guard.sign.updatedAt = 'T2';
  await guard.second(6);
  const end = guard.ended();
  assert.ok(end && 'kind' in end && end.kind === 'alive');
});

test('needs two reads of off after a takeover from a blind guard', async () => {
  const guard = watch({ memory: { blind: true, unseenMs: 80_000, updatedAt: 'T0', movedMs: null } });
  await guard.second(1);
  assert.deepEqual(guard.told, ['blind']);
  await guard.second(6);
  assert.deepEqual(guard.told, ['blind', 'off']);
});

test('has witnesses only for a proof by a person, and is never blind then', async () => {
  const guard = watch({ level: null, devices: [], sign: { updatedAt: undefined } });
  await guard.second(120);
  assert.deepEqual(guard.told, [], 'silence that nobody can see is not said');
  guard.sign.updatedAt = 'T0';
  await guard.second(6);
  assert.deepEqual([guard.told, guard.ended()], [['off'], null]);
});

test('says it again when the server did not take it', async () => {
  let down = true;
  const guard = watch({ tell: () => (down ? Promise.reject(new Error('unavailable')) : Promise.resolve('told')) });
  await guard.second(20);
  assert.deepEqual([guard.told, guard.ended()], [[], null]);
  down = false;
  await guard.second(6);
  assert.deepEqual(guard.told, ['off']);
});

test('ends when the run that it guards is gone', async () => {
  const guard = watch({ tell: () => Promise.resolve('gone') });
  await guard.second(1);
  assert.ok(guard.ended() instanceof RunGone);
});

test('ends at once when it is cancelled, also while everything hangs', async () => {
  const guard = watch({ devices: [{ power: 'off', statusMs: Infinity }], look: () => new Promise(() => undefined) });
  await guard.second(3);
  guard.stop.abort(new Error('enough'));
  await new Promise(setImmediate);
  assert.match(String(guard.ended()), /enough/);
});

test('says of its trouble whether it has itself read the marker of the run, and not what an attempt before it read', async () => {
  const standing = watch({ sign: { holder: 'r' } });
  await standing.second(6);
  standing.devices[0]!.behaviour.power = 'on';
  await standing.second(6);
  const seen = await standing.work;
  assert.deepEqual([seen.kind, seen.marked], ['on', true]);
  const memory = { blind: false, unseenMs: 0, updatedAt: 'T0', movedMs: null };
  for (const given of [{ sign: { holder: null } }, { sign: { updatedAt: undefined }, memory }]) {
    const other = watch(given);
    await other.second(6);
    other.devices[0]!.behaviour.power = 'on';
    await other.second(6);
    assert.equal((await other.work).marked, false);
  }
});
