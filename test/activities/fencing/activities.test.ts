// Temporal's side of fencing and the guard: heartbeats, cancellation, what a lost attempt leaves behind, and the witness.
import { CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createFencingActivities, createGuardActivities } from '../../../activities/fencing/activities.ts';
import type { FencingDeps } from '../../../activities/fencing/activities.ts';
import type { FenceInput, GuardInput } from '../../../activities/fencing/contract.ts';
import type { FenceDevice } from '../../../activities/fencing/driver.ts';
import { kdumpConfig, listenForDumps, saysDumping, type Dumps } from '../../../activities/fencing/kdump.ts';
import type { Fencing } from '../../../activities/fencing/levels.ts';
import type { GuardSight, RunLine } from '../../../activities/fencing/run-line.ts';
import { witnessOf } from '../../../activities/fencing/witness.ts';
import { systemClock } from '../../../activities/monitoring/clock.ts';
import type { Compute } from '../../../activities/openstack/types.ts';
import { DEFAULT_TIMINGS, scaleTimings } from '../../../workflows/defaults.ts';
import type { NodeView } from '../../../workflows/domain.ts';
import { until } from '../../support/until.ts';
import { silentPort } from '../monitoring/silent-port.ts';
import { fakeDevice } from './fake-device.ts';
import type { Behaviour } from './fake-device.ts';

const timings = { ...scaleTimings(DEFAULT_TIMINGS, 0.01), novaReadMs: 5_000, tcpTimeoutMs: 500 };
const ROW: NodeView = {
  host: 'compute-1',
  serviceId: 's',
  zone: 'nova',
  status: 'enabled',
  state: 'down',
  forcedDown: false,
  disabledReason: null,
  updatedAt: 'T0',
  hostIp: '127.0.0.1',
};

const fencingOf = (...devices: FenceDevice[]): Fencing => ({
  levelsOf: () => [{ name: 'bmc', kind: 'power', devices }],
  nodesWithDevices: (nodes) => [...nodes],
  problems: () => [],
  close: () => Promise.resolve(),
});

const computeOf = (service: Compute['service']) => ({
  compute: { service, services: () => Promise.resolve([ROW]) } as unknown as Compute,
});

function depsOf(device: FenceDevice, runs: Partial<RunLine> = {}): FencingDeps {
  return {
    fencing: fencingOf(device),
    openstack: computeOf(() => Promise.resolve(ROW)),
    tcpPorts: [],
    timings,
    runs: {
      mayFence: () => Promise.resolve({ ok: true, why: '' }),
      guardSaw: () => Promise.resolve('told'),
      ...runs,
    },
  };
}

const run = <A extends unknown[], R>(
  environment: MockActivityEnvironment,
  activity: (...given: A) => Promise<R>,
  ...given: A
): Promise<R> => environment.run<A, R, (...given: A) => Promise<R>>(activity, ...given);

const quick = (given: Partial<Behaviour> = {}) => fakeDevice(systemClock, { statusMs: 5, offAfterMs: 5, ...given });

const FENCE: FenceInput = {
  cloud: 'c',
  node: 'compute-1',
  serviceId: 's',
  hostIp: '127.0.0.1',
  level: 'bmc',
  updatedAt: 'T0',
  silentMs: 40_000,
  workflowId: 'c/compute-1',
  runId: 'r',
  again: 0,
  timings,
};
const GUARD: GuardInput = { ...FENCE, level: 'bmc', epoch: 3 };

test('fences through the activity, asking the run that it works for', async () => {
  const asked: unknown[] = [];
  const device = quick();
  const activities = createFencingActivities(
    depsOf(device, {
      mayFence: ({ workflowId, runId }, level, limitMs) => {
        asked.push([workflowId, runId, level, limitMs]);
        return Promise.resolve({ ok: true, why: '' });
      },
    }),
  );
  const result = await run(new MockActivityEnvironment(), activities.fenceLevel, FENCE);
  assert.deepEqual(
    [result.kind, device.offs(), asked],
    ['proven', 1, [['c/compute-1', 'r', 'bmc', timings.permissionMs]]],
  );
});

test('says what was sent when it is cancelled in the middle of a fence', async () => {
  const environment = new MockActivityEnvironment();
  const device = quick({ offAfterMs: Infinity });
  const work = run(environment, createFencingActivities(depsOf(device)).fenceLevel, {
    ...FENCE,
    timings: DEFAULT_TIMINGS,
  });
  await until(() => device.offs() === 1, { what: 'the off was sent' });
  environment.cancel();
  assert.deepEqual(await work, { kind: 'forbidden', why: 'cancelled', offSent: true });
});

test('leaves a fence to another worker when its own shuts down, and lets it know of the off', async () => {
  const environment = new MockActivityEnvironment();
  const beats: unknown[] = [];
  environment.on('heartbeat', (details) => beats.push(details));
  const device = quick({ offAfterMs: Infinity });
  const work = run(environment, createFencingActivities(depsOf(device)).fenceLevel, {
    ...FENCE,
    timings: DEFAULT_TIMINGS,
  });
  await until(() => device.offs() === 1, { what: 'the off was sent' });
  environment.cancel('WORKER_SHUTDOWN');
  await assert.rejects(work, CancelledFailure);
  assert.deepEqual(beats.at(-1), { offSent: true });

  device.behaviour.power = 'off';
  const next = new MockActivityEnvironment({ attempt: 2, heartbeatDetails: beats.at(-1) });
  const result = await run(next, createFencingActivities(depsOf(device)).fenceLevel, FENCE);
  assert.ok(result.kind === 'proven' && result.offSent);
});

test('refuses a level that its own file does not have', async () => {
  const work = run(new MockActivityEnvironment(), createFencingActivities(depsOf(quick())).fenceLevel, {
    ...FENCE,
    level: 'pdu',
  });
  await assert.rejects(work, /fencing level pdu of compute-1: not in this worker's configuration/);
});

test('switches on what reads off, and nothing that reads on', async () => {
  const device = quick({ power: 'off' });
  const { powerOn, readPower } = createFencingActivities(depsOf(device));
  const environment = new MockActivityEnvironment();
  assert.equal((await run(environment, powerOn, { node: 'compute-1', timings })).ok, true);
  assert.equal((await run(environment, powerOn, { node: 'compute-1', timings })).ok, true);
  assert.equal(device.calls.filter(({ what }) => what === 'on').length, 1);
  assert.deepEqual(await run(environment, readPower, 'compute-1'), [
    { level: 'bmc', label: 'fake 1', power: 'on', detail: 'fake 1: on' },
  ]);
});

test('guards with heartbeats that carry ages, and ends at once when it is cancelled', async () => {
  const environment = new MockActivityEnvironment();
  const beats: unknown[] = [];
  environment.on('heartbeat', (details) => beats.push(details));
  const told: GuardSight[] = [];
  const guardSaw: RunLine['guardSaw'] = (_run, sight) => Promise.resolve(told.push(sight) ? 'told' : 'gone');
  const { guardNode } = createGuardActivities(depsOf(quick({ power: 'off' }), { guardSaw }));
  const work = run(environment, guardNode, GUARD);
  await until(() => beats.length > 3, { what: 'it heartbeats' });
  environment.cancel();
  await assert.rejects(work, CancelledFailure);
  assert.deepEqual(
    told.map(({ epoch, seeing }) => [epoch, seeing]),
    [[3, 'off']],
  );
  const { blind, unseenMs, updatedAt, movedMs } = beats.at(-1) as Record<string, unknown>;
  assert.deepEqual([blind, typeof unseenMs, updatedAt, movedMs], [false, 'number', 'T0', null]);
});

test('ends the guard for good when its run is closed', async () => {
  const { guardNode } = createGuardActivities(
    depsOf(quick({ power: 'off' }), { guardSaw: () => Promise.resolve('gone') }),
  );
  await assert.rejects(run(new MockActivityEnvironment(), guardNode, GUARD), { type: 'NotFound', nonRetryable: true });
});

test('the witness takes a refused connection for an answer', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const look = witnessOf(
    computeOf(() => Promise.resolve(ROW)),
    [port],
    FENCE,
    timings,
  );
  const sign = await look(new AbortController().signal);
  assert.deepEqual([sign.tcp, sign.updatedAt, sign.anotherService], ['answers', 'T0', false]);
});

test('the witness takes an address that never answers for silence', async () => {
  const silent = await silentPort();
  const look = witnessOf(
    computeOf(() => Promise.resolve(ROW)),
    [silent.port],
    FENCE,
    timings,
  );
  const sign = await look(new AbortController().signal);
  await silent.close();
  assert.equal(sign.tcp, 'silent');
});

test('the witness knows nothing, and says so, where it can reach neither', async () => {
  const broken = computeOf(() => Promise.reject(new Error('[GET] compute /os-services: 503')));
  const look = witnessOf(broken, [22], { ...FENCE, hostIp: null }, timings);
  const sign = await look(new AbortController().signal);
  assert.deepEqual([sign.tcp, sign.updatedAt], ['unknown', undefined]);
  assert.match(sign.saw, /no host_ip; Nova's row unread \(\[GET\] compute \/os-services: 503\)/);
});

test('the witness sees that the node was registered anew', async () => {
  const look = witnessOf(
    computeOf(() => Promise.resolve({ ...ROW, serviceId: 's2' })),
    [],
    FENCE,
    timings,
  );
  const sign = await look(new AbortController().signal);
  assert.deepEqual([sign.tcp, sign.anotherService], ['none', true]);
});

// Memory dumps

/** As fence_kdump_send on a machine of this byte order writes it. */
const DUMPING = Buffer.from('402a301b01000000', 'hex');

async function udpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}

async function say(from: string, port: number, message = DUMPING): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, from, done));
  await new Promise((done) => socket.send(message, port, '127.0.0.1', done));
  await new Promise<void>((done) => socket.close(done));
}

async function ears(t: TestContext, more: object = {}): Promise<{ dumps: Dumps; port: number }> {
  const port = await udpPort();
  const dumps = listenForDumps(kdumpConfig.parse({ wait: '5m', listen: `127.0.0.1:${port}`, ...more }));
  t.after(() => dumps.close());
  // Nobody says when a socket listens: a message of nobody's is said until it is heard.
  await until(async () => (await say('127.9.9.9', port), dumps.heard('nobody', '127.9.9.9')), { what: 'it listens' });
  return { dumps, port };
}

test('a message counts in either byte order, and only whole, of version 1', () => {
  assert.ok(saysDumping(DUMPING) && saysDumping(Buffer.from('1b302a4000000001', 'hex')));
  for (const wrong of [
    '',
    '402a301b',
    '402a301b02000000',
    '412a301b01000000',
    '402a301b0100000000',
    '1b302a4001000000',
  ])
    assert.ok(!saysDumping(Buffer.from(wrong, 'hex')), wrong);
});

test('hears a node by its own addresses only, and only what is a message', async (t) => {
  const { dumps, port } = await ears(t, { addresses: { n2: ['127.0.0.22'] } });
  await say('127.0.0.11', port);
  await say('127.0.0.22', port);
  await say('127.0.0.33', port, Buffer.from('hello123'));
  await until(() => dumps.heard('n2', null), { what: 'it hears the address that is configured' });
  assert.equal(dumps.heard('n1', '127.0.0.11')?.from, '127.0.0.11');
  assert.deepEqual([dumps.heard('n1', '127.0.0.12'), dumps.heard('n1', null)], [null, null]);
  assert.equal(dumps.heard('n3', '127.0.0.33'), null);
});

test('a changed configuration listens on the same address, and knows what was heard before', async (t) => {
  const { dumps, port } = await ears(t);
  await say('127.0.0.11', port);
  await until(() => dumps.heard('n1', '127.0.0.11'), { what: 'it heard' });
  const next = listenForDumps(kdumpConfig.parse({ wait: '1m', listen: `127.0.0.1:${port}` }));
  t.after(() => next.close());
  dumps.close();
  assert.ok(next.heard('n1', '127.0.0.11'));
});

test('an address that is taken is said, and no fence waits for a dump', async (t) => {
  const { port } = await ears(t);
  const other = listenForDumps(kdumpConfig.parse({ wait: '5m', listen: `0.0.0.0:${port}` }));
  t.after(() => other.close());
  await until(() => other.trouble(), { what: 'it cannot listen' });
  const fencing = { ...fencingOf(quick()), dumps: () => other };
  const activities = createFencingActivities({ ...depsOf(quick()), fencing });
  assert.match(
    await run(new MockActivityEnvironment(), activities.readyFencing),
    new RegExp(`cannot listen for memory dumps on 0\\.0\\.0\\.0:${port}: EADDRINUSE`),
  );
  assert.equal((await run(new MockActivityEnvironment(), activities.fenceLevel, FENCE)).kind, 'proven');
});

const dumpsOf = (heard: () => number | null): Dumps => ({
  ...{ waitMs: 300_000, silenceMs: 300, trouble: () => null, close: () => undefined },
  heard: () => {
    const agoMs = heard();
    return agoMs === null ? null : { agoMs, from: '10.0.0.1' };
  },
});
const awaiting = (dumps: Dumps | null) =>
  createFencingActivities({ ...depsOf(quick()), fencing: { ...fencingOf(quick()), dumps: () => dumps } }).awaitDumpEnd;
const DUMP = { node: 'compute-1', hostIp: '10.0.0.1', agoMs: 0, silenceMs: 300, leftMs: 60_000 };

test('a fence says who writes a dump, how long ago it was heard, and touches nothing', async () => {
  const device = quick();
  const fencing = { ...fencingOf(device), dumps: () => dumpsOf(() => 2_000) };
  const activities = createFencingActivities({ ...depsOf(device), fencing });
  const result = await run(new MockActivityEnvironment(), activities.fenceLevel, FENCE);
  assert.deepEqual(result, {
    ...{ kind: 'dumping', saw: 'compute-1 writes its memory dump (heard from 10.0.0.1 2 s ago)' },
    ...{ agoMs: 2_000, silenceMs: 300, waitMs: 300_000, offSent: false },
  });
  assert.equal(device.offs(), 0);
});

test('waits until the messages stop, and at most as long as it is told', async () => {
  let more = 3;
  const stops = awaiting(dumpsOf(() => (more-- > 0 ? 0 : null)));
  const ended = await run(new MockActivityEnvironment(), stops, DUMP);
  assert.ok(ended.ended && more < 0, ended.saw);
  const never = awaiting(dumpsOf(() => 0));
  assert.equal((await run(new MockActivityEnvironment(), never, { ...DUMP, leftMs: 400 })).ended, false);
});

test('a worker that hears nothing waits out the silence of a dump that another one heard, and goes on with its wait', async () => {
  const deaf = awaiting(null);
  assert.ok((await run(new MockActivityEnvironment(), deaf, DUMP)).ended);
  const heartbeatDetails = { agoMs: 0, waitedMs: 59_900 };
  const next = new MockActivityEnvironment({ attempt: 2, heartbeatDetails });
  assert.equal((await run(next, awaiting(dumpsOf(() => 0)), DUMP)).ended, false);
});
