// The state table of docs/procedure.md, row by row, on one node: what is promised of each instance, and what is then true of it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { approveUpdate, pauseWatchUpdate, resumeWatchUpdate, skipUpdate } from '../../workflows/verbs.ts';
import type { NewInstance } from '../world/instances.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

interface Row extends NewInstance {
  name: string;
  /** What the report says of it. */
  ends: 'recovered' | 'kept' | 'failed';
  reason?: RegExp;
  loses?: RegExp;
  /** Nova's vm_state afterwards; what is kept stays as it was. */
  endsAs?: string;
}

const LOCAL = { name: 'local-small', vcpus: 1, ram: 512, disk: 10, ephemeral: 0, swap: 0, extraSpecs: {} };
const CHOSEN = { HA_Enabled: 'True' };

const ROWS: Row[] = [
  { name: 'active', ends: 'recovered', endsAs: 'active' },
  { name: 'volume', disk: 'volume', ends: 'recovered', endsAs: 'active' },
  { name: 'stopped', vmState: 'stopped', ends: 'recovered', endsAs: 'stopped' },
  { name: 'error-on', vmState: 'error', ends: 'recovered', endsAs: 'active' },
  { name: 'error-off', vmState: 'error', powerState: 4, ends: 'recovered', endsAs: 'stopped' },
  { name: 'locked', locked: { reason: 'mine' }, ends: 'recovered', endsAs: 'active' },
  { name: 'error-new', vmState: 'error', launched: false, ends: 'kept', reason: /never launched: recreate it/ },
  { name: 'building', vmState: 'building', taskState: 'spawning', ends: 'kept', reason: /never launched/ },
  { name: 'paused', vmState: 'paused', ends: 'recovered', endsAs: 'active', loses: /was paused.*memory is lost/ },
  { name: 'suspended', vmState: 'suspended', ends: 'kept', reason: /suspended/ },
  { name: 'rescued', vmState: 'rescued', ends: 'kept', reason: /rescued/ },
  { name: 'resized', vmState: 'resized', ends: 'kept', reason: /resized/ },
  { name: 'shelved', vmState: 'shelved', ends: 'kept', reason: /shelved/ },
  { name: 'deleting', taskState: 'deleting', ends: 'kept', reason: /being deleted/ },
  { name: 'soft-deleted', vmState: 'soft-delete', ends: 'kept', reason: /being deleted/ },
  { name: 'local', flavor: LOCAL, disk: 'local', ends: 'kept', reason: /rebuild it from its image and lose the data/ },
  {
    ...{ name: 'local-rebuild', flavor: LOCAL, disk: 'local', tags: ['lifeboat-rebuild'] },
    ...{ ends: 'recovered', endsAs: 'active', loses: /the data on it is gone/ },
  },
  { name: 'not-chosen', metadata: {}, ends: 'kept', reason: /not chosen/ },
  { name: 'amphora', project: 'initech', ends: 'kept', reason: /its own service replaces it/ },
  { name: 'twin-1', ends: 'kept', reason: /hard affinity/ },
  { name: 'twin-2', ends: 'kept', reason: /hard affinity/ },
];

function furnish(s: Story): void {
  const twins = s.world.group('twins', 'affinity', 'acme');
  for (const { ends: _e, reason: _r, loses: _l, endsAs: _t, ...row } of ROWS) {
    const group = row.name.startsWith('twin') ? { group: twins } : {};
    s.world.addInstance({ host: 'compute-1', project: 'acme', metadata: CHOSEN, ...group, ...row });
  }
}

test('each instance of a dead node ends as the state table promises, in the report and in truth', async (t) => {
  const projects = [
    { name: 'acme', users: ['alice'] },
    { name: 'initech', users: ['carol'] },
  ];
  const octavia = 'initech';
  const s = await tellStory({
    world: { instances: 0, projects, imageBackedDisks: 'shared' },
    sections: (world) => ({
      evacuation: {
        ...{ imageBackedDisks: 'shared', localFlavors: ['local-*'], selection: 'opt-in', states: { paused: 'reset' } },
        leaveProjects: [[...world.centre.projects.values()].find((p) => p.name === octavia)!.id],
      },
    }),
  });
  t.after(() => s.end());
  furnish(s);
  await s.lookout();
  const { world } = s;
  await world.powerLoss('compute-1');
  await s.started('compute-1');
  const report = await s.ends('compute-1');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.instances.length, ROWS.length);
  const truth = world.truth().instances;
  for (const row of ROWS) {
    const account = report.instances.find((i) => i.name === row.name);
    assert.equal(account?.outcome, row.ends, `${row.name}: ${account?.reason}`);
    if (row.reason) assert.match(account?.reason ?? '', row.reason, row.name);
    if (row.loses) assert.match(account?.loses ?? '', row.loses, row.name);
    else assert.equal(account?.loses, undefined, `${row.name} loses nothing`);
    const now = truth[account?.id ?? '']!;
    assert.equal(now.vmState, row.endsAs ?? row.vmState ?? 'active', `${row.name} in Nova`);
    const elsewhere = row.ends === 'recovered';
    assert.equal(now.host !== 'compute-1', elsewhere, `${row.name} is on ${now.host}`);
    assert.deepEqual(now.runsOn, now.vmState === 'active' && elsewhere ? [now.host] : [], `${row.name} runs`);
    assert.equal(now.dataLost, row.name === 'local-rebuild', `${row.name}: its data`);
    assert.equal(now.lockedReason, row.name === 'locked' ? 'mine' : null, `${row.name}: its lock`);
  }
  const mayLose = report.instances.filter((i) => i.name === 'local-rebuild').map((i) => i.id);
  s.audit({ mayLose }, report);
});

test('what was on its way is not sent again: an evacuation is adopted, a live migration is held for a person', async (t) => {
  const s = await tellStory({ mode: 'confirm', world: { instances: 0 }, sections: { timings: { stuck: '1m' } } });
  t.after(() => s.end());
  const { world } = s;
  for (const name of ['plain', 'adopted', 'migrating', 'deleted', 'late'])
    world.addInstance({ name, host: 'compute-1', project: 'acme' });
  await s.lookout();
  for (const n of world.nodes) world.holdSpawns(n.name);
  const record = world.migrate('migrating', 'compute-3', 3_600_000);
  await s.watchHandle().executeUpdate(pauseWatchUpdate, { args: [{ by: 'ann', reason: 'looks herself' }] });
  await world.powerLoss('compute-1');
  await world.until((truth) => !truth.nodes['compute-1']!.up, 20_000, 'Nova calls it down');
  world.evacuateByHand('adopted', 'compute-2');
  await s.watchHandle().executeUpdate(resumeWatchUpdate, { args: [{ by: 'ann' }] });
  await s.started('compute-1');
  await s.phase('compute-1', 'approval');
  world.deleteInstance('deleted');
  await s.run('compute-1').executeUpdate(approveUpdate, { args: [{ by: 'ann' }] });
  await until(() => world.log.of('evacuate').some((e) => e.by === 'lifeboat'), { what: 'plain is evacuated' });
  for (const n of world.nodes) world.letSpawn(n.name);
  const asked = await s.phase('compute-1', 'blocked', 60_000);
  assert.match(asked.question?.what ?? '', /migrating .*compute-3.*whether the guest runs on compute-3/s);
  assert.ok(asked.question?.answers.some((a) => a.verb === 'retry' && a.json.includes(`"record":${record.id}`)));
  await s.run('compute-1').executeUpdate(skipUpdate, { args: [{ by: 'ann', instance: 'migrating' }] });
  const report = await s.ends('compute-1');
  const outcomes = Object.fromEntries(report.instances.map((i) => [i.name, i.outcome]));
  const expected = {
    plain: 'recovered',
    adopted: 'recovered',
    migrating: 'failed',
    late: 'recovered',
  };
  assert.deepEqual(outcomes, expected, 'what was deleted before the approval is no part of it');
  const posted = world.log.of('evacuate').filter((e) => e.by === 'lifeboat').length;
  assert.equal(posted, 2, 'plain and late, each once');
  s.audit({}, report);
});
