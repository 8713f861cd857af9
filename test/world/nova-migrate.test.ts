// Live migration, as Nova does it: an answer first, a record then, the state kept where it cannot be done.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { connectAs, type Caller } from './caller.ts';
import { startWorld, type World } from './world.ts';

let world: World;
let api: Caller;
beforeEach(async () => {
  world = await startWorld({ seed: 3, nodes: 3, instances: 0, timeScale: 0.01, durations: { migrateMs: 20_000 } });
  api = await connectAs(world);
});
afterEach(() => world.stop());

const body = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
const ask = (id: string) => api.act(id, body, '2.68');
const add = (o: Parameters<World['addInstance']>[0] = {}) =>
  world.addInstance({ host: 'compute-1', project: 'acme', ...o });
const record = (id: string) => world.log.of('record').filter((r) => r.instance === id);
const over = (id: string, status: string) =>
  world.until(() => record(id).at(-1)?.status === status, 5_000, `the record is ${status}`);

test('an active instance goes on running elsewhere; a second request meets the first one', async () => {
  const { id } = add();
  assert.equal((await ask(id)).status, 202);
  assert.equal((await ask(id)).status, 409, 'its task_state is migrating');
  await over(id, 'completed');
  assert.deepEqual(
    record(id).map((r) => r.status),
    ['accepted', 'queued', 'preparing', 'running', 'completed'],
  );
  const { host, taskState } = world.instance(id);
  assert.notEqual(host, 'compute-1');
  assert.equal(taskState, null);
  assert.deepEqual(
    Object.values(world.truth().nodes).flatMap((n) => n.guests),
    [id],
  );
});

test('what is off is refused; what cannot be moved, or fits nowhere, ends as error and stays as it was', async () => {
  assert.equal((await ask(add({ vmState: 'stopped' }).id)).status, 409);
  const gpu = add();
  world.unmovable(gpu.id);
  assert.equal((await ask(gpu.id)).status, 202);
  await over(gpu.id, 'error');
  for (const node of ['compute-2', 'compute-3']) world.disableByPerson(node, 'full');
  const web = add();
  assert.equal((await ask(web.id)).status, 202);
  await over(web.id, 'error');
  for (const { id } of [gpu, web]) {
    const { vmState, taskState, host } = world.instance(id);
    assert.deepEqual([vmState, taskState, host], ['active', null, 'compute-1']);
  }
});

test('a source that dies on the way leaves the record running, and the guest on nobody else', async () => {
  const { id } = add();
  await ask(id);
  await over(id, 'running');
  await world.powerLoss('compute-1');
  const since = world.log.now();
  await world.until((_t, log) => log.now() - since > 400, 5_000, 'it would be over by now');
  assert.equal(record(id).at(-1)?.status, 'running');
  assert.deepEqual(
    Object.values(world.truth().nodes).flatMap((n) => n.guests),
    [],
  );
});
