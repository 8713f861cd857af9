// What a look tells of the fleet as a whole: who fell silent together, whose reports do not arrive, which domain has lost too many, and
// whether Nova's own services and our own network can be trusted.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { lookAtFleet } from '../../../activities/monitoring/look-at-fleet.ts';
import { EMPTY_MEMORY } from '../../../activities/monitoring/judge.ts';
import type { Memory } from '../../../activities/monitoring/judge.ts';
import { sweepOnce } from '../../../activities/monitoring/sweep.ts';
import type { Policy } from '../../../workflows/defaults.ts';
import { FakeFleet, POLICY, T } from './fleet.ts';

const { signal } = new AbortController();
const input = (policy: Policy = POLICY) => ({ policy, unmoved: {}, closely: ['compute-1'], lastWholeCount: 1 });

/** Sweeps for so long, each interval; what the last one saw. */
async function sweepFor(fleet: FakeFleet, ms: number, memory: Memory, policy = POLICY) {
  let last = null;
  for (let t = 0; t < ms; t += T.sweepEveryMs) {
    fleet.clock.time += T.sweepEveryMs;
    last = await sweepOnce(fleet, policy, last?.memory ?? memory, () => T.sweepEveryMs, signal);
  }
  return last!;
}

test('nodes whose silence began within one interval are counted together, and only for a while', async () => {
  const fleet = new FakeFleet(12);
  const well = await sweepFor(fleet, 60_000, EMPTY_MEMORY);
  assert.equal(well.sight.lost, 0);
  fleet.kill('compute-9');
  const one = await sweepFor(fleet, 40_000, well.memory);
  for (const n of [1, 2, 3]) fleet.kill(`compute-${n}`);
  const seen = await sweepFor(fleet, 50_000, one.memory);
  assert.deepEqual([seen.sight.failed.length, seen.sight.lost], [4, 3]);
  const later = await sweepFor(fleet, T.coolDownMs + 30_000, seen.memory);
  assert.deepEqual(
    [later.sight.failed.length, later.sight.lost],
    [4, 0],
    'what did not come back is no cliff any more',
  );
});

test('a node that a person holds, dead for weeks, is no part of a cliff that a new monitor sees', async () => {
  const fleet = new FakeFleet(12);
  for (const n of [1, 2, 3, 4]) {
    fleet.kill(`compute-${n}`);
    fleet.node(`compute-${n}`).row = { status: 'disabled', disabledReason: 'ann: waits for parts' };
  }
  fleet.clock.time += 86_400_000;
  const { sight } = await sweepFor(fleet, 60_000, EMPTY_MEMORY);
  assert.deepEqual([sight.failed.length, sight.lost, sight.stale], [4, 0, []]);
});

test('reports that do not arrive are told also of nodes that answer for themselves', async () => {
  const fleet = new FakeFleet(6);
  const well = await sweepFor(fleet, 60_000, EMPTY_MEMORY);
  for (const n of [1, 2, 3]) {
    fleet.kill(`compute-${n}`);
    fleet.node(`compute-${n}`).net = 'alive';
  }
  const { sight } = await sweepFor(fleet, 60_000, well.memory);
  assert.deepEqual([sight.failed, sight.stale], [[], ['compute-1', 'compute-2', 'compute-3']]);
});

test('a domain over its limit is told, of aggregates too; aggregates that cannot be read are trouble, not nothing', async () => {
  const fleet = new FakeFleet(6);
  fleet.kill('compute-1');
  fleet.kill('compute-2');
  fleet.aggregates = { 'rack-a': ['compute-1', 'compute-2', 'compute-3'], gpu: ['compute-6'] };
  const domains = [{ aggregates: ['rack-*'], most: 1 }];
  const policy = { ...POLICY, limits: { ...POLICY.limits, domains } };
  const { sight } = await sweepFor(fleet, 120_000, EMPTY_MEMORY, policy);
  const rack = { name: 'aggregate rack-a', nodes: 3, down: ['compute-1', 'compute-2'], most: 1 };
  assert.deepEqual(sight.domains, [rack]);
  const broken = Object.create(fleet, {
    openstack: {
      value: { compute: { ...fleet.openstack.compute, aggregates: () => Promise.reject(new Error('503')) } },
    },
  }) as FakeFleet;
  const blind = await sweepOnce(broken, policy, EMPTY_MEMORY, () => null, signal);
  assert.match(blind.sight.control ?? '', /the host aggregates cannot be read \(503\)/);
});

test('a look for an admission says whether a scheduler and a conductor are up', async () => {
  const fleet = new FakeFleet(4);
  assert.equal((await lookAtFleet(fleet, input(), signal)).sight.control, '');
  fleet.controllers = () => ({ 'nova-scheduler': 'up', 'nova-conductor': 'down' });
  assert.equal((await lookAtFleet(fleet, input(), signal)).sight.control, 'no nova-conductor is up');
  fleet.controllers = () => ({});
  assert.equal(
    (await lookAtFleet(fleet, input(), signal)).sight.control,
    'no nova-scheduler and no nova-conductor is up',
  );
  fleet.controllers = () => {
    throw new Error('[GET] compute /os-services: 500');
  };
  assert.match((await lookAtFleet(fleet, input(), signal)).sight.control ?? '', /cannot be asked for \(\[GET\].*500\)/);
});

let router: Server;
before(() => {
  router = createServer((socket) => socket.destroy());
  return new Promise<void>((resolve) => router.listen(0, '127.0.0.1', resolve));
});
after(() => new Promise((resolve) => router.close(resolve)));

test('one reference address that answers is enough, a refused port is an answer, and none configured is no trouble', async () => {
  const fleet = new FakeFleet(4);
  const there = { host: '127.0.0.1', port: (router.address() as AddressInfo).port };
  // Reserved for documentation: no route leads there (RFC 5737), or nobody answers.
  const gone = { host: '192.0.2.77', port: 22 };
  const look = (references: (typeof there)[]) =>
    lookAtFleet(
      Object.assign(fleet, { references }),
      input({ ...POLICY, timings: { ...T, tcpTimeoutMs: 100 } }),
      signal,
    );
  assert.equal((await look([])).sight.references, '');
  assert.equal((await look([gone, there])).sight.references, '');
  assert.match((await look([gone])).sight.references ?? '', /no reference address answers \(192\.0\.2\.77: 22 /);
});
