// The same activities against the simulated data centre, through the real client: what Nova itself logs is what counts.
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createEvacuationActivities } from '../../../activities/evacuation/activities.ts';
import type { EvacuateInput, EvacuateResult, Need } from '../../../activities/evacuation/contract.ts';
import { connectCloud } from '../../../activities/openstack/cloud.ts';
import { marker } from '../../../workflows/contract.ts';
import { DEFAULT_POLICY, DEFAULT_TIMINGS, scaleTimings, type Policy } from '../../../workflows/defaults.ts';
import type { Snapshot } from '../../../workflows/domain.ts';
import { startWorld } from '../../world/world.ts';
import type { WorldOptions } from '../../world/settings.ts';

const NODE = 'compute-1';
const SCALE = 0.05;
const RUN = '0198a1b2-0000-7000-8000-000000000001';

/** A world whose first node is off and marked, as after the fence. */
async function deadNode(t: TestContext, options: WorldOptions = {}) {
  const world = await startWorld({ nodes: 4, instances: 16, timeScale: SCALE, seed: 7, ...options });
  const openstack = await connectCloud({ env: world.env, cwd: tmpdir() });
  t.after(async () => {
    await openstack.close();
    await world.stop();
  });
  const acts = createEvacuationActivities({ openstack, ask: async () => ({ ok: true, why: '' }) });
  // The permission stays as it is: what it bounds is this machine's own slowness, not the cloud's.
  const timings = { ...scaleTimings(DEFAULT_TIMINGS, SCALE), permissionMs: 2_000, novaReadMs: 5_000 };
  const policy: Policy = { ...structuredClone(DEFAULT_POLICY), timings };
  policy.evacuation.imageBackedDisks = 'shared';
  await world.powerOff(NODE);
  const { serviceId } = world.node(NODE);
  const { snapshot, needs } = await acts.takeSnapshot({ node: NODE, serviceId, policy });
  const row = await acts.markNode({ serviceId, node: NODE, marker: marker(RUN), before: snapshot.node });
  const base = { cloud: 'world', node: NODE, serviceId, marker: marker(RUN), workflowId: `world/${NODE}`, runId: RUN };
  const input = (instance: Snapshot['instances'][number], more: Partial<EvacuateInput> = {}): EvacuateInput => ({
    ...{ ...base, updatedAt: row.updatedAt, lastEvacuationId: snapshot.lastEvacuationId, policy, instance },
    ...more,
  });
  const evacuate = (i: EvacuateInput, attempt = 1): Promise<EvacuateResult> =>
    new MockActivityEnvironment({ attempt }).run<[EvacuateInput], EvacuateResult, typeof acts.evacuateInstance>(
      (x) => acts.evacuateInstance(x),
      i,
    );
  const posts = (): string[] => world.log.entries.flatMap((e) => (e.kind === 'evacuate' ? [e.instance] : []));
  return { world, acts, policy, snapshot, needs, input, evacuate, posts };
}

test('a whole node: each instance one POST, none on two nodes, the power state kept, all locks lifted', async (t) => {
  const { world, acts, snapshot, input, evacuate, posts } = await deadNode(t);
  const moved = snapshot.instances.filter((i) => i.decision === 'evacuate');
  assert.ok(moved.length >= 3);
  const results = await Promise.all(moved.map((i) => evacuate(input(i))));
  assert.deepEqual([...new Set(results.map((r) => r.kind))], ['recovered'], JSON.stringify(results));
  assert.deepEqual(posts().sort(), moved.map((i) => i.id).sort());
  const truth = world.truth();
  assert.deepEqual(truth.split, []);
  for (const i of moved) {
    const now = truth.instances[i.id];
    assert.deepEqual([now?.vmState, now?.runsOn.length], [i.vmState, i.vmState === 'active' ? 1 : 0]);
    assert.equal(now?.lockedReason, marker(RUN));
  }
  const ids = moved.map((i) => i.id);
  const { lifted, left } = await acts.liftLocks({ marker: marker(RUN), instances: ids });
  assert.deepEqual([lifted.sort(), left], [[...ids].sort(), []]);
  assert.ok((await acts.openRecords(NODE)).every((r) => r.status === 'done'));
});

for (const effect of [{ do: 'effect-then-drop' }, { do: 'drop-then-effect', ms: 1_500 }] as const)
  test(`a POST whose connection breaks (${effect.do}) is found by looking and never sent twice`, async (t) => {
    const { world, snapshot, input, evacuate, posts } = await deadNode(t, { instances: 8 });
    const one = snapshot.instances.find((i) => i.decision === 'evacuate');
    assert.ok(one);
    world.fault({ service: 'nova', method: 'POST', body: /evacuate/, times: 1 }, effect);
    const result = await evacuate(input(one));
    assert.equal(result.kind, 'recovered', JSON.stringify(result));
    assert.deepEqual(posts(), [one.id]);
    assert.deepEqual(world.truth().split, []);
  });

test('a worker killed while its POST is on its way: the next attempt waits for it and sends nothing', async (t) => {
  const { world, snapshot, input, evacuate, posts } = await deadNode(t, { instances: 8 });
  const one = snapshot.instances.find((i) => i.decision === 'evacuate');
  assert.ok(one);
  setTimeout(() => world.evacuateByHand(one.id), 1_000);
  const result = await evacuate(input(one), 2);
  assert.equal(result.kind === 'recovered' && result.posts, 0, JSON.stringify(result));
  assert.deepEqual(posts(), [one.id]);
});

test('without room nothing is posted and no state is lost; it is found as soon as there is some', async (t) => {
  const { world, acts, policy, snapshot, needs, input, evacuate, posts } = await deadNode(t, { instances: 8 });
  const moved = snapshot.instances.filter((i) => i.decision === 'evacuate');
  const [one] = moved;
  assert.ok(one);
  const others = ['compute-2', 'compute-3', 'compute-4'];
  for (const n of others) world.capacity(n, { vcpus: 0, ram: 0, disk: 0 });
  assert.equal((await evacuate(input(one))).kind, 'noRoom');
  assert.deepEqual([posts(), world.truth().instances[one.id]?.vmState], [[], one.vmState]);
  const waiting = moved.map((i) => ({ id: i.id, need: needs[i.id] as Need }));
  const search = new MockActivityEnvironment().run<[], { fits: string[] }, () => Promise<{ fits: string[] }>>(() =>
    acts.findRoom({ node: NODE, waiting, posted: [], once: false, policy }),
  );
  for (const n of others) world.capacity(n, { vcpus: 64, ram: 131_072, disk: 2_000 });
  assert.deepEqual(
    (await search).fits,
    waiting.map((w) => w.id),
  );
});

test('RabbitMQ gone: the record in limbo is told, and past it, once named, the instance is recovered', async (t) => {
  const { world, policy, snapshot, input, evacuate } = await deadNode(t, { instances: 8 });
  policy.timings.stuckMs = 2_000;
  const one = snapshot.instances.find((i) => i.decision === 'evacuate');
  assert.ok(one);
  world.fault({ service: 'nova', method: 'POST', body: /evacuate/, times: 1 }, { do: 'effect-then-drop' });
  world.brokerDown();
  const stuck = await evacuate(input(one));
  assert.ok(stuck.kind === 'stuck' && stuck.record !== null, JSON.stringify(stuck));
  world.brokerUp();
  policy.timings.stuckMs = 30_000;
  await world.until((truth) => Object.values(truth.nodes).filter((n) => n.up).length === 3);
  const result = await evacuate(input(one, { ignoreRecord: stuck.record }));
  assert.equal(result.kind, 'recovered', JSON.stringify(result));
  assert.deepEqual(world.truth().split, []);
});

test('a destination that cannot spawn it: failed, the state kept, and the next try moves it', async (t) => {
  const { world, snapshot, input, evacuate } = await deadNode(t, { instances: 8 });
  for (const n of ['compute-2', 'compute-3', 'compute-4']) world.failSpawn(n, 'claim');
  const one = snapshot.instances.find((i) => i.decision === 'evacuate');
  assert.ok(one);
  const result = await evacuate(input(one));
  assert.ok(result.kind === 'failed' && result.retryable, JSON.stringify(result));
  assert.match(result.reason, /record 1\) as failed .*server event list/);
  assert.equal(world.truth().instances[one.id]?.vmState, one.vmState);
  for (const n of ['compute-2', 'compute-3', 'compute-4']) world.failSpawn(n, null);
  assert.equal((await evacuate(input(one))).kind, 'recovered');
});
