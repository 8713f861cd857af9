import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { connectAs } from './caller.ts';
import type { Caller, Reply } from './caller.ts';
import { evacuate, mark, readmit, settled } from './steps.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

const NODE = 'compute-1';
let world: World;
let api: Caller;
beforeEach(async () => {
  world = await startWorld({ seed: 3, nodes: 4, instances: 8, timeScale: 0.01, zones: ['az1', 'az2'] });
  api = await connectAs(world);
});
afterEach(() => world.stop());

const message = (reply: Reply): string =>
  Object.values(reply.body as Record<string, { message: string }>)[0]?.message ?? '';
const records = async (query: string) =>
  ((await api.get(`/os-migrations?${query}`)).body as { migrations: Record<string, unknown>[] }).migrations;
const server = async (id: string, microversion?: string) =>
  ((await api.get(`/servers/${id}`, microversion)).body as { server: Record<string, unknown> }).server;
async function dead(node = NODE): Promise<void> {
  await world.powerLoss(node);
  await mark(world, api, node);
}
const add = (o: Parameters<World['addInstance']>[0]) => world.addInstance({ host: NODE, project: 'acme', ...o });

test('refuses an evacuation while the service is up, and takes it once forced down', async () => {
  const { id } = add({});
  const refused = await evacuate(api, id);
  assert.equal(refused.status, 400);
  assert.equal(message(refused), 'Compute service of compute-1 is still in use.');
  await dead();
  assert.equal((await evacuate(api, id)).status, 200);
});

test('takes evacuations of active, stopped and launched error instances only', async () => {
  await dead();
  const status = async (o: Parameters<typeof add>[0]) => (await evacuate(api, add(o).id)).status;
  for (const vmState of ['active', 'stopped', 'error']) assert.equal(await status({ vmState }), 200, vmState);
  for (const vmState of ['paused', 'suspended', 'rescued', 'resized', 'shelved', 'building', 'soft-delete'])
    assert.equal(await status({ vmState }), 409, vmState);
  assert.equal(await status({ vmState: 'error', launched: false }), 409, 'never launched');
});

test('walks a record accepted, pre-migrating, done, and completed when the source comes back', async () => {
  await dead();
  const { id } = add({});
  await evacuate(api, id);
  await settled(world, [id]);
  const seen = world.log.of('record').map((e) => [e.status, e.dest === null]);
  assert.deepEqual(seen, [
    ['accepted', true],
    ['pre-migrating', false],
    ['done', false],
  ]);
  const states = world.log
    .of('instance')
    .filter((e) => e.instance === id)
    .map((e) => e.taskState);
  assert.deepEqual(states, [null, 'rebuilding', 'rebuilding', 'rebuild_spawning', null, null]);
  const [record] = await records(`source_compute=${NODE}&migration_type=evacuation`);
  assert.deepEqual([record?.['status'], record?.['instance_uuid']], ['done', id]);
  assert.equal((await server(id))['OS-EXT-SRV-ATTR:host'], record?.['dest_compute']);
  const both = Object.keys(((await api.placement(`/allocations/${id}`)).body as { allocations: object }).allocations);
  assert.equal(both.length, 2, 'allocations stand on both nodes until the source returns');
  const early = await api.put(world.node(NODE).serviceId, { forced_down: false });
  assert.equal(early.status, 400);
  assert.match(message(early), /Unable to force up host compute-1 as `done` evacuation/);
  await readmit(world, api, NODE);
  assert.equal((await records(`instance_uuid=${id}`))[0]?.['status'], 'completed');
  const one = Object.keys(((await api.placement(`/allocations/${id}`)).body as { allocations: object }).allocations);
  assert.equal(one.length, 1);
});

test('boots a stopped instance at the destination and stops it again; 2.95 stops every one', async () => {
  await dead();
  const stopped = add({ vmState: 'stopped' });
  const active = add({});
  await evacuate(api, stopped.id);
  await evacuate(api, active.id, '2.95');
  await settled(world, [stopped.id, active.id]);
  for (const { id } of [stopped, active]) {
    const runs = world.log
      .of('guest')
      .filter((e) => e.instance === id && e.node !== NODE)
      .map((e) => e.runs);
    assert.deepEqual(runs, [true, false]);
    assert.equal((await server(id))['status'], 'SHUTOFF');
  }
});

test('starts a second rebuild for a second POST: the instance runs twice', async () => {
  await dead();
  const { id } = add({});
  for (const host of ['compute-2', 'compute-3']) world.spawnDelay(host, 200_000);
  const first = await api.act(id, { evacuate: { host: 'compute-2' } });
  await world.until((t) => t.records.some((r) => r.status === 'pre-migrating'));
  const second = await api.act(id, { evacuate: { host: 'compute-3' } });
  assert.deepEqual([first.status, second.status], [200, 200]);
  await settled(world, [id]);
  assert.equal(world.truth().records.length, 2);
  assert.deepEqual(world.truth().instances[id]!.runsOn.toSorted(), ['compute-2', 'compute-3']);
});

test('turns an instance ERROR when no host fits, and keeps its state when the destination cannot', async () => {
  await dead();
  const { id } = add({ requestedZone: 'az1' });
  world.capacity('compute-2', { ram: 0 });
  await evacuate(api, id);
  await settled(world, [id]);
  assert.equal(world.truth().records[0]?.status, 'error');
  const failed = await server(id);
  assert.equal(failed['status'], 'ERROR');
  assert.match((failed['fault'] as { message: string }).message, /^No valid host was found/);

  const other = add({});
  for (const { name } of world.nodes) world.failSpawn(name, 'claim');
  await evacuate(api, other.id);
  await settled(world, [other.id]);
  assert.equal(world.truth().records[1]?.status, 'failed');
  assert.equal((await server(other.id))['status'], 'ACTIVE');
});

test('stays in the zone that was asked for, in the aggregate, and apart from its group', async () => {
  const zoned = add({ requestedZone: 'az1' });
  const pool = { 'aggregate_instance_extra_specs:pool': 'gpu' };
  const flavor = { name: 'gpu', vcpus: 1, ram: 512, disk: 1, ephemeral: 0, swap: 0, extraSpecs: pool };
  const pooled = add({ flavor });
  world.aggregate('compute-4', ['gpu']);
  const group = world.group('apart', 'anti-affinity', 'acme');
  const apart = add({ group });
  for (const host of ['compute-2', 'compute-3']) add({ group, host });
  await dead();
  for (const { id } of [zoned, pooled, apart]) await evacuate(api, id);
  await settled(world, [zoned.id, pooled.id, apart.id]);
  assert.deepEqual([zoned.host, pooled.host, apart.host], ['compute-2', 'compute-4', 'compute-4']);
});

test('leaves a record in limbo when its destination dies, or the broker is gone', async () => {
  await dead();
  const { id } = add({ requestedZone: 'az1' });
  world.spawnDelay('compute-2', 1_000_000);
  await evacuate(api, id);
  await world.until((t) => t.records[0]?.status === 'pre-migrating');
  await world.powerLoss('compute-2');
  const other = add({});
  world.brokerDown();
  assert.equal((await evacuate(api, other.id)).status, 500);
  world.brokerUp();
  const began = world.log.now();
  await world.until((_t, log) => log.now() - began > 100);
  assert.deepEqual(
    world.truth().records.map((r) => [r.status, r.dest]),
    [
      ['pre-migrating', 'compute-2'],
      ['accepted', null],
    ],
  );
});

test('a returning node destroys the only copy of an instance with a stale accepted record', async () => {
  const { id } = add({ disk: 'local' });
  await dead();
  world.brokerDown();
  await evacuate(api, id);
  world.brokerUp();
  await readmit(world, api, NODE);
  assert.equal(world.truth().instances[id]!.dataLost, true);
});

test('a thawed node goes on running its guests: what was evacuated runs twice', async () => {
  const { id } = add({});
  await world.hang(NODE);
  await mark(world, api, NODE);
  await evacuate(api, id);
  await settled(world, [id]);
  await world.thaw(NODE);
  assert.deepEqual(world.truth().instances[id]!.runsOn.includes(NODE), true);
  assert.deepEqual(world.truth().split, [id]);
});

test('a node that comes back powered on runs nothing that was evacuated', async () => {
  const { id } = add({});
  await dead();
  await evacuate(api, id);
  await settled(world, [id]);
  await readmit(world, api, NODE);
  assert.deepEqual(world.truth().split, []);
  assert.deepEqual(world.truth().nodes[NODE]!.guests, []);
});

test('a disable of a dead node that Nova still holds for up waits for the time limit of the RPC', async () => {
  await world.powerLoss(NODE);
  const before = performance.now();
  await api.put(world.node(NODE).serviceId, { status: 'disabled' });
  const waited = performance.now() - before;
  assert.ok(waited >= 0.9 * 60_000 * world.settings.timeScale, `waited ${waited} ms`);
});
