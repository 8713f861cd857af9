// Whoever goes in the middle, somebody takes over, and nothing is asked of Nova twice.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { ROLES, WORKFLOW_TYPES } from '../../workflows/contract.ts';
import type { World } from '../world/world.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

/** Names of what was asked for, once for each request. */
const posted = (world: World): string[] =>
  world.log
    .of('call')
    .filter((c) => c.by === 'lifeboat' && c.action === 'evacuate')
    .map((c) => world.instance(c.instance!).name)
    .sort();

/** compute-2 has lost its power, and the three lanes are full of what Nova has not spawned yet. `here`: names of what was on it. */
async function inTheMiddle(t: TestContext): Promise<{ s: Story; here: string[] }> {
  const s = await tellStory({ world: { instances: 20 }, sections: { evacuation: { perNode: 3 } } });
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  const here = [...s.on('compute-2').keys()].sort();
  assert.equal(here.length, 5);
  for (const n of world.nodes) world.holdSpawns(n.name);
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  await until(() => posted(world).length === 3, { what: 'the lanes are full', timeoutMs: 30_000 });
  return { s, here };
}

test('a run that is terminated in the middle: its node is taken up from the marker, what is on its way is adopted', async (t) => {
  const { s, here } = await inTheMiddle(t);
  const { world } = s;
  const { runId: first } = await s.run('compute-2').describe();
  await s.run('compute-2').terminate('somebody pressed the button');

  const second = await until(
    async () => {
      const { runId, type } = await s.run('compute-2').describe();
      return type === WORKFLOW_TYPES.recover && runId !== first ? runId : null;
    },
    { what: 'the watch takes the node up', timeoutMs: 30_000 },
  );
  const adopting = await until(
    async () => {
      const { instances, proof } = await s.state('compute-2');
      return proof && instances.filter((i) => i.outcome === 'moving').length >= 3 ? instances : null;
    },
    { what: 'what is on its way is watched', timeoutMs: 30_000 },
  );
  assert.equal(adopting.length, 5);
  for (const n of world.nodes) world.letSpawn(n.name);
  const report = await s.ends('compute-2');
  assert.equal(report.runId, second);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, here.length);
  assert.deepEqual(posted(world), here, 'each was asked for once, over both runs');
  s.audit({ limits: { perNode: 3 } }, report);
});

test('the workers that run everything are stopped in the middle: others go on, and each instance was asked for once', async (t) => {
  const { s, here } = await inTheMiddle(t);
  const { world } = s;
  const { runId } = await s.run('compute-2').describe();

  const stopped = s.workers.shutdown();
  await s.addWorkers([...ROLES]);
  await stopped;
  // Nothing of the first set is left; what it had asked for is still on its way, watched by the others.
  for (const n of world.nodes) world.letSpawn(n.name);
  const report = await s.ends('compute-2');
  assert.equal(report.runId, runId, 'the same run went on');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, here.length);
  assert.deepEqual(posted(world), here, 'each was asked for once, by whichever worker');
  s.audit({ limits: { perNode: 3 } }, report);
});
