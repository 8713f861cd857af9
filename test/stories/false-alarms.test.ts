// What looks like dead nodes and is not: not one call to a BMC while it lasts. The node that is really dead among them is recovered
// afterwards, by nobody's hand. (Broker, lists, own network, a switch: sight.test.ts; wrong clocks: test/golden/clock-of-the-*.)
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

const LONG = 120_000;
const held = async (s: Story, node: string): Promise<string> => (await s.watch()).held[node] ?? '';

/** The network and the reports of these nodes are gone: they live, and look dead by every channel. */
async function cutOff(s: Story, nodes: readonly string[]): Promise<void> {
  await Promise.all(nodes.flatMap((n) => [s.world.cut(n, 'network'), s.world.cut(n, 'bus')]));
}
async function mend(s: Story, nodes: readonly string[]): Promise<void> {
  await Promise.all(nodes.flatMap((n) => [s.world.mend(n, 'network'), s.world.mend(n, 'bus')]));
}

/** The one that is dead is recovered, and no other was ever asked for its power. */
async function onlyDead(s: Story, dead: string): Promise<void> {
  await s.started(dead, LONG);
  const report = await s.ends(dead, LONG);
  assert.equal(report.outcome, 'recovered', report.reason);
  const others = s.world.log.of('power-command').filter((c) => c.node !== dead);
  assert.deepEqual(others, []);
  assert.ok(!report.decisions.some((d) => ['approved', 'confirmed the node off'].includes(d.what)));
  s.audit({ maxNodesFenced: 1 }, report);
}

test('half of a hundred nodes are lost at once and come back unevenly: nothing is fenced; the one that stays dead is recovered', async (t) => {
  const s = await tellStory({ world: { nodes: 100, instances: 100 } });
  t.after(() => s.end());
  await s.lookout();
  const lost = s.world.nodes.slice(0, 50).map((n) => n.name);
  const dead = lost[7]!;
  await cutOff(s, lost);
  await s.world.crash(dead);
  await s.adminMail(/nothing is fenced: \d+ of 100 nodes look failed/, LONG);
  await s.sweeps(3, LONG);
  // In three waves: the last two leave fewer than the share, so that only the cool-down stands between them and a fence.
  for (const wave of [lost.slice(20), lost.slice(10, 20), lost.slice(0, 10)]) {
    assert.equal(s.powerCalls(), 0, `before ${wave[0]} and others are back`);
    await mend(s, wave);
    await s.sweeps(2, LONG);
  }
  await onlyDead(s, dead);
});

test('a node that comes and goes is left to a person after the third time; one that died meanwhile is recovered', async (t) => {
  const s = await tellStory({ world: { nodes: 8 }, sections: { limits: { flaps: 2, atOnce: 2 } } });
  t.after(() => s.end());
  await s.lookout();
  await s.watchHandle().executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: 'ann', reason: 'looks first' }] });
  for (let n = 0; n < 2; n++) {
    await cutOff(s, ['compute-3']);
    await until(() => held(s, 'compute-3'), { what: 'it is seen to fail', timeoutMs: LONG });
    await mend(s, ['compute-3']);
    await until(async () => (await held(s, 'compute-3')) === '', { what: 'it is seen to live', timeoutMs: LONG });
  }
  await s.watchHandle().executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
  await cutOff(s, ['compute-3']);
  await until(async () => /^flapping:/.test(await held(s, 'compute-3')), { what: 'it flaps', timeoutMs: LONG });
  await s.adminMail(/compute-3 is failed and not recovered: compute-3 went down and came back 2 times/, LONG);
  assert.equal(s.powerCalls(), 0);
  await s.world.crash('compute-5');
  await onlyDead(s, 'compute-5');
  assert.match(await held(s, 'compute-3'), /^flapping:/);
});

test('a node under maintenance is left alone however dead it looks; the one that nobody works on is recovered', async (t) => {
  const s = await tellStory({ world: { nodes: 8 } });
  t.after(() => s.end());
  await s.lookout();
  const args: [never] = [{ by: 'ann', node: 'compute-3', until: '4h', reason: 'new memory' } as never];
  await s.watchHandle().executeUpdate(verbs.maintainUpdate, { args });
  await s.world.powerLoss('compute-3');
  await until(async () => /^maintenance:/.test(await held(s, 'compute-3')), { what: 'it is held', timeoutMs: LONG });
  await s.sweeps(5, LONG);
  assert.equal(s.powerCalls(), 0);
  await s.world.crash('compute-5');
  await onlyDead(s, 'compute-5');
  assert.match(await held(s, 'compute-3'), /^maintenance:/);
});

test('a monitor that comes back after an hour knows no old silence: who was silent then and lives now is left alone', async (t) => {
  const s = await tellStory({
    world: { nodes: 8 },
    roles: ['workflow', 'evacuation', 'fencing', 'notification'],
  });
  t.after(() => s.end());
  const before = await s.addWorkers(['monitor']);
  await s.lookout();
  // Long enough to be silent, too short to be failed: then nobody looks for a long time.
  await s.world.hang('compute-3');
  await s.sweeps(4, LONG);
  await before.shutdown();
  await s.world.thaw('compute-3');
  await s.world.crash('compute-5');
  await s.world.until((truth) => truth.nodes['compute-3']!.up, LONG, 'it reports again');
  await s.addWorkers(['monitor']);
  await onlyDead(s, 'compute-5');
});

test('ten people report the same living node at once: none of them gets it fenced; ten that report the dead one get one recovery', async (t) => {
  const s = await tellStory({ world: { nodes: 8 } });
  t.after(() => s.end());
  await s.lookout();
  const report = (node: string): Promise<unknown>[] =>
    Array.from({ length: 10 }, (_, i) => s.start(node, { by: `person-${i}`, force: true }).catch(() => null));
  await Promise.all(report('compute-3'));
  assert.match((await s.ends('compute-3', LONG)).reason, /compute-3 is alive/);
  assert.equal(s.powerCalls(), 0);
  await s.world.crash('compute-5');
  await until(
    async () => {
      const { sight } = await s.watch();
      return sight?.failed.includes('compute-5') === true;
    },
    { what: 'its failure is seen', timeoutMs: LONG },
  );
  await Promise.all(report('compute-5'));
  await onlyDead(s, 'compute-5');
  assert.equal(s.world.log.of('power-command').length, 1);
});
