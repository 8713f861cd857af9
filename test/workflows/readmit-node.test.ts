// readmitNode: what it does, in what order, and where it stops. Activities are scripted; the server is real.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES, type ReadmitReport } from '../../workflows/contract.ts';
import { until } from '../support/until.ts';
import { aNode, open, shut, story, type Fakes, type Story } from './harness.ts';

after(shut);

const RUN = '0198a0b1-aaaa-7000-8000-000000000001';
const off = aNode({ status: 'disabled', forcedDown: true, disabledReason: `lifeboat:${RUN}:recovered` });

/** The node as Nova has it, moved by what is done to it; its nova-compute reports with every look once it is on. */
function returning(row: typeof off): (s: Pick<Story, 'calls'>) => Partial<Fakes> {
  let [on, reports] = [false, 0];
  return ({ calls }) => ({
    resolveNode: async (name) => (name.toLowerCase() === row.host ? { found: row } : { found: null, near: [row.host] }),
    readPower: async () => [
      { level: 'bmc', label: 'ipmi', power: on ? ('on' as const) : ('off' as const), detail: '' },
    ],
    powerOn: async () => {
      calls.push('power on');
      on = true;
      return { ok: true, detail: 'on' };
    },
    readService: async () => {
      if (on) row = { ...row, updatedAt: `2026-01-01T00:00:${String(++reports % 60).padStart(2, '0')}Z` };
      return { ...row, state: on && !row.forcedDown ? 'up' : 'down' };
    },
    unforce: async () => {
      calls.push('unforce');
      row = { ...row, forcedDown: false };
      return { ok: true, why: '' };
    },
    enable: async () => {
      calls.push('enable');
      return (row = { ...row, status: 'enabled', disabledReason: null });
    },
  });
}

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
