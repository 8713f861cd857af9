// The node's row and the instances' locks: only ours is ever changed back, and a repeat changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MARKER, newInstance, newNode, NODE, NovaError, timeout } from './fake-cloud.ts';
import { setup } from './setup.ts';

const serviceId = `service-${NODE}`;
function healthy() {
  const s = setup();
  s.cloud.nodes.set(NODE, newNode(NODE));
  return s;
}
const mark = { serviceId, node: NODE, marker: MARKER };

test('marks with one PUT; a repeat sends none, so that updated_at does not move again', async () => {
  const s = healthy();
  const row = await s.acts.markNode(mark);
  assert.deepEqual([row.status, row.disabledReason, row.forcedDown], ['disabled', MARKER, true]);
  assert.equal((await s.acts.markNode(mark)).updatedAt, row.updatedAt);
  assert.equal(s.cloud.count('updateService'), 1);
});

test('a PUT whose reply was lost is settled by reading', async () => {
  const s = healthy();
  const { updateService } = s.cloud.compute;
  s.cloud.compute.updateService = async (id, change, o) => {
    await updateService(id, change, o);
    throw timeout();
  };
  assert.equal((await s.acts.markNode(mark)).disabledReason, MARKER);
  s.cloud.compute.updateService = async () => {
    throw timeout();
  };
  await assert.rejects(s.acts.markNode({ ...mark, marker: `${MARKER}:aborted` }), /was not taken/);
});

test('refuses a node that was rebuilt, and one that a person disabled after the snapshot', async () => {
  const s = healthy();
  await assert.rejects(s.acts.markNode({ ...mark, serviceId: 'other' }), { type: 'UuidChanged', nonRetryable: true });
  s.cloud.nodes.set(NODE, newNode(NODE, { status: 'disabled', disabledReason: 'ann: new fans' }));
  const before = { disabledReason: null };
  await assert.rejects(s.acts.markNode({ ...mark, before }), { type: 'NotOurs', nonRetryable: true });
  const known = { disabledReason: 'ann: new fans' };
  assert.equal((await s.acts.markNode({ ...mark, before: known })).disabledReason, MARKER);
  s.cloud.nodes.delete(NODE);
  await assert.rejects(s.acts.markNode(mark), { type: 'NotFound' });
});

test('a row that moved since the evidence, or lost the marker of the run, is not written: it lives, or is somebody’s', async () => {
  const s = healthy();
  const { updatedAt } = s.cloud.nodes.get(NODE)!;
  await assert.rejects(s.acts.markNode({ ...mark, as: { updatedAt: 'before' } }), {
    type: 'RowMoved',
    nonRetryable: true,
  });
  await assert.rejects(s.acts.markNode({ ...mark, as: 'marked' }), { type: 'RowMoved', nonRetryable: true });
  assert.equal(s.cloud.count('updateService'), 0);
  await s.acts.markNode({ ...mark, as: { updatedAt } });
  const again = await s.acts.markNode({ ...mark, as: { updatedAt } });
  assert.equal(again.disabledReason, MARKER, 'its own write is no move');
  assert.equal((await s.acts.markNode({ ...mark, as: 'marked' })).disabledReason, MARKER);
});

test("an outcome is written over the same run's marker only", async () => {
  const s = setup();
  const done = { ...mark, marker: `${MARKER}:recovered` };
  assert.equal((await s.acts.markNode(done)).disabledReason, `${MARKER}:recovered`);
  s.cloud.nodes.set(NODE, newNode(NODE));
  const row = await s.acts.markNode(done);
  assert.deepEqual([row.status, row.disabledReason], ['enabled', null]);
});

test('readmission unforces, answers the refusal, and enables only what we disabled; a second call changes nothing', async () => {
  const s = setup();
  s.cloud.before.updateService = () => {
    throw new NovaError(400, 'badRequest', 'Unable to force up host');
  };
  assert.deepEqual(await s.acts.unforce({ serviceId }), { ok: false, why: 'Unable to force up host' });
  delete s.cloud.before.updateService;
  assert.deepEqual(await s.acts.unforce({ serviceId }), { ok: true, why: '' });
  assert.equal((await s.acts.enable({ serviceId, node: NODE })).status, 'enabled');
  const calls = s.cloud.count('updateService');
  await s.acts.unforce({ serviceId });
  await s.acts.enable({ serviceId, node: NODE });
  assert.equal(s.cloud.count('updateService'), calls);
  s.cloud.nodes.set(NODE, newNode(NODE, { status: 'disabled', disabledReason: 'ann' }));
  await assert.rejects(s.acts.enable({ serviceId, node: NODE }), { type: 'NotOurs' });
});

test('what a person had disabled before its recovery is given back as they left it, never enabled', async () => {
  const s = healthy();
  s.cloud.nodes.set(NODE, newNode(NODE, { status: 'disabled', disabledReason: 'ann: new fans' }));
  const ours = `${MARKER}:recovered, was disabled: ann: new fans`;
  await s.acts.markNode({ ...mark, marker: ours, before: { disabledReason: 'ann: new fans' } });
  const returning = `${MARKER}:returning, was disabled: ann: new fans`;
  s.cloud.nodes.set(NODE, newNode(NODE, { status: 'disabled', forcedDown: true, disabledReason: ours }));
  assert.deepEqual(await s.acts.unforce({ serviceId, marker: returning }), { ok: true, why: '' });
  assert.equal(s.cloud.nodes.get(NODE)?.disabledReason, returning);
  const row = await s.acts.enable({ serviceId, node: NODE });
  assert.deepEqual([row.status, row.disabledReason, row.forcedDown], ['disabled', 'ann: new fans', false]);
  await assert.rejects(s.acts.unforce({ serviceId, marker: returning }), { type: 'NotOurs' });
});

test("lifts the run's locks only, by what Nova says, and names those it could not", async () => {
  const s = setup();
  const lock = (name: string, lockedReason: string | null) => {
    const i = newInstance(name, { locked: true, lockedReason });
    s.cloud.instances.set(i.id, i);
    return i;
  };
  const [ours, theirs, other] = [lock('a', MARKER), lock('b', 'mine'), lock('c', `${MARKER.slice(0, -1)}2`)];
  const stubborn = lock('d', MARKER);
  s.cloud.before.unlock = (id: string) => {
    if (id === stubborn.id) throw new NovaError(500, 'server', 'broken');
  };
  const instances = [ours, theirs, other, stubborn].map((i) => i.id);
  const result = await s.acts.liftLocks({ marker: `${MARKER}:partial`, instances: [...instances, 'id-deleted'] });
  assert.deepEqual(result, { lifted: ['id-a'], left: [{ id: 'id-d', why: 'broken' }] });
  assert.deepEqual([ours.locked, theirs.locked, other.locked], [false, true, true]);
});

test('after a lost run of the node also its locks are lifted, on all that was evacuated, but none of a run on another node', async () => {
  const s = setup();
  const RUN_2 = `${MARKER.slice(0, -1)}2`;
  const RUN_3 = `${MARKER.slice(0, -1)}3`;
  const lock = (name: string, lockedReason: string | null, host = 'compute-2') => {
    const i = newInstance(name, { locked: true, lockedReason, host });
    s.cloud.instances.set(i.id, i);
    return i;
  };
  const [here, settled, theirs, elsewhere] = [lock('a', RUN_2), lock('b', RUN_2), lock('c', 'mine'), lock('d', RUN_3)];
  for (const i of [settled, theirs, elsewhere])
    s.cloud.record({ instanceId: i.id, status: 'done', destCompute: 'compute-3' });
  s.cloud.nodes.set('compute-3', newNode('compute-3', { status: 'disabled', forcedDown: true, disabledReason: RUN_3 }));
  const result = await s.acts.liftLocks({ marker: MARKER, instances: [here.id], after: NODE });
  assert.deepEqual({ ...result, lifted: result.lifted.sort() }, { lifted: ['id-a', 'id-b'], left: [] });
  assert.deepEqual(
    [here, settled, theirs, elsewhere].map((i) => i.locked),
    [false, false, true, true],
  );
});

test('an unlock whose reply was lost counts by what Nova shows', async () => {
  const s = setup();
  s.cloud.instances.set('id-a', newInstance('a', { locked: true, lockedReason: MARKER }));
  const { unlock } = s.cloud.compute;
  s.cloud.compute.unlock = async (id, o) => {
    await unlock(id, o);
    throw timeout();
  };
  assert.deepEqual(await s.acts.liftLocks({ marker: MARKER, instances: ['id-a'] }), { lifted: ['id-a'], left: [] });
});
