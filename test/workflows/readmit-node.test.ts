// readmitNode: what it does, in what order, and where it stops. Activities are scripted; the server is real.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES, type ReadmitReport } from '../../workflows/contract.ts';
import type { MigrationRecord } from '../../workflows/domain.ts';
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

/** Ends as refused with these words, and nothing was done. */
async function refuses(s: Story, why: RegExp): Promise<void> {
  const report = await readmit(s, 'compute-7');
  assert.deepEqual([report.outcome, s.calls], ['refused', []]);
  assert.match(report.reason, why);
}

test('a node whose recovery is open is refused, and nothing is touched', async (t) => {
  const s = await story(returning({ ...off, disabledReason: (off.disabledReason ?? '').replace(/:recovered$/, '') }));
  t.after(() => s.end());
  await refuses(s, /has not ended/);
});

test('a node that a person disabled is refused: it is theirs to enable', async (t) => {
  const s = await story(returning({ ...off, disabledReason: 'ann: new fans' }));
  t.after(() => s.end());
  await refuses(s, /disabled by a person \(ann: new fans\)/);
});

test('a node with an open evacuation record is refused: its return would destroy the guest', async (t) => {
  const record = (id: number, status: string): MigrationRecord => ({
    ...{ id, status, instanceId: `id-${id}`, type: 'evacuation', sourceCompute: 'compute-7', destCompute: null },
    ...{ createdAt: '', updatedAt: null },
  });
  const s = await story((x) => ({
    ...returning(off)(x),
    openRecords: async () => [record(1, 'done'), record(2, 'accepted')],
  }));
  t.after(() => s.end());
  await refuses(s, /evacuations of id-2 \(record 2, accepted\) are open/);
});

test('a node that goes down again while it is watched stays disabled', async (t) => {
  let looks = 0;
  const s = await story((x) => {
    const good = returning(off)(x);
    return {
      ...good,
      readService: async (node) => {
        const row = await good.readService!(node);
        // Up once, as soon as forced_down is lifted; then it is down.
        return row && { ...row, state: row.forcedDown || ++looks > 2 ? 'down' : 'up' };
      },
    };
  });
  t.after(() => s.end());
  const report = await readmit(s, 'compute-7');
  assert.deepEqual([report.outcome, s.calls], ['failedAgain', ['power on', 'unforce']]);
});
