// Room and width: what cannot fit waits un-posted, and several runs together stay within what the configuration allows.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../support/until.ts';
import type { Capacity } from '../world/settings.ts';
import type { World } from '../world/world.ts';
import { shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

const FULL: Capacity = { vcpus: 1, ram: 64, disk: 1 };
const ONE_SMALL: Capacity = { vcpus: 1, ram: 2_048, disk: 20 };
const ONE_LARGE: Capacity = { vcpus: 4, ram: 8_192, disk: 100 };

test('what finds no room waits un-posted and untouched, users hear of the delay, and room that comes is used at once', async (t) => {
  const s = await tellStory({
    world: { instances: 0 },
    sections: { timings: { delayedAfter: '1m' } },
  });
  t.after(() => s.end());
  const { world } = s;
  for (const name of ['big-1', 'big-2'])
    world.addInstance({ name, host: 'compute-2', project: 'acme', flavor: 'large' });
  world.addInstance({ name: 'little', host: 'compute-2', project: 'globex', flavor: 'small' });
  for (const n of ['compute-3', 'compute-4']) world.capacity(n, FULL);
  world.capacity('compute-1', ONE_SMALL);
  await s.lookout();
  await world.powerLoss('compute-2');
  await s.started('compute-2');

  // The first that cannot fit does not hold up the one that can.
  await world.until((truth) => hostOf(truth, 'little') === 'compute-1', 30_000, 'the little one fits');
  const asked = await s.phase('compute-2', 'blocked');
  assert.match(asked.question?.what ?? '', /no room for 2 instances of compute-2: .*none of them has 4 VCPU/);
  assert.deepEqual(
    asked.question?.answers.map((a) => a.verb),
    ['retry', 'abort'],
  );
  await s.adminMail(/no room for 2 instances of compute-2/);
  const told = await until(() => world.mailbox.to('alice@acme.example').find((m) => /takes longer/.test(m.subject)), {
    what: 'users of what waits are told of the delay',
  });
  assert.match(told.text, /WAITING FOR ROOM[^]*big-1[^]*big-2/);
  assert.ok(
    !world.mailbox.to('bob@globex.example').some((m) => /longer|not back yet/.test(m.subject)),
    'not told of a delay: theirs is back',
  );
  for (const name of ['big-1', 'big-2']) {
    const { host, vmState, taskState, locked } = world.instance(name);
    assert.deepEqual([host, vmState, taskState, locked], ['compute-2', 'active', null, false], `${name} is untouched`);
  }
  assert.equal(posts(world, 'compute-2'), 1, 'only what fits was posted');
  s.audit();

  world.capacity('compute-3', ONE_LARGE);
  await world.until((truth) => ['big-1', 'big-2'].some((n) => hostOf(truth, n) === 'compute-3'), 30_000, 'one fits');
  assert.equal(posts(world, 'compute-2'), 2, 'the other one still waits');
  world.capacity('compute-4', ONE_LARGE);
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, 3);
  assert.equal(posts(world, 'compute-2'), 3, 'each was posted once');
  s.audit({}, report);
});

test('three dead nodes: two runs share the overall width, a newcomer waits for its share, the third waits for its turn', async (t) => {
  const s = await tellStory({
    world: { nodes: 8, instances: 0, zones: ['left', 'right'] },
    sections: { limits: { atOnce: 2, share: 0.5, perHour: 10 }, evacuation: { overall: 4, perNode: 4 } },
  });
  t.after(() => s.end());
  const { world } = s;
  const found = (host: string, name: string, count: number, requestedZone: string): void => {
    for (let i = 1; i <= count; i++) world.addInstance({ name: `${name}-${i}`, host, flavor: 'tiny', requestedZone });
  };
  found('compute-1', 'first', 10, 'left');
  found('compute-5', 'second', 3, 'right');
  found('compute-6', 'third', 3, 'right');
  await s.lookout();

  // What goes to the left takes until the story says so: only the first run has such.
  const left = ['compute-2', 'compute-3', 'compute-4'];
  for (const n of left) world.holdSpawns(n);
  const first = (): number => inFlight(world, 'compute-1');
  let given = 0;
  /** One after the other: the next only when the last one is over. */
  const give = (): void => {
    if (first() <= 2 || posts(world, 'compute-1') - first() < given) return;
    if (left.some((n) => world.letSpawn(n, 1) === 1)) given += 1;
  };
  const begins = async (node: string): Promise<void> => {
    await until(() => (give(), posts(world, node) > 0), { what: `${node} is evacuated too`, timeoutMs: 30_000 });
    assert.ok(first() <= 2, 'with what the first run has given up');
  };
  await world.crash('compute-1');
  await until(() => first() === 4, { what: 'the first run has its whole share in flight', timeoutMs: 30_000 });
  await Promise.all([world.crash('compute-5'), world.crash('compute-6')]);

  const second = await until(async () => (await s.watch()).open.find((o) => o.node !== 'compute-1' && o.grantedAt), {
    what: 'one more run is granted',
    timeoutMs: 30_000,
  });
  assert.equal(second.width, 0, 'nothing is free, so the newcomer gets nothing yet');
  const third = second.node === 'compute-5' ? 'compute-6' : 'compute-5';
  assert.match((await s.phase(third, 'admission')).doing, /2 recoveries run already, at most 2 at once/);
  await until(async () => (await s.state(second.node)).guard.seeing === 'off', { what: 'the newcomer could begin' });
  assert.equal(first(), 4, 'the first one was not told to drop anything');
  assert.equal(posts(world, second.node), 0, 'the newcomer waits for what it gives up');
  await begins(second.node);

  const secondReport = await s.ends(second.node);
  // Its turn has come; until then the first one had everything again.
  const isGranted = async (): Promise<boolean> =>
    (await s.watch()).open.some((o) => o.node === third && o.grantedAt !== null);
  await until(isGranted, { what: 'the third is granted', timeoutMs: 30_000 });
  await begins(third);
  const thirdReport = await s.ends(third);
  assert.ok(
    thirdReport.evidence.length > 0 && thirdReport.evidence.every((e) => e.readAt >= secondReport.endedAt),
    'the third was judged on evidence of after the second one’s end',
  );
  await until(() => first() === 4, { what: 'the first run has its whole share again' });
  for (const n of left) world.letSpawn(n);
  const reports = [await s.ends('compute-1'), secondReport, thirdReport];
  assert.deepEqual(
    reports.map((r) => [r.outcome, r.counts.recovered]),
    [10, 3, 3].map((n) => ['recovered', n]),
  );
  const runs = reports.map(({ node, instances }) => ({ node, instances }));
  s.audit({ runs, ended: true, atOnce: 2, limits: { overall: 4, perNode: 4 }, maxOffsPerNode: 1 });
});

const posts = (world: World, node: string): number => world.log.of('evacuate').filter((e) => e.source === node).length;

const hostOf = (truth: ReturnType<World['truth']>, name: string): string | null =>
  Object.values(truth.instances).find((i) => i.name === name)?.host ?? null;

const OVER = ['done', 'completed', 'failed', 'error'];

/** Evacuations from the node that Nova has accepted and that are not over. */
function inFlight(world: World, node: string): number {
  const over = new Set(world.log.of('record').flatMap((r) => (OVER.includes(r.status) ? [r.record] : [])));
  return world.log.of('evacuate').filter((e) => e.source === node && !over.has(e.record)).length;
}
