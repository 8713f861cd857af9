// What readmission proposes, its path for dead hardware, and readmission by policy. Activities are scripted; the server is real.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import {
  nodeWorkflowId,
  taskQueues,
  watchId,
  WORKFLOW_TYPES,
  type Notice,
  type ReadmitInput,
  type ReadmitReport,
} from '../../workflows/contract.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { MigrationRecord } from '../../workflows/domain.ts';
import * as verbs from '../../workflows/verbs.ts';
import { admin } from '../activities/notification/notices.ts';
import { until } from '../support/until.ts';
import { anInstance, open, shut, story, untilCancelled, type Fakes, type Story } from './harness.ts';
import { off, returning } from './returning.ts';

after(shut);

const RUN = '0198a0b1-aaaa-7000-8000-000000000001';

async function readmit(s: Story, more: Partial<ReadmitInput> = {}): Promise<ReadmitReport> {
  const { env } = await open();
  return (await env.client.workflow.execute(WORKFLOW_TYPES.readmit, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, 'compute-7'),
    args: [{ node: 'compute-7', by: 'ann', timings: s.policy.timings, ...more }],
  })) as ReadmitReport;
}

const record = (id: number, instanceId: string, destCompute: string): MigrationRecord => ({
  ...{ id, instanceId, type: 'evacuation', status: 'done', sourceCompute: 'compute-7', destCompute },
  ...{ createdAt: '2026-01-01T00:00:00Z', updatedAt: null },
});
const at = (id: string, host: string, vmState: string, taskState: string | null = null) => ({
  [id]: { view: { id, host, status: vmState.toUpperCase(), vmState, taskState }, at: '2026-01-01T00:00:00Z' },
});

/** What the admins read: the search for recipients leaves the lines out. */
const read: string[] = [];
const notify = {
  findRecipients: async () => ({ recipients: [admin], unreachable: [] }),
  deliverNotice: async ({ notice }: { notice: Notice }) => {
    read.push([notice.headline, ...notice.lines].join('\n'));
    return 'id';
  },
};

async function tell(t: TestContext, over: Partial<Fakes> = {}, row = off): Promise<Story> {
  const s = await story((told) => ({ ...returning(row)(told), ...over }), { notify });
  t.after(() => s.end());
  return s;
}

test('proposes what is still where its evacuation had put it, moves nothing, and leaves out what somebody moved or deleted', async (t) => {
  const records = [
    record(1, 'runs', 'compute-1'),
    record(2, 'off', 'compute-2'),
    record(3, 'moved-on', 'compute-1'),
    record(4, 'twice', 'compute-1'),
    record(5, 'twice', 'compute-3'),
    record(6, 'deleted', 'compute-1'),
    record(7, 'busy', 'compute-1'),
    record(8, 'rescued', 'compute-1'),
  ];
  const s = await tell(t, {
    openRecords: async () => records,
    observe: async () => ({
      ...at('runs', 'compute-1', 'active'),
      ...at('off', 'compute-2', 'stopped'),
      ...at('moved-on', 'compute-9', 'active'),
      ...at('twice', 'compute-3', 'active'),
      deleted: { view: null, at: '2026-01-01T00:00:00Z' },
      ...at('busy', 'compute-1', 'active', 'migrating'),
      ...at('rescued', 'compute-1', 'rescued'),
    }),
  });
  const report = await readmit(s);
  assert.equal(report.outcome, 'readmitted', report.reason);
  assert.deepEqual(report.proposes, [
    { instance: 'runs', from: 'compute-1', live: true },
    { instance: 'off', from: 'compute-2', live: false },
    { instance: 'twice', from: 'compute-3', live: true },
  ]);
  assert.deepEqual(s.calls, ['power on', 'unforce', 'enable'], 'a proposal is no act');
  const mail = await until(() => read.find((text) => /could be moved back/.test(text)), {
    what: 'the admins are told',
  });
  assert.match(mail, /3 instances that were on it could be moved back; nobody does it for you:/);
  assert.match(mail, /openstack server migrate --live-migration --host compute-7 runs \(now on compute-1\)/);
  assert.match(mail, /openstack server migrate --host compute-7 off \(now on compute-2\)/);
});

const reading =
  (power: 'on' | 'off' | 'unknown'): Fakes['readPower'] =>
  async () => [{ level: 'bmc', label: 'ipmi 10.0.0.7', power, detail: '' }];
const left = (...names: string[]): Partial<Fakes> => ({
  takeSnapshot: async () => ({
    snapshot: { node: off, instances: names.map((n) => anInstance(n)), lastEvacuationId: 0, takenAt: '' },
    needs: {},
  }),
});

test('dead hardware: nothing is switched on, and where nothing is left the command has the id of the service', async (t) => {
  for (const power of ['off', 'unknown'] as const) {
    const s = await tell(t, { readPower: reading(power), ...left() });
    const report = await readmit(s, { dead: true });
    assert.equal(report.outcome, 'mayBeDeleted', report.reason);
    assert.ok(report.reason.includes(`openstack compute service delete ${off.serviceId}`));
    assert.deepEqual(s.calls, []);
  }
});

test('dead hardware is refused while it is on, while instances are left, while a record or its recovery is open', async (t) => {
  const stuck = [{ ...record(9, 'web-1', 'compute-1'), status: 'accepted' }];
  const open_ = { ...off, disabledReason: `lifeboat:${RUN}` };
  const cases: [Partial<Fakes>, typeof off, RegExp][] = [
    [{ readPower: reading('on'), ...left() }, off, /compute-7 is on \(ipmi 10\.0\.0\.7\): dead hardware is off/],
    [{ readPower: reading('off'), ...left('web-1', 'db-1') }, off, /2 instances are left on compute-7.*web-1 .*db-1/],
    [{ readPower: reading('off'), ...left(), openRecords: async () => stuck }, off, /web-1 \(record 9, accepted\)/],
    [{ readPower: reading('off'), ...left() }, open_, /the recovery of compute-7 .* has not ended/],
  ];
  for (const [over, row, why] of cases) {
    const s = await tell(t, over, row);
    const report = await readmit(s, { dead: true });
    assert.equal(report.outcome, 'refused', report.reason);
    assert.match(report.reason, why);
    assert.deepEqual(s.calls, []);
  }
});

/** A watch that hears of the end of a recovery. */
async function ended(
  t: TestContext,
  policy: Partial<Policy>,
  outcome: 'recovered' | 'partial' = 'recovered',
  row = off,
): Promise<Story> {
  const s = await story((told) => ({ ...returning(row)(told), sweepFleet: untilCancelled }), {
    ...{ factor: 0.001, policy, notify },
  });
  t.after(() => s.end());
  const watch = await s.watch();
  const release = { node: 'compute-7', runId: RUN, outcome, untouched: false, standDown: false, reason: '' };
  await watch.signal(verbs.releaseSignal, release);
  await watch.query(verbs.watchStateQuery);
  return s;
}

test('by policy a recovered node is readmitted once, by the policy, some time later', async (t) => {
  const s = await ended(t, { readmission: 'automatic' });
  await until(() => s.calls.includes('enable'), { what: 'it is enabled' });
  const report: ReadmitReport = await s.handle('compute-7').result();
  assert.equal(report.outcome, 'readmitted', report.reason);
  assert.deepEqual(s.calls, ['power on', 'unforce', 'enable']);
  await until(() => read.some((text) => /Asked by the policy: readmission: automatic/.test(text)), {
    what: 'the admins read who asked',
  });
});

test('by default, and after a recovery that left something behind, nobody readmits it but a person', async (t) => {
  for (const s of [await ended(t, {}), await ended(t, { readmission: 'automatic' }, 'partial')]) {
    // The timer of a readmission would be over before this one's sleep is.
    await (
      await open()
    ).env.client.workflow
      .getHandle(watchId(s.cloud))
      .executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
    const { events } = await (await open()).env.client.workflow.getHandle(watchId(s.cloud)).fetchHistory();
    assert.ok(!events?.some((e) => e.timerStartedEventAttributes), 'no timer waits for it');
    assert.deepEqual(s.calls, []);
  }
});

test('by policy it is refused where the row is not as that recovery left it, and left to a person in another mode', async (t) => {
  const other = { ...off, disabledReason: `lifeboat:${RUN}:detached` };
  const s = await ended(t, { readmission: 'automatic' }, 'recovered', other);
  await until(() => read.some((text) => /refused.*is not as its recovery left it: a person decides/.test(text)), {
    what: 'it is refused',
  });
  assert.deepEqual(s.calls, []);
  const confirm = await ended(t, { readmission: 'automatic', mode: 'confirm' });
  await until(() => read.some((text) => /compute-7 stays off: its mode is confirm/.test(text)), {
    what: 'the admins are told',
  });
  assert.deepEqual(confirm.calls, []);
});

test('by policy a pause delays it until it is over', async (t) => {
  const s = await story((told) => ({ ...returning(off)(told), sweepFleet: untilCancelled }), {
    ...{ factor: 0.001, policy: { readmission: 'automatic' as const } },
  });
  t.after(() => s.end());
  const watch = await s.watch();
  await watch.executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: 'ann', reason: 'looks first' }] });
  const release = { node: 'compute-7', runId: RUN, outcome: 'recovered' as const, untouched: false };
  await watch.signal(verbs.releaseSignal, { ...release, standDown: false, reason: '' });
  const timers = async (): Promise<number> =>
    ((await watch.fetchHistory()).events ?? []).filter((e) => e.timerFiredEventAttributes).length;
  await until(async () => (await timers()) >= 2, { what: 'it was due, and waited' });
  assert.deepEqual(s.calls, []);
  await watch.executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
  await until(() => s.calls.includes('enable'), { what: 'it is enabled', timeoutMs: 60_000 });
});
