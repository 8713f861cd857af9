import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { SweepInput, SweepResult } from '../../../activities/monitoring/contract.ts';
import { makeSweepFleet } from '../../../activities/monitoring/sweep-fleet.ts';
import type { SweepDeps } from '../../../activities/monitoring/sweep-fleet.ts';
import { marker } from '../../../workflows/contract.ts';
import { FakeFleet, POLICY, T, inputOf } from './fleet.ts';

const RUN = '0a1b2c3d-0000-4000-8000-000000000001';

function depsOf(fleet: FakeFleet, over: Partial<SweepDeps> = {}): SweepDeps {
  const runs = { status: () => Promise.resolve('RUNNING') };
  const { openstack, channels, clock } = fleet;
  return { openstack, channels, clock, policyHash: 'hash', worker: 'me', runs: () => runs, ...over };
}

/** One activity on one worker; `env` to continue from a heartbeat or to cancel. */
const sweepOn = (
  fleet: FakeFleet,
  input: Partial<SweepInput>,
  env = new MockActivityEnvironment(),
  over: Partial<SweepDeps> = {},
): Promise<SweepResult> => env.run(makeSweepFleet(depsOf(fleet, over)).sweepFleet, inputOf(input));

const at = (fleet: FakeFleet, afterMs: number, act: () => void): void => {
  const due = fleet.clock.time + afterMs;
  const before = fleet.clock.onTime;
  let done = false;
  fleet.clock.onTime = (now) => {
    before(now);
    if (done || now < due) return;
    done = true;
    act();
  };
};

test('finds a dead node once it has stood still for the stale time, with its evidence', async () => {
  const fleet = new FakeFleet(5);
  at(fleet, 60_000, () => fleet.kill('compute-3'));
  const began = fleet.clock.time;
  const { findings, sight } = await sweepOn(fleet, {});
  assert.deepEqual(
    findings.map((f) => [f.kind, f.node]),
    [['failed', 'compute-3']],
  );
  const [failed] = findings;
  assert.ok(failed?.kind === 'failed');
  assert.equal(failed.suspicion.samples, POLICY.samples);
  assert.equal(failed.suspicion.evidence.length, 2);
  assert.ok(failed.suspicion.silentMs >= 30_000, `silent for ${failed.suspicion.silentMs}`);
  assert.deepEqual(sight.failed, ['compute-3']);
  const took = fleet.clock.time - began - 60_000;
  assert.ok(took <= T.staleMs + POLICY.samples * T.sweepEveryMs + 1_000, `took ${took} ms`);
});

test('tells nodes that failed together in one result', async () => {
  const fleet = new FakeFleet(5);
  // The same phase of reporting: both become stale in the same sweep.
  for (const host of ['compute-2', 'compute-4']) fleet.node(host).row = { state: 'down' };
  for (const host of ['compute-2', 'compute-4']) fleet.kill(host);
  const { findings, sweeps } = await sweepOn(fleet, {});
  assert.deepEqual(
    findings.map((f) => `${f.kind}:${f.node}`),
    ['failed:compute-2', 'failed:compute-4'],
  );
  assert.equal(sweeps, POLICY.samples);
});

test('one list call per sweep, and none of instances, while all is well', async () => {
  const fleet = new FakeFleet(50);
  const { sweeps, findings, sight } = await sweepOn(fleet, { wakeInMs: 300_000 });
  assert.equal(fleet.calls, sweeps);
  assert.equal(sweeps, 60);
  assert.deepEqual(findings, []);
  assert.equal(sight.alive, 50);
  assert.deepEqual(fleet.instanceCalls, []);
});

test('a large fleet is swept at the longer interval', async () => {
  const fleet = new FakeFleet(301);
  const { sweeps } = await sweepOn(fleet, { wakeInMs: 100_000 });
  assert.equal(sweeps, 10);
});

test('wakes in time, and at once when the time is nought', async () => {
  const fleet = new FakeFleet(3);
  const began = fleet.clock.time;
  assert.equal((await sweepOn(fleet, { wakeInMs: 7_000 })).sweeps, 2);
  assert.equal(fleet.clock.time - began, 7_000);
  assert.equal((await sweepOn(fleet, { wakeInMs: 0 })).sweeps, 1);
  assert.equal(fleet.clock.time - began, 7_000);
});

test('does not tell again what is known, nor anything of a node that is handled', async () => {
  const fleet = new FakeFleet(4);
  for (const host of ['compute-1', 'compute-2']) {
    fleet.kill(host);
    fleet.node(host).row = { state: 'down' };
  }
  const open = [{ node: 'compute-2', workflowId: 'test/compute-2', runId: RUN }];
  const { findings, sight } = await sweepOn(fleet, { known: ['failed:compute-1'], open, wakeInMs: 60_000 });
  assert.deepEqual(findings, []);
  assert.deepEqual(sight.failed, ['compute-1', 'compute-2']);
});

test('tells at the next start what the watch did not take in', async () => {
  const fleet = new FakeFleet(4);
  fleet.kill('compute-1');
  fleet.node('compute-1').row = { state: 'down' };
  const first = await sweepOn(fleet, {});
  const second = await sweepOn(fleet, { carried: first.carry });
  assert.deepEqual(
    second.findings.map((f) => [f.kind, f.node]),
    first.findings.map((f) => [f.kind, f.node]),
  );
  assert.equal(second.sweeps, first.sweeps + 1);
});

test('clears a known failed node that lives or is gone, and none that is unknown', async () => {
  const fleet = new FakeFleet(6);
  fleet.kill('compute-1');
  fleet.kill('compute-2');
  fleet.node('compute-1').row = { state: 'down' };
  fleet.node('compute-2').row = { state: 'down' };
  fleet.node('compute-2').net = 'unknown';
  const known = ['compute-1', 'compute-2', 'compute-3', 'deleted-9'].map((n) => `failed:${n}`);
  const { findings } = await sweepOn(fleet, { known });
  assert.deepEqual(findings, [
    { kind: 'cleared', node: 'compute-3', verdict: 'alive' },
    { kind: 'cleared', node: 'deleted-9', verdict: 'unknown' },
  ]);
});

test('a node in trouble is told once its samples agree, is over when it is well, and failed comes instead of it', async () => {
  const fleet = new FakeFleet(4);
  fleet.node('compute-2').net = 'degraded';
  fleet.node('compute-3').net = 'degraded';
  fleet.node('compute-3').row = { status: 'disabled', disabledReason: 'new memory' };
  const found = await sweepOn(fleet, { wakeInMs: 60_000 });
  assert.deepEqual(
    found.findings.map((f) => [f.kind, f.node]),
    [['degraded', 'compute-2']],
    'who disabled compute-3 knows why',
  );
  assert.deepEqual(found.sight.degraded, ['compute-2', 'compute-3']);
  assert.equal(found.sight.failed.length, 0);
  const known = ['degraded:compute-2'];
  const quiet = await sweepOn(fleet, { known, wakeInMs: 30_000 });
  assert.deepEqual(quiet.findings, []);
  fleet.node('compute-2').net = 'alive';
  const well = await sweepOn(fleet, { known, wakeInMs: 60_000 });
  assert.deepEqual(well.findings, [{ kind: 'cleared', node: 'compute-2', verdict: 'alive' }]);
  fleet.node('compute-2').net = 'auto';
  fleet.kill('compute-2');
  const raid = { verdict: 'degraded' as const, saw: 'rebuilding', readAt: '' };
  const look = () => Promise.resolve(new Map([['compute-2', raid]]));
  const channels = [...fleet.channels, { name: 'raid', channel: { look } }];
  const dead = await sweepOn(fleet, { known, wakeInMs: 600_000 }, undefined, { channels });
  assert.deepEqual(
    dead.findings.map((f) => f.kind),
    ['failed'],
  );
});

test('tells our own marked nodes apart from those of a person', async () => {
  const fleet = new FakeFleet(8);
  const mark = (host: string, disabledReason: string | null, more = {}): void => {
    fleet.kill(host);
    fleet.node(host).row = { status: 'disabled', forcedDown: true, state: 'down', disabledReason, ...more };
  };
  mark('compute-1', marker(RUN));
  mark('compute-2', marker(RUN, 'recovered'));
  const first = await sweepOn(fleet, {});
  assert.deepEqual(
    first.findings.map((f) => [f.kind, f.node]),
    [
      ['orphan', 'compute-1'],
      ['settled', 'compute-2'],
    ],
  );
  assert.deepEqual(first.sight.ours, ['compute-1', 'compute-2']);

  mark('compute-3', 'broken fan, ann', { forcedDown: false });
  mark('compute-4', 'empty', { forcedDown: false });
  mark('compute-5', null, { status: 'enabled' });
  // Maintenance: disabled, but it lives.
  fleet.node('compute-6').row = { status: 'disabled', disabledReason: 'update' };
  fleet.node('compute-4').instances = 0;
  const second = await sweepOn(fleet, { known: ['orphan:compute-1', 'settled:compute-2'] });
  assert.deepEqual(second.findings, [
    { kind: 'notOurs', node: 'compute-3', reason: 'disabled by a person: broken fan, ann', instances: 2 },
    { kind: 'notOurs', node: 'compute-5', reason: 'forced down by a person: no reason given', instances: 2 },
  ]);
  assert.deepEqual(fleet.instanceCalls, ['compute-3', 'compute-4', 'compute-5']);
});

test('a node that fails while readmission brings it back is failed anew; one whose forced_down stands is not', async () => {
  const fleet = new FakeFleet(8);
  const down = (host: string, reason: string, forcedDown: boolean): void => {
    fleet.kill(host);
    fleet.node(host).row = { status: 'disabled', forcedDown, state: 'down', disabledReason: reason };
  };
  down('compute-1', marker(RUN, 'returning'), false);
  down('compute-2', marker(RUN, 'recovered'), true);
  down('compute-3', marker(RUN, 'recovered'), false);
  down('compute-4', marker(RUN, 'returning', 'ann: new fans'), false);
  const known = ['settled:compute-1', 'settled:compute-2', 'settled:compute-3', 'settled:compute-4'];
  const { findings } = await sweepOn(fleet, { known });
  assert.deepEqual(
    findings.map((f) => [f.kind, f.node]),
    [['failed', 'compute-1']],
  );
  const again = await sweepOn(fleet, { known: [...known, 'failed:compute-1'], wakeInMs: 60_000 });
  assert.deepEqual(again.findings, []);
});

test('what was known of a node is over when its row says otherwise, and comes before what is found instead', async () => {
  const fleet = new FakeFleet(6);
  const down = (host: string, row: object): void => {
    fleet.kill(host);
    fleet.node(host).row = { state: 'down', ...row };
  };
  down('compute-1', { status: 'disabled', forcedDown: true, disabledReason: marker(RUN, 'recovered') });
  down('compute-2', { status: 'disabled', disabledReason: 'ann' });
  down('compute-4', { status: 'disabled', disabledReason: 'bob' });
  const known = ['failed:compute-1', 'failed:compute-2', 'settled:compute-3', 'notOurs:compute-4', 'notOurs:compute-5'];
  const { findings } = await sweepOn(fleet, { known });
  assert.deepEqual(
    findings.map((f) => [f.kind, f.node]),
    [
      ['cleared', 'compute-1'],
      ['cleared', 'compute-2'],
      ['cleared', 'compute-3'],
      ['cleared', 'compute-5'],
      ['settled', 'compute-1'],
    ],
  );
  const after = await sweepOn(fleet, { known: ['settled:compute-1', 'notOurs:compute-4'], wakeInMs: 60_000 });
  assert.deepEqual(
    after.findings.map((f) => [f.kind, f.node]),
    [['notOurs', 'compute-2']],
  );
});

test('asks for the instances of a held node once, not in every sweep', async () => {
  const fleet = new FakeFleet(4);
  fleet.kill('compute-1');
  Object.assign(fleet.node('compute-1'), { instances: 0, row: { status: 'disabled', state: 'down' } });
  await sweepOn(fleet, { wakeInMs: 200_000 });
  assert.deepEqual(fleet.instanceCalls, ['compute-1']);
});

test('is blind after three sweeps that are not whole, says so once, and says when it sees again', async () => {
  const fleet = new FakeFleet(10);
  const first = await sweepOn(fleet, { wakeInMs: 0 });
  fleet.list = () => {
    throw new Error('[GET] compute /os-services: 503 Service Unavailable');
  };
  const { findings, sight, carry } = await sweepOn(fleet, { carried: first.carry });
  assert.deepEqual(findings, [{ kind: 'blind', node: '', why: '[GET] compute /os-services: 503 Service Unavailable' }]);
  assert.equal(sight.whole, false);
  assert.equal(carry.notWhole, 3);
  assert.deepEqual((await sweepOn(fleet, { known: ['blind:'], carried: carry, wakeInMs: 60_000 })).findings, []);
  fleet.list = (rows) => rows;
  const again = await sweepOn(fleet, { known: ['blind:'], carried: carry });
  assert.deepEqual(again.findings, [{ kind: 'sighted', node: '' }]);
});

test('a list that shrank stays blind until a person accepts the smaller fleet', async () => {
  const fleet = new FakeFleet(10);
  const { carry } = await sweepOn(fleet, { wakeInMs: 0 });
  fleet.list = (rows) => rows.slice(0, 7);
  const small = await sweepOn(fleet, { carried: carry });
  assert.equal(small.findings[0]?.kind, 'blind');
  const accepted = await sweepOn(fleet, { carried: small.carry, known: ['blind:'], acceptNodes: 7 });
  assert.deepEqual(accepted.findings, [{ kind: 'sighted', node: '' }]);
});

test('says that its file differs from the policy of the watch, once', async () => {
  const fleet = new FakeFleet(2);
  const { findings } = await sweepOn(fleet, { policyHash: 'other' });
  assert.deepEqual(findings, [{ kind: 'filesDiffer', node: '', worker: 'me' }]);
  const known = ['filesDiffer:'];
  assert.deepEqual((await sweepOn(fleet, { policyHash: 'other', known, wakeInMs: 10_000 })).findings, []);
});

test('ends without a finding once its configuration was replaced, and what the watch has not heard of yet is no difference', async () => {
  const fleet = new FakeFleet(2);
  const replaced = new AbortController();
  at(fleet, 20_000, () => replaced.abort());
  const over = { replaced: replaced.signal, before: { hash: 'earlier' } };
  const { findings, sweeps } = await sweepOn(fleet, { policyHash: 'earlier' }, new MockActivityEnvironment(), over);
  assert.deepEqual(findings, []);
  assert.ok(sweeps >= 4 && sweeps <= 6, `${sweeps} sweeps`);
  const told = await sweepOn(fleet, { policyHash: 'earlier' }, new MockActivityEnvironment(), {
    before: { hash: null },
  });
  assert.deepEqual(told.findings, [{ kind: 'filesDiffer', node: '', worker: 'me' }]);
});

test('finds a run that was closed without having said so, and believes no server that is silent', async () => {
  const fleet = new FakeFleet(2);
  const open = ['a', 'b', 'c'].map((node) => ({ node, workflowId: `test/${node}`, runId: `run-${node}` }));
  const status = (id: string): Promise<string> =>
    id === 'test/a'
      ? Promise.reject(new Error('unavailable'))
      : Promise.resolve(id === 'test/b' ? 'RUNNING' : 'TERMINATED');
  const over = { runs: () => ({ status }) };
  const { findings } = await sweepOn(fleet, { open }, new MockActivityEnvironment(), over);
  assert.deepEqual(findings, [{ kind: 'closed', node: 'c', runId: 'run-c', status: 'TERMINATED' }]);
});

test('another worker goes on from the heartbeat: no sample is lost, and the gap counts as nothing', async () => {
  const fleet = new FakeFleet(5);
  const env = new MockActivityEnvironment();
  const beats: unknown[] = [];
  env.on('heartbeat', (details) => beats.push(structuredClone(details)));
  at(fleet, 60_000, () => fleet.kill('compute-3'));
  // The worker is killed when the node has been still for a while, one sample before the verdict.
  const killed = new Error('killed');
  at(fleet, 60_000 + T.staleMs + 5_000, () => {
    throw killed;
  });
  await assert.rejects(sweepOn(fleet, {}, env), killed);
  const heartbeatDetails = beats.at(-1) as { nodes: Record<string, (number | string)[]> };
  const stillBefore = heartbeatDetails.nodes['compute-3']![1] as number;
  assert.ok(stillBefore >= 30_000);

  fleet.clock.time += 3_600_000;
  fleet.clock.onTime = () => {};
  fleet.node('compute-3').row = { state: 'up' };
  const began = fleet.clock.time;
  const next = new MockActivityEnvironment({ heartbeatDetails, attempt: 2 });
  const { findings } = await sweepOn(fleet, {}, next);
  assert.deepEqual(
    findings.map((f) => [f.kind, f.node]),
    [['failed', 'compute-3']],
  );
  const took = fleet.clock.time - began;
  assert.ok(took <= 4 * T.sweepEveryMs, `a takeover that lost nothing is quick: ${took}`);
  assert.ok(
    findings[0]?.kind === 'failed' && findings[0].suspicion.silentMs < 60_000,
    'the hour of the gap is not counted',
  );
});

test('a monitor that was stopped for a while together with Nova holds nobody for dead', async () => {
  const fleet = new FakeFleet(4);
  let stopped = 0;
  fleet.list = (rows) => rows.map((r) => ({ ...r, ...(stopped > 0 ? { updatedAt: frozen.get(r.host)! } : {}) }));
  const frozen = new Map<string, string>();
  at(fleet, 60_000, () => {
    for (const r of fleet.rows()) frozen.set(r.host, r.updatedAt!);
    stopped = fleet.clock.time;
    fleet.clock.time += 600_000;
  });
  // The rows move again three sweeps after everything has woken up.
  at(fleet, 660_000 + 16_000, () => (stopped = 0));
  const policy = { ...POLICY, failedWhen: { any: ['nova-service'] } };
  const { findings } = await sweepOn(fleet, { policy, wakeInMs: 700_000 });
  assert.deepEqual(findings, []);
});

test('heartbeats hold ages and no clock value', async () => {
  const fleet = new FakeFleet(3);
  const env = new MockActivityEnvironment();
  const beats: string[] = [];
  env.on('heartbeat', (details) => beats.push(JSON.stringify(details)));
  await sweepOn(fleet, { wakeInMs: 100_000 }, env);
  assert.ok(beats.length >= 20);
  const numbers = [
    ...beats
      .at(-1)!
      .replace(/"[^"]*"/g, '')
      .matchAll(/\d+/g),
  ].map((m) => Number(m[0]));
  assert.ok(
    numbers.every((n) => n <= 100_000),
    'no number is a moment of the clock, which starts at 1,000,000',
  );
});

test('the next activity goes on where the one before ended, in another worker too', async () => {
  const fleet = new FakeFleet(6);
  at(fleet, 60_000, () => fleet.kill('compute-1'));
  at(fleet, 65_000, () => fleet.kill('compute-2'));
  const one = await sweepOn(fleet, {});
  const began = fleet.clock.time;
  const two = await sweepOn(fleet, { known: ['failed:compute-1'], carried: one.carry });
  assert.deepEqual(
    two.findings.map((f) => [f.kind, f.node]),
    [['failed', 'compute-2']],
  );
  assert.ok(fleet.clock.time - began <= 20_000, `took ${fleet.clock.time - began}`);
});

test('a node that dies while the sweep changes hands again and again is found no later for it', async () => {
  const foundAfter = async (changes: number): Promise<number> => {
    const fleet = new FakeFleet(6);
    at(fleet, 61_000, () => fleet.kill('compute-1'));
    const began = fleet.clock.time;
    let { carry } = await sweepOn(fleet, { wakeInMs: 60_000 });
    for (let i = 0; i < changes; i += 1) ({ carry } = await sweepOn(fleet, { wakeInMs: 4_900, carried: carry }));
    const { findings } = await sweepOn(fleet, { carried: carry });
    assert.deepEqual(
      findings.map((f) => [f.kind, f.node]),
      [['failed', 'compute-1']],
    );
    return fleet.clock.time - began;
  };
  const [without, withThree] = [await foundAfter(0), await foundAfter(3)];
  assert.ok(withThree <= without + 5_000, `${withThree} and ${without} ms`);
});

test('what the watch carries does not grow with a healthy fleet of more than a hundred nodes', async () => {
  const sizes = await Promise.all(
    [120, 280].map(async (count) => {
      const { carry } = await sweepOn(new FakeFleet(count), { wakeInMs: 120_000 });
      return JSON.stringify(carry).length;
    }),
  );
  assert.ok(Math.abs(sizes[0]! - sizes[1]!) < 10, `${sizes.join(' and ')} bytes`);
});

test('ends as cancelled when it is cancelled, while it sleeps and while Nova is silent', async () => {
  const asleep = new FakeFleet(2);
  const env = new MockActivityEnvironment();
  at(asleep, 20_000, () => env.cancel());
  await assert.rejects(sweepOn(asleep, {}, env), CancelledFailure);

  const silent = new FakeFleet(2);
  const other = new MockActivityEnvironment();
  const services = (o?: { signal?: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => {
      o!.signal!.addEventListener('abort', () => reject(new Error('aborted')));
      setImmediate(() => other.cancel());
    });
  const openstack = { ...silent.openstack, compute: { ...silent.openstack.compute, services } };
  await assert.rejects(sweepOn(silent, {}, other, { openstack }), CancelledFailure);
});
