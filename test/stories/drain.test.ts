// A node in trouble that lives: emptied by live migration, with no fence; and what becomes of it when it dies in the middle.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { WorkflowHandle } from '@temporalio/client';
import {
  nodeWorkflowId,
  readMarker,
  taskQueues,
  WORKFLOW_TYPES,
  type ReadmitReport,
} from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { ADMIN, shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

const NODE = 'compute-2';
type Drain = WorkflowHandle<() => Promise<RecoveryReport>>;

async function drain(s: Story): Promise<Drain> {
  return (await s.temporal.env.client.workflow.start(WORKFLOW_TYPES.drain, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, NODE),
    args: [{ node: NODE, by: 'ann', reason: 'new fans' }],
    workflowTaskTimeout: '5s',
  })) as never;
}

/** Four instances on the node. */
const FOUR = { instances: 16 };
const rows = (s: Story): string[] =>
  s.world.log
    .of('service')
    .filter((e) => e.node === NODE && e.by === 'lifeboat')
    .map((e) => `${e.status}${e.forcedDown ? ' forced down' : ''} ${readMarker(e.reason)?.outcome ?? 'open'}`);

test('a node with four instances is emptied while they run: no power device is asked, nobody is away', async (t) => {
  const s = await tellStory({ world: FOUR });
  t.after(() => s.end());
  await s.lookout();
  const there = s.on(NODE);
  assert.equal(there.size, 4);
  const power = s.powerCalls();
  const report = await (await drain(s)).result();
  assert.equal(report.outcome, 'drained', report.reason);
  assert.deepEqual([report.counts.moved, s.on(NODE).size], [4, 0]);
  assert.deepEqual(rows(s), ['disabled draining', 'disabled drained']);
  assert.equal(s.powerCalls(), power, 'no device was asked');
  const stopped = s.world.log.of('guest').filter((e) => !e.runs && e.why !== 'migrated away');
  assert.deepEqual(stopped, []);
  const runs = s.world.truth().instances;
  for (const id of there.values()) assert.equal(runs[id]!.runsOn.length, 1, `${id} runs once`);
  await until(() => s.world.mailbox.to(ADMIN).length >= 2, { what: 'the admins got start and end', timeoutMs: 20_000 });
  assert.deepEqual((await s.watch()).sight?.ours ?? [], [], 'it is not off by us');
  s.audit({ mayDrain: [NODE] });
});

test('an instance that cannot be live-migrated, and one that is off, stay where they are, with the reason', async (t) => {
  const s = await tellStory({ world: FOUR });
  t.after(() => s.end());
  await s.lookout();
  const [first, second] = [...s.on(NODE).values()];
  s.world.unmovable(first!);
  s.world.changeInstance(second!, { vmState: 'stopped', powerState: 4 });
  s.world.runGuest(second!, NODE, false);
  const report = await (await drain(s)).result();
  assert.equal(report.outcome, 'partial', report.reason);
  const of = (id: string) => report.instances.find((i) => i.id === id)!;
  assert.match(`${of(first!).outcome} ${of(first!).reason}`, /^failed .*as error .*it runs where it was$/);
  assert.match(`${of(second!).outcome} ${of(second!).reason}`, /^kept it is off/);
  assert.deepEqual(new Set(s.on(NODE).values()), new Set([first, second]));
  assert.deepEqual(s.world.truth().instances[first!]!.runsOn, [NODE]);
  s.audit({ mayDrain: [NODE] });
});

test('a node that dies in the middle of its drain is recovered under the same id: one rebuild each, nobody runs twice', async (t) => {
  // Live migrations that take longer than the node lives.
  const s = await tellStory({ world: { ...FOUR, durations: { migrateMs: 120_000 } } });
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  const there = s.on(NODE);
  await drain(s);
  const { runId: first } = await s.run(NODE).describe();
  const moving = await until(
    () => {
      const running = world.log.of('record').filter((r) => r.type === 'live-migration' && r.status === 'running');
      return running.length === 2 ? running : null;
    },
    { what: 'two are on their way', timeoutMs: 30_000 },
  );
  await world.powerLoss(NODE, { withBmc: false });
  await until(async () => (await s.run(NODE).describe()).type === WORKFLOW_TYPES.recover, {
    what: 'the drain makes way',
    timeoutMs: 60_000,
  });
  const { runId } = await s.run(NODE).describe();
  assert.notEqual(runId, first);
  await s.adminMail(/failed while it was drained/);
  // Nova never ends the records of migrations whose source died: a person looks, and names them.
  const held = await until(
    async () => {
      const state = await s.state(NODE);
      return state.question && state.instances.filter((i) => i.outcome === 'pending').length === 2 ? state : null;
    },
    { what: 'two wait for a person', timeoutMs: 90_000 },
  );
  assert.match(held.question!.what, /2 instances need a decision/);
  for (const { instance, record } of moving)
    await s.run(NODE).executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann', instance, record }] });
  const report = await s.ends(NODE, 90_000);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.deepEqual(new Set(report.instances.map((i) => i.id)), new Set(there.values()));
  for (const id of there.values())
    assert.equal(world.log.of('evacuate').filter((e) => e.instance === id).length, 1, 'one rebuild each');
  s.audit({ mayDrain: [NODE] }, report);
});

test('a node that is called degraded is drained by itself where the policy says so; readmit brings it back', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-raid-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  // A plug-in as Nagios has them: a warning while the array of the node is degraded.
  const program = path.join(dir, 'check-raid');
  await writeFile(program, `#!/bin/sh\n[ -e ${dir}/$1 ] && echo "RAID WARNING - rebuilding" && exit 1\nexit 0\n`, {
    mode: 0o755,
  });
  const raid = {
    driver: 'command',
    name: 'raid',
    options: { program, args: ['{node}'], exitCodes: { 0: 'alive', 1: 'degraded' } },
  };
  const s = await tellStory({
    world: FOUR,
    sections: (world) => ({
      monitoring: {
        channels: [{ driver: 'nova-service' }, { driver: 'tcp', options: { ports: [world.nodes[0]!.tcpPort] } }, raid],
        degraded: 'migrate',
      },
    }),
  });
  t.after(() => s.end());
  assert.deepEqual(s.config.policy.failedWhen, { all: ['nova-service', 'tcp'] }, 'it is no witness of a failure');
  await s.lookout();
  await writeFile(path.join(dir, NODE), '');
  await s.started(NODE, 60_000);
  const report = await s.ends(NODE, 90_000);
  assert.equal(report.outcome, 'drained', report.reason);
  assert.match(report.evidence.map((e) => `${e.channel} ${e.verdict} ${e.saw}`).join(), /raid degraded RAID WARNING/);
  await s.adminMail(/compute-2 is in trouble, and alive: raid: RAID WARNING - rebuilding.*It is drained now/);
  await s.sweeps(5);
  assert.equal((await s.run(NODE).describe()).runId, report.runId, 'once for each time that it is in trouble');
  await rm(path.join(dir, NODE));
  const { workflow } = s.temporal.env.client;
  const back = await workflow.execute<() => Promise<ReadmitReport>>(WORKFLOW_TYPES.readmit, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, NODE),
    args: [{ node: NODE, by: 'ann', timings: s.config.policy.timings }] as never,
  });
  assert.equal(back.outcome, 'readmitted', back.reason);
  assert.deepEqual(rows(s), ['disabled draining', 'disabled drained', 'disabled returning', 'enabled open']);
  s.audit({ mayDrain: [NODE] });
});
