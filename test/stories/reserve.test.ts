// Reserved nodes: two that a person keeps disabled for a failure.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { shutTemporal, tellStory, type StoryWishes } from './harness.ts';

after(shutTemporal);

const wishes: StoryWishes = {
  world: { nodes: 6, instances: 16 },
  sections: {
    evacuation: { imageBackedDisks: 'shared', options: { target: 'reserved' }, reserve: { by: 'zone' } },
    limits: { atOnce: 2, share: 0.5, cliff: 1 },
  },
};
const reserved = ['compute-5', 'compute-6'];

test('two recoveries get a reserved node each; what is used stays in service, and what is not is reserved again', async (t) => {
  const s = await tellStory(wishes);
  t.after(() => s.end());
  const { world } = s;
  for (const host of reserved) {
    // Empty, as a reserve is.
    for (const id of s.on(host).values()) world.deleteInstance(id);
    world.disableByPerson(host, `Reserve: ${host}`);
  }
  // Nothing of compute-3 can go to a reserved node: it is given back.
  for (const id of s.on('compute-3').values()) {
    const { flavor } = world.instance(id);
    world.changeInstance(id, { flavor: { ...flavor, extraSpecs: { 'aggregate_instance_extra_specs:pool': 'big' } } });
  }
  for (const host of ['compute-1', 'compute-4']) world.aggregate(host, ['big']);
  await s.lookout();
  await world.powerLoss('compute-2', { withBmc: false });
  await world.powerLoss('compute-3', { withBmc: false });
  await s.started('compute-2');
  await s.started('compute-3');
  const [two, three] = await Promise.all([s.ends('compute-2', 120_000), s.ends('compute-3', 120_000)]);
  assert.deepEqual([two.outcome, three.outcome], ['recovered', 'recovered'], `${two.reason}; ${three.reason}`);
  const used = two.instances.map((i) => i.host!);
  assert.equal(new Set(used).size, 1);
  assert.ok(reserved.includes(used[0]!), `all of compute-2 is on ${used.join()}`);
  const [other] = reserved.filter((host) => host !== used[0]);
  const enabled = world.log.of('service').filter((e) => e.by === 'lifeboat' && e.status === 'enabled');
  assert.deepEqual(new Set(enabled.map((e) => e.node)), new Set(reserved), 'one each');
  const { nodes } = world.truth();
  assert.deepEqual([nodes[used[0]!]!.disabled, nodes[other!]!.disabled], [false, true]);
  assert.equal(nodes[other!]!.reason, `Reserve: ${other}`);
  const runs = [two, three].map(({ node, instances }) => ({ node, instances }));
  s.audit({ reserved, runs, ended: true });
});
