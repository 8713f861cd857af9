// Temporal's side of fencing and the guard: heartbeats, cancellation, what a lost attempt leaves behind, and the witness.
import { CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createFencingActivities, createGuardActivities } from '../../../activities/fencing/activities.ts';
import type { FencingDeps } from '../../../activities/fencing/activities.ts';
import type { FenceInput, GuardInput } from '../../../activities/fencing/contract.ts';
import type { FenceDevice } from '../../../activities/fencing/driver.ts';
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
