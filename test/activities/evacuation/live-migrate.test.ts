// Live migration of one instance of a node that is drained: asked for once, watched by its record, left where it runs when Nova cannot.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createEvacuationActivities } from '../../../activities/evacuation/activities.ts';
import type { MigrateInput, MigrateResult } from '../../../activities/evacuation/drain-contract.ts';
import { decideMove } from '../../../activities/evacuation/drain.ts';
import type { Ask } from '../../../activities/evacuation/permission.ts';
import { DEFAULT_POLICY } from '../../../workflows/defaults.ts';
import type { InstanceView } from '../../../workflows/domain.ts';
import { fakeCloud, newInstance, NODE, NovaError } from './fake-cloud.ts';
import { virtualClock } from './virtual-clock.ts';

const SERVICE = `service-${NODE}`;

function setUp() {
  const clock = virtualClock();
  const cloud = fakeCloud(clock);
  Object.assign(cloud.nodes.get(NODE)!, { status: 'enabled', state: 'up', forcedDown: false, disabledReason: null });
  const answer: { now: Ask } = { now: async () => ({ ok: true, why: '' }) };
  const acts = createEvacuationActivities({ openstack: cloud, clock, ask: (q) => answer.now(q) });
  const run = (i: InstanceView, attempt = 1): Promise<MigrateResult> => {
    cloud.instances.set(i.id, i);
    const input: MigrateInput = {
      ...{ node: NODE, workflowId: `test/${NODE}`, runId: 'run', instance: { id: i.id, name: i.name }, after: 100 },
      policy: DEFAULT_POLICY,
    };
    return new MockActivityEnvironment({ attempt }).run((x: MigrateInput) => acts.liveMigrate(x), input);
  };
  return { clock, cloud, answer, acts, run };
}

test('asked for once; moved when its record is done and it is where the record says', async () => {
  const { cloud, run } = setUp();
  const result = await run(newInstance('web'));
  assert.deepEqual({ ...result, at: '' }, { kind: 'moved', host: 'compute-2', at: '', record: 101 });
  assert.equal(cloud.count('liveMigrate'), 1);
});

test('what Nova cannot move, or refuses, runs where it was, and says why; its former failures are not its own', async () => {
  const { cloud, run } = setUp();
  cloud.onMigrate = (i) => cloud.move(cloud.record({ instanceId: i.id, type: 'live-migration' }), 'error');
  const failed = await run(newInstance('gpu'));
  assert.ok(
    failed.kind === 'failed' && failed.retryable && /record 101\) as error/.test(failed.reason),
    JSON.stringify(failed),
  );
  cloud.before.liveMigrate = () => {
    throw new NovaError(400, 'badRequest', 'Instance has vTPM');
  };
  const refused = await run(newInstance('tpm'));
  assert.deepEqual(refused, { kind: 'failed', reason: 'Instance has vTPM', record: null, retryable: false });
  const off = await run(newInstance('off', { vmState: 'stopped', powerState: 4 }));
  assert.ok(off.kind === 'kept' && /it is off/.test(off.reason));
});

test('what breaks after its switch is told as broken, and where: nobody else moved it', async () => {
  const { cloud, run } = setUp();
  cloud.onMigrate = (i) => {
    cloud.move(cloud.record({ instanceId: i.id, type: 'live-migration' }), 'error', 'compute-3');
    Object.assign(i, { host: 'compute-3', vmState: 'error', fault: 'Failed to deploy instance' });
  };
  const { reason, ...result } = (await run(newInstance('web'))) as Extract<MigrateResult, { kind: 'failed' }>;
  assert.deepEqual(result, { kind: 'failed', record: 101, retryable: false, host: 'compute-3' });
  assert.match(reason, /^it is error on compute-3: .*as error when it was there already: Failed to deploy instance$/);
});

test('a migration that is under way is watched, whoever began it, and none is asked for beside it', async () => {
  const { clock, cloud, run } = setUp();
  const web = newInstance('web', { taskState: 'migrating' });
  const r = cloud.record({ instanceId: web.id, type: 'live-migration' });
  cloud.move(r, 'running', 'compute-3');
  clock.after(3_600_000, () => {
    Object.assign(web, { host: 'compute-3', taskState: null });
    cloud.move(r, 'completed', 'compute-3');
  });
  assert.equal((await run(web)).kind, 'moved', 'an hour of copying memory is no trouble');
  assert.equal(cloud.count('liveMigrate'), 0);
});

test('a record that nobody works on is a person’s after a while', async () => {
  const { cloud, run } = setUp();
  cloud.onMigrate = (i) => {
    i.taskState = 'migrating';
    cloud.record({ instanceId: i.id, type: 'live-migration' });
  };
  const result = await run(newInstance('web'));
  assert.ok(result.kind === 'stuck' && result.record === 101, JSON.stringify(result));
});

test('a lost reply is reconciled by looking; a further attempt asks only after the horizon showed nothing', async () => {
  const { clock, cloud, run } = setUp();
  let lost = true;
  cloud.before.liveMigrate = (id) => {
    if (!lost) return;
    lost = false;
    cloud.onMigrate(cloud.instances.get(id!)!);
    throw new NovaError(0, 'timeout', 'no answer');
  };
  assert.equal((await run(newInstance('web'))).kind, 'moved');
  assert.equal(cloud.count('liveMigrate'), 1);
  const began = clock.ms();
  const second = await run(newInstance('db'), 2);
  assert.equal(second.kind, 'moved');
  const asked = cloud.calls.findLast((c) => c.what === 'liveMigrate');
  assert.ok(asked && asked.at - began >= DEFAULT_POLICY.timings.horizonMs, `asked after ${asked?.at} ms`);
});

test('nothing is sent where the run says no', async () => {
  const { answer, cloud, run } = setUp();
  answer.now = async () => ({ ok: false, why: 'paused by ann' });
  assert.deepEqual(await run(newInstance('web')), { kind: 'notPosted', why: 'paused by ann' });
  assert.equal(cloud.count('liveMigrate'), 0);
});

describe('the row of a drained node', () => {
  const marker = 'lifeboat:0193f8a2-1111:draining';
  const mark = (s: ReturnType<typeof setUp>, before: string | null) =>
    s.acts.markDrained({ serviceId: SERVICE, node: NODE, marker, before: { disabledReason: before } });

  test('is disabled and not forced down, once', async () => {
    const s = setUp();
    const row = await mark(s, null);
    assert.deepEqual([row.status, row.disabledReason, row.forcedDown], ['disabled', marker, false]);
    await mark(s, null);
    assert.equal(s.cloud.count('updateService'), 1);
  });

  test('is never taken from a recovery, nor from a person who disabled it meanwhile', async () => {
    const s = setUp();
    const row = s.cloud.nodes.get(NODE)!;
    Object.assign(row, { status: 'disabled', disabledReason: 'lifeboat:0193f8a2-2222', forcedDown: true });
    await assert.rejects(mark(s, null), /a recovery holds it/);
    Object.assign(row, { disabledReason: 'ann: fans', forcedDown: false });
    await assert.rejects(mark(s, null), /somebody disabled it meanwhile: ann: fans/);
    assert.equal((await mark(s, 'ann: fans')).disabledReason, marker, 'known before: a person asked for the drain');
    assert.equal(s.cloud.count('updateService'), 1);
  });
});

test('only what Nova live-migrates is moved, and what is left alone stays', () => {
  const sort = (over: Partial<InstanceView>, about: { moving?: boolean; tight?: boolean } = {}): string => {
    const policy = structuredClone(DEFAULT_POLICY);
    Object.assign(policy.evacuation, { leaveProjects: ['octavia'], leaveNames: ['pet-*'], selection: 'opt-in' });
    return decideMove(newInstance('x', over), { moving: false, tight: false, ...about }, policy).decision;
  };
  assert.equal(sort({}), 'evacuate', 'an owner need not opt in: nothing is lost');
  assert.equal(sort({ vmState: 'paused' }), 'evacuate');
  for (const vmState of ['stopped', 'suspended', 'error', 'shelved', 'rescued', 'resized', 'building'])
    assert.equal(sort({ vmState }), 'keep', vmState);
  assert.equal(sort({ projectId: 'octavia' }), 'keep');
  assert.equal(sort({ name: 'pet-1' }), 'keep');
  assert.equal(sort({ taskState: 'deleting' }), 'keep');
  assert.equal(sort({}, { moving: true }), 'hold');
  assert.equal(sort({}, { tight: true }), 'keep');
});
