// Room and width: what cannot fit waits un-posted as it was, several recoveries share one width, and no third one joins them.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

test('what has no room waits untouched until there is some; its users hear of the delay, the others do not', async (t) => {
  const s = await tellStory({
    world: { nodes: 3, instances: 0 },
    sections: { timings: { roomEvery: '5s', delayedAfter: '20s' } },
  });
  t.after(() => s.end());
  const { world } = s;
  const add = (name: string, project: string, flavor: string, priority: string) =>
    world.addInstance({ name, project, flavor, host: 'compute-1', metadata: { 'lifeboat:priority': priority } });
  add('first', 'acme', 'small', '9');
  const late = [add('late-1', 'globex', 'large', '1'), add('late-2', 'globex', 'large', '0')];
  for (const n of ['compute-2', 'compute-3']) world.capacity(n, { vcpus: 1 });
  await s.lookout();
  await world.powerLoss('compute-1');
  await s.started('compute-1');
  const asked = await s.phase('compute-1', 'blocked');
  assert.match(asked.question?.what ?? '', /no room for 2 instances of compute-1/);
  await s.adminMail(/no room for 2 instances of compute-1/);
  const delayed = await until(
    () => world.mailbox.to('bob@globex.example').find((m) => /late-1/.test(m.text) && /wait/i.test(m.text)),
    {
      what: "the waiting instances' user hears of the delay",
    },
  );
  assert.match(delayed.text, /late-2/);
  const posted = world.log.of('evacuate').map((e) => e.instance);
  for (const { id, name } of late) {
    const now = world.truth().instances[id]!;
    assert.deepEqual([now.vmState, now.taskState, now.host], ['active', null, 'compute-1'], `${name} is as it was`);
    assert.ok(!posted.includes(id), `${name} is un-posted`);
  }
  // The one that a person now makes room for goes at once; Placement alone decides, nobody has to say so.
  world.capacity('compute-3', { vcpus: 64 });
  const report = await s.ends('compute-1');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, 3);
  const stages = world.mailbox.to('alice@acme.example').map((m) => m.subject);
  assert.ok(!stages.some((subject) => /wait|delay/i.test(subject)), `acme waits for nothing: ${stages.join('; ')}`);
  s.audit({}, report);
});

test('two recoveries share the overall width, also what was begun before, and a third node waits for its turn', async (t) => {
  const s = await tellStory({
    world: { nodes: 8, instances: 40 },
    sections: {
      limits: { atOnce: 2, share: 0.5, perHour: 10 },
      evacuation: { perNode: 3, overall: 4 },
      timings: { roomEvery: '5s' },
    },
  });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  for (const n of world.nodes) world.spawnDelay(n.name, 120_000);
  const nodes = ['compute-1', 'compute-2', 'compute-3'];
  // No destination of the first one may die with the others: that would be another story.
  for (const n of nodes) world.capacity(n, { vcpus: 0 });
  await world.crash('compute-1');
  await until(() => world.log.of('evacuate').length === 3, { what: 'the first has its lanes full', timeoutMs: 30_000 });
  await Promise.all(['compute-2', 'compute-3'].map((n) => world.crash(n)));
  // It waits with the watch, or as a run that asks for admission.
  const waits = async (n: string): Promise<boolean> =>
    /at most 2 at once/.test((await s.watch()).held[n] ?? (await s.state(n)).doing);
  const third = await until(
    async () => {
      for (const n of nodes) if (await waits(n).catch(() => false)) return n;
      return null;
    },
    { what: 'one node waits for its turn', timeoutMs: 30_000 },
  );
  assert.ok(
    world.log.of('power-command').every((c) => c.node !== third),
    `${third} is not touched while it waits`,
  );
  await until(() => new Set(world.log.of('evacuate').map((e) => e.source)).size === 2, {
    what: 'the second has begun',
    timeoutMs: 30_000,
  });
  for (const n of world.nodes) world.spawnDelay(n.name, 1_000);
  const reports = await Promise.all(nodes.map((n) => s.started(n, 60_000).then(() => s.ends(n))));
  for (const r of reports) assert.equal(r.outcome, 'recovered', `${r.node}: ${r.reason}`);
  const runs = reports.map(({ node, instances }) => ({ node, instances }));
  s.audit({ runs, ended: true, atOnce: 2, limits: { perNode: 3, overall: 4 } });
});
