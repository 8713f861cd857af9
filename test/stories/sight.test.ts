// What looks like dead nodes and is not: the broker, Nova's API, the monitor's own network, a switch, a hung agent, a moment's
// hang. Nothing of it may cost a living node its power; and what is really dead beneath is still found.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FaultEffect } from '../world/faults.ts';
import { until } from '../support/until.ts';
import type { World } from '../world/world.ts';
import { ADMIN, shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

const EIGHT = { nodes: 8, instances: 16 };

test('a dead broker, a cut-off monitor, a hung agent, a half, empty or failing list: not one call to a BMC, and an alarm when blind', async (t) => {
  const s = await tellStory({ world: EIGHT });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  const all = world.nodes.map((n) => n.name);

  world.brokerDown();
  await world.until((truth) => all.every((n) => !truth.nodes[n]!.up), 20_000, 'Nova calls every node down');
  await s.sweeps(5);
  world.brokerUp();
  await world.until((truth) => all.every((n) => truth.nodes[n]!.up), 20_000, 'and up again');

  world.agentDown('compute-3');
  await world.until((truth) => !truth.nodes['compute-3']!.up, 20_000, 'Nova calls compute-3 down');
  await Promise.all(all.map((n) => world.cut(n, 'network')));
  await s.sweeps(5);
  await Promise.all(all.map((n) => world.mend(n, 'network')));
  await s.sweeps(5);
  world.agentUp('compute-3');
  assert.equal(world.mailbox.mails.length, 0, 'nobody is troubled');

  const blindnesses: [FaultEffect, RegExp][] = [
    [{ do: 'half-page' }, /Nova lists 4 nodes, and listed 8 before/],
    [{ do: 'status', status: 200, body: '{"services":[]}' }, /Nova lists no compute service at all/],
    [{ do: 'status', status: 500, message: 'DBConnectionError' }, /500/],
  ];
  for (const [i, [effect, why]] of blindnesses.entries()) {
    const fault = world.fault({ service: 'nova', method: 'GET', path: /os-services/ }, effect);
    const alarm = await until(() => alarms(world, /the monitors cannot see the fleet/)[i], {
      what: `an alarm says that ${effect.do} blinds it`,
      timeoutMs: 30_000,
    });
    assert.match(alarm, why);
    assert.match(alarm, /Nothing is fenced while this lasts/);
    if (i === 0) {
      const run = await s.start('compute-2', { force: true });
      await s.phase('compute-2', 'admission');
      const waiting = /the list of nodes is not whole/;
      await until(async () => waiting.test((await s.state('compute-2')).doing), { what: 'a start by hand waits too' });
      fault.remove();
      assert.match((await run.result()).reason, /compute-2 is alive/, 'judged once there was something to see');
    }
    fault.remove();
    await until(() => alarms(world, /blind since .*it is over/)[i], { what: 'an end of the alarm' });
  }
  assert.equal(s.powerCalls(), 0);
  assert.deepEqual(s.mutations(), []);
  assert.equal(world.mailbox.mails.length, 6, 'each alarm once, each end once');
  s.audit({ maxNodesFenced: 0 });
});

test('a switch that takes six of eight with it costs no node its power; what is really dead is recovered after it heals', async (t) => {
  const s = await tellStory({ world: EIGHT });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  const behind = ['compute-1', 'compute-2', 'compute-3', 'compute-4', 'compute-5', 'compute-6'];
  // One of them has a hung agent already: for a while it is the only one that all channels call failed.
  world.agentDown('compute-1');
  await world.until((truth) => !truth.nodes['compute-1']!.up, 20_000, 'Nova calls compute-1 down');
  await s.sweeps(3);
  await Promise.all(behind.map((n) => world.cut(n, 'network')));
  await s.sweeps(6);
  await Promise.all(behind.map((n) => world.cut(n, 'bus')));
  await world.crash('compute-4');
  const storm = await s.adminMail(/nothing is fenced/);
  assert.match(storm.text, /of 8 nodes look failed.*a fault of the network or of Nova/);
  await until(async () => Object.keys((await s.watch()).held).length === 6, { what: 'all six are held back' });
  await s.sweeps(5);
  assert.equal(s.powerCalls(), 0);
  assert.equal(alarms(world, /nothing is fenced/).length, 1, 'one mail, not six');
  s.audit({ maxNodesFenced: 0 });

  world.agentUp('compute-1');
  await Promise.all(behind.flatMap((n) => [world.mend(n, 'network'), world.mend(n, 'bus')]));
  await s.started('compute-4');
  const report = await s.ends('compute-4');
  assert.equal(report.outcome, 'recovered', report.reason);
  await s.adminMail(/storm since .*within the limits/);
  s.audit({ maxNodesFenced: 1 }, report);

  // A node that only hung, and lives again before its off, costs nothing but a mail.
  const touched = s.mutations().length;
  const fault = world.fault(
    { service: 'nova', method: 'GET', path: /servers\/detail.*compute-6/ },
    { do: 'status', status: 503 },
  );
  await world.hang('compute-6');
  await s.started('compute-6');
  await until(() => fault.hits > 0, { what: 'its recovery takes the snapshot' });
  await world.thaw('compute-6');
  await world.until((truth) => truth.nodes['compute-6']!.up, 20_000, 'it reports again');
  fault.remove();
  const closed = await s.ends('compute-6');
  assert.equal(closed.outcome, 'falseAlarm', closed.reason);
  assert.match((await s.adminMail(/compute-6: falseAlarm/)).text, /compute-6 is alive/);
  await s.sweeps(3);
  assert.equal(s.mutations().length, touched, 'nothing was touched');
  s.audit({ maxNodesFenced: 1 }, report);
});

const alarms = (world: World, text: RegExp): string[] =>
  world.mailbox
    .to(ADMIN)
    .map((m) => `${m.subject}\n${m.text}`)
    .filter((m) => text.test(m));
