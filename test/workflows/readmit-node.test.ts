// readmitNode: what it does, in what order, and where it stops. Activities are scripted; the server is real.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES, type ReadmitReport } from '../../workflows/contract.ts';
import { until } from '../support/until.ts';
import { open, shut, story, type Story } from './harness.ts';
import { off, returning } from './returning.ts';

after(shut);

async function readmit(s: Story, node: string): Promise<ReadmitReport> {
  const { env } = await open();
  return (await env.client.workflow.execute(WORKFLOW_TYPES.readmit, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, node),
    args: [{ node, by: 'ann', timings: s.policy.timings }],
  })) as ReadmitReport;
}

test('powers on, waits for nova-compute, lifts forced_down, watches, enables; the admins are told', async (t) => {
  const s = await story(returning(off));
  t.after(() => s.end());
  const report = await readmit(s, 'compute-7');
  assert.equal(report.outcome, 'readmitted', report.reason);
  assert.deepEqual(s.calls, ['power on', 'unforce', 'enable']);
  await until(() => s.notices.some((n) => n.stage === 'readmitted'), { what: 'the admins are told' });
});

test('another spelling of the node starts the readmission under its exact name, abandoned, and ends as joined', async (t) => {
  const s = await story(returning(off));
  t.after(() => s.end());
  const report = await readmit(s, 'COMPUTE-7');
  assert.deepEqual([report.outcome, report.node], ['joined', 'compute-7']);
  const right: ReadmitReport = await s.handle('compute-7').result();
  assert.equal(right.outcome, 'readmitted', right.reason);
  assert.deepEqual(s.calls, ['power on', 'unforce', 'enable']);
});

test('a name that nobody has is refused, with those that are near', async (t) => {
  const s = await story(returning(off));
  t.after(() => s.end());
  const report = await readmit(s, 'compute-8');
  assert.deepEqual([report.outcome, s.calls], ['refused', []]);
  assert.match(report.reason, /no compute node compute-8 \(near: compute-7\)/);
});
