// Power devices as they are: slow, lying, locked, dead with their node. Nothing is evacuated before the proof, whatever they say.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { approveUpdate, confirmFencedUpdate, retryUpdate } from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

const offs = (s: Story, node: string): number =>
  s.world.log.of('power-command').filter((c) => c.node === node && c.reset === 'ForceOff').length;
const written = (s: Story, node: string): boolean =>
  s.world.log.of('service').some((e) => e.node === node && e.by === 'lifeboat');
const evacuated = (s: Story, node: string): boolean => s.world.log.of('evacuate').some((e) => e.source === node);

/** Wide enough that each node of the story is tried beside the others. */
const ALL_AT_ONCE = { atOnce: 4, share: 0.5, perHour: 10 };

test('a BMC that answers 409 when off, loses its answer, or is slow, still gives a proof with at most one off', async (t) => {
  const s = await tellStory({ world: { nodes: 8 }, sections: { limits: ALL_AT_ONCE } });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  world.bmc('compute-1', { conflictWhenOff: 409 });
  world.bmc('compute-2', { conflictWhenOff: 409, noSessions: true });
  world.fault(
    { service: 'bmc', node: 'compute-2', method: 'POST', path: /Reset/, times: 1 },
    { do: 'effect-then-drop' },
  );
  world.bmc('compute-3', { slowMs: 150 });
  await Promise.all([world.powerLoss('compute-1'), world.crash('compute-2'), world.crash('compute-3')]);
  const nodes = ['compute-1', 'compute-2', 'compute-3'];
  const reports = await Promise.all(nodes.map((n) => s.started(n).then(() => s.ends(n))));
  for (const report of reports) {
    assert.equal(report.outcome, 'recovered', `${report.node}: ${report.reason}`);
    assert.equal(report.proof?.kind, 'power');
  }
  assert.deepEqual(
    nodes.map((n) => offs(s, n)),
    [0, 1, 1],
  );
  const runs = reports.map(({ node, instances }) => ({ node, instances }));
  s.audit({ runs, ended: true, maxOffsPerNode: 1, atOnce: 4, maxNodesFenced: 2 });
});

test('a BMC that says OK and stays on, refuses the login, or died with its node: blocked, untouched, a person is told how', async (t) => {
  const s = await tellStory({ world: { nodes: 8 }, sections: { limits: ALL_AT_ONCE } });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  world.bmc('compute-1', { saysOkStaysOn: true });
  world.bmc('compute-2', { wrongPassword: true });
  await Promise.all([
    world.crash('compute-1'),
    world.crash('compute-2'),
    world.powerLoss('compute-3', { withBmc: true }),
  ]);
  const nodes = ['compute-1', 'compute-2', 'compute-3'];
  await Promise.all(nodes.map((n) => s.started(n)));
  await Promise.all(nodes.map((n) => s.phase(n, 'blocked')));
  for (const n of nodes) {
    assert.ok(!written(s, n) && !evacuated(s, n), `${n} is untouched in Nova`);
    const mail = await s.adminMail(new RegExp(`${n} could not be proven off[^]*confirmFenced[^]*"node":"${n}"`));
    assert.match(mail.text, new RegExp(`--workflow-id '?${s.cloud}/${n}`), 'the exact command stands in the mail');
  }
  // An account that is locked by our own tries would lock out the person who comes to help.
  const logins = world.log.of('call').filter((c) => c.service === 'bmc' && c.node === 'compute-2' && c.status === 401);
  assert.ok(logins.length > 0 && logins.length <= 3, `${logins.length} logins were refused`);
  s.audit();

  world.bmc('compute-1', null);
  world.bmc('compute-2', null);
  for (const n of ['compute-1', 'compute-2']) await s.run(n).executeUpdate(retryUpdate, { args: [{ by: 'ann' }] });
  await assert.rejects(
    s.run('compute-3').executeUpdate(confirmFencedUpdate, { args: [{ by: 'ann', node: 'compute-4' }] }),
    'a person types the name of the node that they mean',
  );
  world.note('operator-confirmed', 'compute-3');
  await s.run('compute-3').executeUpdate(confirmFencedUpdate, {
    args: [{ by: 'ann', node: 'compute-3', reason: 'pulled the plug' }],
  });
  const reports = await Promise.all(nodes.map((n) => s.ends(n)));
  assert.deepEqual(
    reports.map((r) => [r.outcome, r.proof?.kind]),
    [
      ['recovered', 'power'],
      ['recovered', 'power'],
      ['recovered', 'operator'],
    ],
  );
  s.audit({ runs: reports.map(({ node, instances }) => ({ node, instances })), ended: true });
});

test('a node that goes on again right after its off is not proven off, and one whose BMC lies while it answers is blocked', async (t) => {
  const s = await tellStory({
    world: { nodes: 8 },
    mode: 'confirm',
    sections: { limits: ALL_AT_ONCE, monitoring: { failedWhen: { all: ['nova-service'] } } },
  });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  world.bmc('compute-1', { onAgainAfterMs: 60 });
  world.bmc('compute-2', { liesOff: true });
  await world.crash('compute-1');
  world.agentDown('compute-2');
  for (const n of ['compute-1', 'compute-2']) {
    await s.started(n);
    await s.phase(n, 'approval');
    await s.run(n).executeUpdate(approveUpdate, { args: [{ by: 'ann' }] });
  }
  const blocked = await s.phase('compute-2', 'blocked');
  assert.match(blocked.question?.what ?? '', /says off but lives/);
  assert.ok(!evacuated(s, 'compute-2') && !written(s, 'compute-2'));
  world.bmc('compute-2', null);
  world.agentUp('compute-2');
  // Both live: what was off for a moment may not be called a false alarm, nobody else's may be called anything else.
  const [first, second] = await Promise.all([s.ends('compute-1'), s.ends('compute-2')]);
  assert.equal(first.outcome, 'stoodDown', first.reason);
  assert.equal(second.outcome, 'falseAlarm', second.reason);
  assert.ok(!evacuated(s, 'compute-1') && !written(s, 'compute-1'));
  assert.equal(offs(s, 'compute-2'), 0);
  s.audit({ ended: true });
});

test('a node that is switched on while it is evacuated stops everything new, is fenced again, and all of it recovers', async (t) => {
  const s = await tellStory({ sections: { evacuation: { perNode: 2 } } });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  const here = s.on('compute-2');
  assert.ok(here.size > 2, 'some still wait when it returns');
  for (const n of world.nodes) world.spawnDelay(n.name, 30_000);
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  await until(() => world.log.of('evacuate').length === 2, { what: 'the lanes are full' });
  await world.powerOn('compute-2');
  await world.until((truth) => truth.nodes['compute-2']?.power === 'off', 20_000, 'it is fenced again');
  await s.adminMail(/compute-2 came back during its recovery/);
  for (const n of world.nodes) world.spawnDelay(n.name, 0);
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, here.size);
  assert.equal(offs(s, 'compute-2'), 1);
  s.audit({ limits: { perNode: 2 } }, report);
});
