// The way back, and what may go wrong on it: a node that dies again, one that a person had disabled, one that fails a second time.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { WorkflowHandle } from '@temporalio/client';
import {
  nodeWorkflowId,
  readMarker,
  taskQueues,
  WORKFLOW_TYPES,
  type ReadmitReport,
} from '../../workflows/contract.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

type Readmission = WorkflowHandle<() => Promise<ReadmitReport>>;

async function readmit(s: Story, node: string): Promise<Readmission> {
  return (await s.temporal.env.client.workflow.start(WORKFLOW_TYPES.readmit, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, node),
    args: [{ node, by: 'ann', timings: s.config.policy.timings }],
    workflowTaskTimeout: '5s',
  })) as never;
}

/** A further run of the node than these, started by the watch. */
const newRun = (s: Story, node: string, ...before: string[]): Promise<string> =>
  until(
    async () => {
      const { runId, type } = await s.run(node).describe();
      return type === WORKFLOW_TYPES.recover && !before.includes(runId) ? runId : null;
    },
    { what: `a new recovery of ${node}`, timeoutMs: 30_000 },
  );

const rows = (s: Story, node: string): string[] =>
  s.world.log
    .of('service')
    .filter((e) => e.node === node && e.by === 'lifeboat')
    .map((e) => `${e.status}${e.forcedDown ? ' forced down' : ''} ${readMarker(e.reason)?.outcome ?? ''}`.trim());

test('readmission is refused while the recovery is open; then the node comes back, once; a second failure is a new incident', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  for (const n of world.nodes) world.holdSpawns(n.name);
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  await until(() => world.log.of('evacuate').length > 0, { what: 'something moves', timeoutMs: 30_000 });
  const { runId: first } = await s.run('compute-2').describe();
  await assert.rejects(readmit(s, 'compute-2'), { name: 'WorkflowExecutionAlreadyStartedError' });
  for (const n of world.nodes) world.letSpawn(n.name);
  const one = await s.ends('compute-2');
  assert.equal(one.outcome, 'recovered', one.reason);

  const back = await (await readmit(s, 'compute-2')).result();
  assert.equal(back.outcome, 'readmitted', back.reason);
  assert.deepEqual(new Set(back.destroys), new Set(one.instances.map((i) => i.id)));
  const proposed = back.proposes?.map((m) => `${m.instance} from ${m.from}`).sort();
  assert.deepEqual(
    proposed,
    one.instances.map((i) => `${i.id} from ${i.host}`).sort(),
    'all of them could be moved back',
  );
  assert.deepEqual(rows(s, 'compute-2'), [
    'disabled forced down',
    'disabled forced down recovered',
    'disabled returning',
    'enabled',
  ]);
  const { power, up, disabled, forcedDown } = world.truth().nodes['compute-2']!;
  assert.deepEqual({ power, up, disabled, forcedDown }, { power: 'on', up: true, disabled: false, forcedDown: false });
  await s.adminMail(/compute-2: readmitted/);

  const before = s.mutations();
  const again = await (await readmit(s, 'compute-2')).result();
  assert.equal(again.outcome, 'alreadyEnabled');
  assert.deepEqual(s.mutations(), before, 'the second call changes nothing');

  world.addInstance({ name: 'newcomer', host: 'compute-2', project: 'acme' });
  const since = world.log.now();
  await world.powerLoss('compute-2');
  const second = await newRun(s, 'compute-2', first);
  const two = await s.ends('compute-2');
  assert.equal(two.runId, second);
  assert.deepEqual([two.outcome, two.instances.map((i) => i.name)], ['recovered', ['newcomer']], two.reason);
  s.audit({ runs: [one, { ...two, since }], ended: true });
});

test('a node that dies again while it is readmitted ends the readmission as failedAgain, and is recovered anew', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  const one = await s.ends('compute-2');
  const back = await readmit(s, 'compute-2');
  await world.until(({ nodes }) => nodes['compute-2']!.up, 30_000, 'Nova calls it up');
  // Placed there by a person meanwhile, or started again by its owner.
  const since = world.log.now();
  await world.crash('compute-2');
  world.addInstance({ name: 'late', host: 'compute-2', project: 'acme' });
  const report = await back.result();
  assert.equal(report.outcome, 'failedAgain', report.reason);
  await newRun(s, 'compute-2', one.runId);
  const two = await s.ends('compute-2');
  assert.deepEqual([two.outcome, two.instances.map((i) => i.name)], ['recovered', ['late']], two.reason);
  const { power, disabled, forcedDown, reason } = world.truth().nodes['compute-2']!;
  assert.deepEqual([power, disabled, forcedDown, readMarker(reason)?.outcome], ['off', true, true, 'recovered']);
  s.audit({ runs: [one, { ...two, since }], ended: true });
});

test('a node that a person had disabled is recovered by hand only, and given back to them: disabled, with their reason', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  const { world } = s;
  world.disableByPerson('compute-2', 'ann: new fans');
  await s.lookout();
  await world.powerLoss('compute-2');
  await s.adminMail(/compute-2 is down with 3 instances and not ours: disabled by a person: ann: new fans/);
  await s.start('compute-2');
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  const back = await (await readmit(s, 'compute-2')).result();
  assert.equal(back.outcome, 'leftDisabled', back.reason);
  const { power, up, disabled, reason } = world.truth().nodes['compute-2']!;
  assert.deepEqual([power, up, disabled, reason], ['on', true, true, 'ann: new fans']);
  assert.ok(!rows(s, 'compute-2').includes('enabled'), 'it never was enabled');
  const again = await (await readmit(s, 'compute-2')).result();
  assert.equal(again.outcome, 'refused', again.reason);
  s.audit({}, report);
});
