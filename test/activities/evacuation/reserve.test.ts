// Reserved nodes: which serve a failed one, and when one is given back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Policy } from '../../../workflows/defaults.ts';
import { newInstance, newNode, NODE } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';

const RESERVED = { status: 'disabled' as const, disabledReason: 'Reserve of rack 2' };
const reserve = (s: Setup, over: Partial<NonNullable<Policy['evacuation']['reserve']>> = {}): Promise<string[]> => {
  s.policy.evacuation.reserve = { by: 'zone', reason: 'reserve*', ...over };
  return s.acts.listReserve({ node: NODE, policy: s.policy }).then((all) => all.map((r) => r.host));
};
const world = (s: Setup): void => {
  for (const [host, over] of Object.entries({
    'spare-1': RESERVED,
    'spare-2': { ...RESERVED, zone: 'other' },
    broken: { ...RESERVED, state: 'down' as const },
    repaired: { ...RESERVED, disabledReason: 'ann: new fans' },
    ours: { ...RESERVED, disabledReason: 'lifeboat:0193f8a2-1111:recovered, was disabled: reserve' },
    busy: RESERVED,
  }))
    s.cloud.nodes.set(host, newNode(host, over));
  s.cloud.instances.set('i', newInstance('i', { host: 'busy' }));
};

test('a reserved node is up, empty, disabled by a person for that, and of the same zone or aggregate', async () => {
  const s = setup();
  world(s);
  assert.deepEqual(await reserve(s), ['spare-1']);
  s.cloud.aggregates = { 'rack-2': [NODE, 'spare-2', 'spare-1'], ssd: [NODE, 'spare-1'], 'rack-3': ['spare-2'] };
  assert.deepEqual(await reserve(s, { by: 'aggregate' }), ['spare-1', 'spare-2']);
  assert.deepEqual(await reserve(s, { by: 'aggregate', aggregates: ['ss*'] }), ['spare-1']);
  assert.deepEqual(await reserve(s, { reason: 'spare*' }), []);
});

test('it is enabled once, unless somebody took it for something else meanwhile', async () => {
  const s = setup();
  world(s);
  const one = { host: 'spare-1', reason: 'Reserve of rack 2' };
  assert.deepEqual(await s.acts.enableReserve(one), { ok: true, why: '' });
  assert.deepEqual(await s.acts.enableReserve(one), { ok: true, why: '' }, 'a second time');
  assert.equal(s.cloud.count('updateService'), 1);
  const taken = await s.acts.enableReserve({ host: 'repaired', reason: 'Reserve of rack 2' });
  assert.deepEqual(taken, { ok: false, why: 'it is not as it was: ann: new fans' });
});

test('unused it is given back with its own reason; with an instance on it or on its way it stays', async () => {
  const s = setup();
  world(s);
  const one = { host: 'spare-1', reason: 'Reserve of rack 2', timeoutMs: 1_000 };
  await s.acts.enableReserve(one);
  const r = s.cloud.record({ instanceId: 'x', destCompute: 'spare-1', status: 'pre-migrating' });
  assert.match((await s.acts.giveBackReserve(one)).why, /0 instances are on it, 1 on their way/);
  s.cloud.move(r, 'failed');
  const used = newInstance('used', { host: 'spare-1' });
  s.cloud.instances.set(used.id, used);
  assert.match((await s.acts.giveBackReserve(one)).why, /1 instances are on it/);
  s.cloud.instances.delete(used.id);
  assert.equal((await s.acts.giveBackReserve(one)).givenBack, true);
  assert.equal((await s.acts.giveBackReserve(one)).givenBack, true, 'a second time');
  const row = s.cloud.nodes.get('spare-1')!;
  assert.deepEqual([row.status, row.disabledReason], ['disabled', 'Reserve of rack 2']);
});

test('with target reserved everything goes to the reserved node first, where it has room; a second try is Nova’s', async () => {
  const s = setup('reserved');
  const to = async (more: object): Promise<unknown> => {
    const web = newInstance(`web-${Math.random()}`);
    await s.evacuate(s.input(web, {}, more));
    return (s.cloud.calls.findLast((c) => c.what === 'evacuate')?.options as { target?: string } | undefined)?.target;
  };
  assert.equal(await to({ reserve: 'compute-3' }), 'compute-3');
  assert.equal(await to({ reserve: 'compute-3', anyHost: true }), undefined);
  assert.equal(await to({}), undefined, 'no reserve was free');
  assert.equal(await to({ reserve: 'compute-9' }), undefined, 'it has no room');
});
