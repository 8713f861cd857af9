// The snapshot: everything is read before anything is changed, and sorted by the state table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetSurvey } from '../../../activities/evacuation/contract.ts';
import { openEvacuator } from '../../../activities/evacuation/index.ts';
import type { NodeDrill } from '../../../workflows/contract.ts';
import { judge } from '../../../workflows/drill/judge.ts';
import { MARKER, newInstance, NODE, unavailable } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';

const serviceId = `service-${NODE}`;
const take = (s: Setup) => s.acts.takeSnapshot({ node: NODE, serviceId, policy: s.policy });
function put(s: Setup, ...views: ReturnType<typeof newInstance>[]): void {
  for (const v of views) s.cloud.instances.set(v.id, v);
}
const nodeDrill = (n: FleetSurvey['nodes'][number]): NodeDrill => ({
  ...{ ...n, node: n.view.host, zone: n.view.zone, unseen: null, gate: 'pass', power: [], up: true },
});
const decisions = (list: { name: string; decision: string }[]) =>
  Object.fromEntries(list.map((i) => [i.name, i.decision]));

test('reads all, changes nothing, and sorts each instance with its reason', async () => {
  const s = setup();
  put(
    s,
    newInstance('web'),
    newInstance('local', { volumeBacked: false }),
    newInstance('moving', { taskState: 'migrating' }),
    newInstance('adopted', { taskState: 'rebuilding' }),
    newInstance('elsewhere', { host: 'compute-2' }),
  );
  s.cloud.record({ id: 7, instanceId: 'id-old', status: 'completed' });
  s.cloud.record({ id: 8, instanceId: 'id-adopted', status: 'pre-migrating' });
  s.cloud.record({ id: 12, instanceId: 'id-x', sourceCompute: 'compute-2', destCompute: NODE });
  s.cloud.record({
    id: 9,
    instanceId: 'id-in',
    type: 'live-migration',
    status: 'running',
    sourceCompute: 'compute-2',
    destCompute: NODE,
  });
  const { snapshot, needs, incoming } = await take(s);
  assert.deepEqual(decisions(snapshot.instances), { web: 'evacuate', local: 'keep', moving: 'hold', adopted: 'adopt' });
  assert.equal(snapshot.lastEvacuationId, 8);
  assert.equal(snapshot.instances.find((i) => i.name === 'adopted')?.rebuilding, true);
  assert.deepEqual(Object.keys(needs).sort(), ['id-adopted', 'id-local', 'id-moving', 'id-web']);
  assert.deepEqual(
    incoming?.map((m) => m.id),
    [9],
  );
  assert.deepEqual([...new Set(s.cloud.calls.map((c) => c.what))].sort(), ['instances', 'migrations', 'service']);
});

test('priority first, then the name; a lock of ours is not somebody else’s', async () => {
  const s = setup();
  put(
    s,
    newInstance('b', { locked: true, lockedReason: MARKER }),
    newInstance('a', { locked: true, lockedReason: null }),
    newInstance('z', { metadata: { 'lifeboat:priority': '5' } }),
  );
  const { snapshot } = await take(s);
  assert.deepEqual(
    snapshot.instances.map((i) => [i.name, i.locked]),
    [
      ['z', false],
      ['a', true],
      ['b', false],
    ],
  );
});

test('several members of a hard-affinity group are kept and told why; one alone, or a soft group, is not', async () => {
  const s = setup();
  const group = (id: string, policy: string) =>
    s.cloud.groups.set(id, { id, name: `the ${id} one`, policy, members: [] });
  group('hard', 'affinity');
  group('soft', 'soft-affinity');
  group('alone', 'affinity');
  const member = (name: string, g: string) => newInstance(name, { serverGroups: [g] });
  put(s, member('h1', 'hard'), member('h2', 'hard'), member('s1', 'soft'), member('s2', 'soft'), member('a1', 'alone'));
  const { snapshot } = await take(s);
  assert.deepEqual(decisions(snapshot.instances), {
    h1: 'keep',
    h2: 'keep',
    s1: 'evacuate',
    s2: 'evacuate',
    a1: 'evacuate',
  });
  const why = snapshot.instances.find((i) => i.name === 'h1')?.reason;
  assert.equal(
    why,
    'its server group the hard one has hard affinity and 2 members here (h1, h2): Nova cannot place them' +
      ' (beforehand: make the group with soft-affinity, or openstack server group delete hard)',
  );
  const plan = await s.acts.planDrain({ node: NODE, serviceId, policy: s.policy });
  assert.match(
    plan.instances.find((i) => i.name === 'h2')?.reason ?? '',
    /2 members here \(h1, h2\): Nova does not move/,
  );
  const { nodes } = await s.acts.surveyFleet({ policy: s.policy, together: [] });
  const drilled = judge(nodeDrill(nodes.find((n) => n.view.host === NODE)!));
  assert.ok(drilled.notes.includes(`2 instances would stay: ${why}`), drilled.notes.join('; '));
  // Of another project's members only their number is said: the owner of the instance reads it.
  put(s, newInstance('theirs', { serverGroups: ['hard'], projectId: 'globex' }));
  const again = (await take(s)).snapshot.instances.find((i) => i.name === 'h1')?.reason ?? '';
  assert.match(again, /3 members here \(h1, h2 and 1 more\)/);
});

const made = (name: string, imageId: string) => newInstance(name, { volumeBacked: false, imageId });
const asked = (s: Setup) =>
  s.cloud.calls
    .filter((c) => ['image', 'projectName', 'aggregateList'].includes(c.what))
    .map((c) => `${c.what} ${c.id}`);

test('a rule reads what it turns on, once for all that share it; without one nothing more is read', async () => {
  const s = setup();
  Object.assign(s.policy.evacuation, { imageBackedDisks: 'shared' });
  for (let n = 0; n < 100; n++) put(s, made(`web-${n}`, n % 2 ? 'img-a' : 'img-b'));
  put(s, newInstance('volume'), newInstance('other', { projectId: 'globex' }));
  await take(s);
  assert.deepEqual(asked(s), []);

  s.cloud.imagesById = { 'img-a': { properties: { scratch: 'yes' }, tags: [] }, 'img-b': { properties: {}, tags: [] } };
  s.cloud.aggregates = { 'rack-1': [NODE], spare: ['compute-9'] };
  s.policy.evacuation.leave = [
    { name: ['web-*'], image: { scratch: ['YES'] } },
    { name: ['other'], project: ['Globex Inc'] },
    { name: ['volume'], aggregate: ['spare'] },
  ];
  s.cloud.projectNames = { globex: 'globex inc' };
  const { snapshot } = await take(s);
  assert.deepEqual(asked(s).sort(), ['aggregateList ', 'image img-a', 'image img-b', 'projectName globex']);
  const kept = snapshot.instances.filter((i) => i.decision === 'keep');
  assert.equal(kept.length, 51);
  const why = kept.find((i) => i.name === 'other')?.reason;
  assert.equal(why, 'left alone for its name and project, by evacuation.leave[1]');
});

test('an image that cannot be read leaves nobody behind, and the row says so', async () => {
  const s = setup();
  Object.assign(s.policy.evacuation, { imageBackedDisks: 'shared', leave: [{ image: { scratch: ['yes'] } }] });
  put(s, made('gone', 'img-gone'), made('broken', 'img-503'));
  s.cloud.imagesById = { 'img-503': unavailable() };
  const { snapshot } = await take(s);
  for (const { name, decision, reason } of snapshot.instances) {
    assert.equal(decision, 'evacuate', name);
    assert.match(reason, /^its image \(img-(gone|503)\) could not be read: it is moved, whatever the rules/);
  }
});

test('an amphora is left to Octavia: its name alone makes none, and where its project cannot be read it is moved', async () => {
  const s = setup();
  const name = (n: number) => `amphora-0b5c7a3e-1111-4222-8333-00000000000${n}`;
  const at = (n: number, projectId: string) => newInstance(name(n), { projectId });
  put(s, at(1, 'p-octavia'), at(2, 'p-tenant'), at(3, 'p-unread'));
  put(s, newInstance('amphora-x', { projectId: 'p-octavia' }), newInstance('web', { projectId: 'p-other' }));
  s.cloud.projectNames = { 'p-octavia': 'Service', 'p-tenant': 'acme', 'p-unread': unavailable() };
  const found = async () => (await take(s)).snapshot.instances;
  const before = await found();
  assert.deepEqual(decisions(before.filter((i) => i.decision === 'keep')), { [name(1)]: 'keep' });
  const why = (n: number) => before.find((i) => i.name === name(n))?.reason ?? '';
  assert.equal(why(1), 'an amphora of Octavia, which replaces it by itself');
  assert.equal(why(2), '');
  assert.match(why(3), /^the name of its project \(p-unread\) could not be read: it is moved/);
  assert.ok(!asked(s).includes('projectName p-other'), 'nothing is asked of another name');
  s.policy.evacuation.amphoraProjects = ['p-tenant'];
  assert.deepEqual(decisions((await found()).filter((i) => i.decision === 'keep')), { [name(2)]: 'keep' });
  s.policy.evacuation.amphorae = 'evacuate';
  assert.deepEqual(
    (await found()).filter((i) => i.decision === 'keep'),
    [],
  );
  s.policy.evacuation.amphorae = 'leave';
  const plan = await s.acts.planDrain({ node: NODE, serviceId, policy: s.policy });
  assert.equal(decisions(plan.instances)[name(2)], 'evacuate', 'a drain moves it alive');
});

test('refuses a node whose UUID is another or that is gone; fails as a whole when a list fails', async () => {
  const s = setup();
  await assert.rejects(s.acts.takeSnapshot({ node: NODE, serviceId: 'x', policy: s.policy }), { type: 'UuidChanged' });
  s.cloud.before.instances = () => {
    throw new Error('half a list');
  };
  await assert.rejects(take(s), /half a list/);
  s.cloud.nodes.delete(NODE);
  delete s.cloud.before.instances;
  await assert.rejects(take(s), { type: 'NotFound' });
});

test('lists again: what is gone, what was moved, what was evacuated before us, what is new, what has changed', async () => {
  const s = setup();
  put(s, ...['deleted', 'moved', 'led', 'broke', 'stays'].map((n) => newInstance(n)));
  const { snapshot } = await take(s);
  s.cloud.instances.delete('id-deleted');
  Object.assign(s.cloud.instances.get('id-moved') ?? {}, { host: 'compute-2' });
  Object.assign(s.cloud.instances.get('id-led') ?? {}, { host: 'compute-3' });
  s.cloud.record({ instanceId: 'id-led', status: 'done', destCompute: 'compute-3' });
  Object.assign(s.cloud.instances.get('id-broke') ?? {}, { vmState: 'error', powerState: 0 });
  put(s, newInstance('fresh', { launchedAt: null, vmState: 'building' }));
  const again = await s.acts.listAgain({ node: NODE, snapshot, policy: s.policy });
  assert.deepEqual(decisions(again.instances), { broke: 'evacuate', fresh: 'keep', led: 'adopt', stays: 'evacuate' });
  assert.deepEqual(
    new Map(again.gone.map((g) => [g.id, g.host])),
    new Map([
      ['id-deleted', null],
      ['id-moved', 'compute-2'],
    ]),
  );
  // The state to come back to is the one before anything began.
  assert.deepEqual(again.instances.find((i) => i.name === 'broke')?.vmState, 'active');
});

test('open records are those for which Nova destroys a guest on return', async () => {
  const s = setup();
  for (const status of ['accepted', 'pre-migrating', 'done', 'completed', 'failed', 'error'])
    s.cloud.record({ instanceId: status, status });
  assert.deepEqual(
    (await s.acts.openRecords(NODE)).map((r) => r.status),
    ['accepted', 'pre-migrating', 'done'],
  );
});

test('observes where each instance is now, with the time', async () => {
  const s = setup();
  put(s, newInstance('web', { host: 'compute-2' }));
  const seen = await s.acts.observe({ node: NODE, instances: ['id-web', 'id-gone'] });
  assert.equal(seen['id-web']?.view?.host, 'compute-2');
  assert.equal(seen['id-gone']?.view, null);
  assert.match(seen['id-web']?.at ?? '', /^2026-08-01T12:00/);
});

test('a driver is chosen by name, its options are strict, and a reserved host is the only destination', async () => {
  const s = setup();
  const open = (config: { driver: string; options: Record<string, unknown> }) =>
    openEvacuator(config, { openstack: s.cloud });
  await assert.rejects(open({ driver: 'evacuate', options: { tarket: 'x' } }), /evacuation\.options/);
  await assert.rejects(
    open({ driver: 'no-such-driver', options: {} }),
    /evacuation\.driver no-such-driver: cannot be loaded: .*known: evacuate/,
  );
  const reserved = await open({ driver: 'evacuate', options: { target: 'compute-3' } });
  assert.deepEqual([reserved.reaches('compute-3'), reserved.reaches('compute-2')], [true, false]);
  const web = newInstance('web');
  put(s, web);
  await reserved.send(web, {});
  assert.equal((s.cloud.calls.at(-1)?.options as { target?: string } | undefined)?.target, 'compute-3');
});
