// Stories of one level, on a virtual clock: every one of them ends with the truth about the machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import type { FakeDevice } from './fake-device.ts';
import { fence } from './level-story.ts';
import { VirtualClock } from './virtual-clock.ts';

const offs = (devices: FakeDevice[]): number[] => devices.map((device) => device.offs());

test('proves a node off with one command and two reads of off, the hold apart', async () => {
  const { result, devices } = await fence({});
  assert.equal(result.kind, 'proven');
  assert.ok(result.kind === 'proven' && result.offSent);
  assert.deepEqual([result.proof.kind, result.proof.level, result.proof.devices], ['power', 'bmc', ['fake 1: off']]);
  assert.match(result.proof.witness, /no sign of life for 4\d s \(silent; updated_at T0\)/);
  assert.deepEqual(offs(devices), [1]);
  const off = devices[0]!.calls.filter(({ said }) => said === 'off').map(({ at }) => at);
  assert.ok(off.at(-1)! - off[0]! >= DEFAULT_TIMINGS.powerHoldMs);
});

test('asks the address so early within the hold that its silence and the second read of off are one moment', async () => {
  const at: number[] = [];
  const { devices, seconds } = await fence({
    sees: (_, elapsedMs) => {
      at.push(elapsedMs);
      return {};
    },
  });
  const off = devices[0]!.calls.filter(({ said }) => said === 'off').map((call) => call.at);
  assert.ok(off.at(-1)! - off[0]! >= DEFAULT_TIMINGS.powerHoldMs, 'the reads are the hold apart');
  assert.equal(at.length, 2);
  assert.ok(
    at[1]! + DEFAULT_TIMINGS.tcpTimeoutMs <= seconds * 1_000,
    'its time limit is over when the proof is complete',
  );
});

test('an address that answers within the hold is a contradiction, though the power reads off twice', async () => {
  const { result } = await fence({ sees: (n) => (n === 1 ? { tcp: 'answers', saw: '22 open' } : {}) });
  assert.deepEqual([result.kind, result.kind === 'contradiction' && result.saw], ['contradiction', '22 open']);
});

test('looks once more and asks the run, in this order, right before the off', async () => {
  const { log } = await fence({});
  assert.deepEqual(log.slice(0, 3), ['look', 'mayFence', 'off']);
});

test('sends nothing to a node that it finds off', async () => {
  const { result, devices, log } = await fence({ devices: [{ power: 'off', identityConfirmed: true }] });
  assert.ok(result.kind === 'proven' && !result.offSent);
  assert.deepEqual([offs(devices), log.includes('mayFence')], [[0], false]);
});

test('touches nothing when the node answers at the last look', async () => {
  const { result, devices } = await fence({ sees: () => ({ tcp: 'answers', saw: '22 open' }) });
  assert.deepEqual([result, offs(devices)], [{ kind: 'alive', saw: '22 open' }, [0]]);
});

test('touches nothing when the node reported to Nova since the evidence', async () => {
  const { result, devices } = await fence({ sees: () => ({ updatedAt: 'T1' }) });
  assert.deepEqual([result.kind, offs(devices)], ['alive', [0]]);
});

test('sends nothing when the last look finds Nova unreadable', async () => {
  const { result, devices } = await fence({ sees: () => ({ updatedAt: undefined, saw: 'row unread' }) });
  assert.ok(result.kind === 'unproven' && !result.offSent);
  assert.match(result.why, /nothing was sent.*row unread/);
  assert.deepEqual(offs(devices), [0]);
});

test('a further off is sent only while the marker of the run stands: a node that was given back is left on', async () => {
  const again = { again: 1 };
  const ours = await fence({ input: again, sees: () => ({ holder: 'r', tcp: 'answers' }) });
  assert.deepEqual(offs(ours.devices), [1], 'signs of life are no false alarm then');
  for (const holder of [null, 'another']) {
    const { result, devices } = await fence({ input: again, sees: () => ({ holder, saw: 'enabled' }) });
    assert.deepEqual([result, offs(devices)], [{ kind: 'markGone', saw: 'enabled', offSent: false }, [0]]);
  }
});

test('where Nova cannot be read a further off goes by what the guard read a moment ago, and by nothing older', async () => {
  const unread = { updatedAt: undefined, holder: undefined, saw: 'row unread' };
  const tell = (markSeenAt: string | null) => fence({ input: { again: 1, markSeenAt }, sees: () => unread });
  const now = new VirtualClock().iso();
  assert.deepEqual(offs((await tell(now)).devices), [1]);
  const long = new Date(Date.parse(now) - DEFAULT_TIMINGS.guardBlindMs - 1_000).toISOString();
  for (const seen of [long, null]) {
    const { result, devices } = await tell(seen);
    assert.ok(result.kind === 'unproven' && !result.offSent, result.kind);
    assert.match(result.why, /nothing was sent: nobody sees whether the run's marker still stands \(row unread\)/);
    assert.deepEqual(offs(devices), [0]);
  }
});

test('sends nothing when the run says no', async () => {
  const { result, devices } = await fence({ may: { ok: false, why: 'paused by ann' } });
  assert.deepEqual([result, offs(devices)], [{ kind: 'forbidden', why: 'paused by ann', offSent: false }, [0]]);
});

test('sends nothing to a node that was registered anew', async () => {
  const { result, devices } = await fence({ sees: () => ({ anotherService: true, saw: 'its service is s2 now' }) });
  assert.deepEqual([result.kind, offs(devices)], ['forbidden', [0]]);
});

test('does not believe a device that takes the off and stays on', async () => {
  const { result, devices, seconds } = await fence({ devices: [{ offAfterMs: Infinity }] });
  assert.ok(result.kind === 'unproven' && result.offSent);
  assert.deepEqual(
    [result.devices, offs(devices)],
    [[{ label: 'fake 1', power: 'on', detail: 'fake 1: on (its off: taken)' }], [1]],
  );
  assert.ok(seconds >= 60 && seconds < 65, `${seconds}`);
});

test('waits for a slow off', async () => {
  const { result } = await fence({ devices: [{ offAfterMs: 40_000 }] });
  assert.equal(result.kind, 'proven');
});

test('reads the status after an off that was refused: it may be off already', async () => {
  const { result, devices } = await fence({ devices: [{ offFault: 'refused', offAfterMs: 0 }] });
  assert.deepEqual([result.kind, offs(devices)], ['proven', [1]]);
});

test('gives the level up at once when the off is refused and the node is on', async () => {
  const { result, seconds } = await fence({ devices: [{ offFault: 'refused', offAfterMs: Infinity }] });
  assert.equal(result.kind, 'unproven');
  assert.ok(seconds < 5, `${seconds}`);
});

test('proves by reading when the reply to the off was lost, and does not send it again', async () => {
  const { result, devices } = await fence({ devices: [{ offFault: 'timeout', offAfterMs: 5_000 }] });
  assert.deepEqual([result.kind, offs(devices)], ['proven', [1]]);
});

test('gives up without an off when the BMC died with the node', async () => {
  const { result, devices, seconds } = await fence({ devices: [{ statusFault: 'unreachable', statusMs: 10_000 }] });
  assert.ok(result.kind === 'unproven' && !result.offSent);
  assert.equal(result.devices[0]?.fault, 'unreachable');
  assert.deepEqual([offs(devices), seconds], [[0], 20]);
});

test('tries a wrong password once', async () => {
  const { result, devices } = await fence({ devices: [{ statusFault: 'auth' }] });
  assert.ok(result.kind === 'unproven' && !result.offSent);
  assert.deepEqual(devices[0]!.calls.length, 1);
});

test('does not go on with a password that was locked between status and off', async () => {
  const { result, devices } = await fence({ devices: [{ offFault: 'auth', offAfterMs: Infinity }] });
  assert.ok(result.kind === 'unproven' && !result.offSent);
  assert.deepEqual(
    devices[0]!.calls.map(({ what }) => what),
    ['status', 'off', 'status'],
  );
});

test('does not touch a device that belongs to another machine', async () => {
  const { result, devices } = await fence({ devices: [{ statusFault: 'mismatch' }] });
  assert.deepEqual([result.kind, offs(devices)], ['unproven', [0]]);
});

test('is not fooled by a node that goes on again within the hold', async () => {
  const { result } = await fence({ devices: [{ onAgainAfterMs: 1_500 }] });
  assert.ok(result.kind === 'unproven' && result.offSent);
  assert.match(result.why, /went on again/);
});

test('never proves with one of two devices unknown', async () => {
  const { result, devices } = await fence({ devices: [{}, { statusFault: 'refused' }] });
  assert.ok(result.kind === 'unproven' && result.offSent);
  assert.deepEqual(
    [result.devices.map(({ power }) => power), offs(devices)],
    [
      ['off', 'unknown'],
      [1, 1],
    ],
  );
});

test('sends off only to the device that is not off yet', async () => {
  const { result, devices } = await fence({ devices: [{ power: 'off' }, {}] });
  assert.deepEqual([result.kind, offs(devices)], ['proven', [0, 1]]);
});

test('is delayed by a device that hangs for its time limit only', async () => {
  const { result, seconds } = await fence({
    devices: [{ power: 'off' }, { statusMs: Infinity, offAfterMs: Infinity }],
  });
  assert.equal(result.kind, 'unproven');
  assert.ok(seconds < 100, `${seconds}`);
});

test('speaks of a contradiction when the device says off and the node answers', async () => {
  const { result, devices } = await fence({
    devices: [{ says: 'off' }],
    sees: () => ({ tcp: 'answers', saw: '22 open' }),
  });
  assert.deepEqual([result, offs(devices)], [{ kind: 'contradiction', saw: '22 open', offSent: false }, [0]]);
});

test('speaks of a contradiction when the device goes off and the node goes on reporting', async () => {
  const { result } = await fence({ sees: (n, ms) => (n === 0 ? {} : { updatedAt: `T${ms}` }) });
  assert.ok(result.kind === 'contradiction' && result.offSent);
});

test('waits out a last report that was on its way while the node went off', async () => {
  const { result, seconds } = await fence({ sees: (n) => (n === 0 ? {} : { updatedAt: 'T1' }) });
  assert.equal(result.kind, 'proven');
  assert.ok(seconds > DEFAULT_TIMINGS.reportIntervalMs / 1_000);
});

test('does not prove while Nova cannot be read', async () => {
  const { result } = await fence({ sees: (n) => (n === 0 ? {} : { updatedAt: undefined }) });
  assert.ok(result.kind === 'unproven' && result.offSent);
  assert.match(result.why, /reads off, but its row cannot be read/);
});

test('takes its own off for a proof where nobody can reach the address', async () => {
  const { result } = await fence({ sees: () => ({ tcp: 'unknown' }) });
  assert.equal(result.kind, 'proven');
});

test('found off by a device of unknown identity, the node must have been silent for longer', async () => {
  const found = { devices: [{ power: 'off' as const }], input: { silentMs: 5_000 } };
  const { result, seconds } = await fence(found);
  assert.equal(result.kind, 'proven');
  assert.ok(seconds >= 25, `${seconds}`);
  const unseen = await fence({ ...found, sees: () => ({ tcp: 'unknown' }) });
  assert.equal(unseen.result.kind, 'unproven');
  const ours = await fence({ ...found, input: { silentMs: 20_000 }, offSentBefore: true });
  assert.ok(ours.result.kind === 'proven' && ours.result.offSent && ours.seconds < 10, 'our own off of a lost attempt');
});

test('fences a node again that came back, and proves only once it stopped reporting', async () => {
  const { result, devices, seconds } = await fence({
    input: { again: 1 },
    sees: (_n, _ms, [device]) =>
      device!.behaviour.power === 'on' ? { tcp: 'answers', updatedAt: 'T7', holder: 'r' } : { updatedAt: 'T8' },
  });
  assert.deepEqual([result.kind, offs(devices)], ['proven', [1]]);
  assert.ok(seconds > DEFAULT_TIMINGS.reportIntervalMs / 1_000, `${seconds}`);
});

test('never takes a level without devices for off', async () => {
  const { result } = await fence({ devices: [] });
  assert.equal(result.kind, 'unproven');
});

test('sends nothing to a node that says it writes its memory dump, and takes that for no proof', async () => {
  const { result, devices, log } = await fence({ dumping: true });
  assert.deepEqual([result.kind, offs(devices), log], ['dumping', [0], []]);
});

for (const [what, told] of [
  ['that was waited for', { input: { afterDump: true } }],
  ['of a node that came back while its instances are moved', { input: { again: 1 }, sees: () => ({ holder: 'r' }) }],
  ['once an off may have been sent', { offSentBefore: true }],
] as const)
  test(`does not wait for a dump ${what}`, async () => {
    const { result, devices } = await fence({ dumping: true, ...told });
    assert.deepEqual([result.kind, offs(devices)], ['proven', [1]]);
  });

test('a node found off is proven off, whoever says that it writes a dump', async () => {
  const { result } = await fence({ dumping: true, devices: [{ power: 'off', identityConfirmed: true }] });
  assert.equal(result.kind, 'proven');
});
