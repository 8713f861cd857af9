// The line between an activity and its run, on the real server.
import { MockActivityEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporalRunLine } from '../../../activities/fencing/run-line.ts';
import type { GuardSight, RunRef } from '../../../activities/fencing/run-line.ts';
import { devServer } from '../../support/temporal.ts';
import type { LocalTemporal } from '../../support/temporal.ts';

const taskQueue = 'asked';
const LIMIT_MS = 2_000;
let temporal: LocalTemporal;
let worker: Worker;
let running: Promise<void>;

before(async () => {
  temporal = await devServer();
  const workflowsPath = fileURLToPath(new URL('./asked-workflow.ts', import.meta.url));
  worker = await Worker.create({ connection: temporal.env.nativeConnection, taskQueue, workflowsPath });
  running = worker.run();
});
after(async () => {
  worker.shutdown();
  await running;
  await temporal.teardown();
});

async function startRun(workflowId: string, queue = taskQueue): Promise<RunRef> {
  const { firstExecutionRunId } = await temporal.env.client.workflow.start('askedRun', {
    workflowId,
    taskQueue: queue,
  });
  return { workflowId, runId: firstExecutionRunId };
}

const inActivity = <R>(act: () => Promise<R>): Promise<R> =>
  new MockActivityEnvironment({}, { client: temporal.env.client }).run<[], R, () => Promise<R>>(act);
const mayFence = (run: RunRef, level: string) => inActivity(() => temporalRunLine.mayFence(run, level, LIMIT_MS));
const guardSaw = (run: RunRef, sight: GuardSight) => inActivity(() => temporalRunLine.guardSaw(run, sight));
const SIGHT: GuardSight = { epoch: 2, seeing: 'off', saw: 'off', readAt: '2026-11-23T00:00:00Z' };

test('the run says whether it may be fenced, and why not', async () => {
  const run = await startRun('answers');
  assert.deepEqual(await mayFence(run, 'bmc'), { ok: true, why: '' });
  assert.deepEqual(await mayFence(run, 'pdu'), { ok: false, why: 'paused by ann' });
});

test('a run that does not answer in time says no', async () => {
  const run = await startRun('mute', 'a-queue-that-nobody-polls');
  const { ok, why } = await mayFence(run, 'bmc');
  assert.equal(ok, false);
  assert.match(why, /the run does not answer whether it may be fenced/);
});

test('a run that nobody knows says no', async () => {
  const run = { workflowId: 'unknown', runId: '00000000-0000-4000-8000-000000000000' };
  assert.deepEqual(await mayFence(run, 'bmc'), { ok: false, why: 'the run is gone' });
});

test('the run hears what the guard reads; a closed one is gone', async () => {
  const run = await startRun('guarded');
  assert.equal(await guardSaw(run, SIGHT), 'told');
  const handle = temporal.env.client.workflow.getHandle(run.workflowId, run.runId);
  assert.deepEqual(await handle.query('seen'), ['2 off']);
  await handle.signal('end');
  await handle.result();
  assert.equal(await guardSaw(run, SIGHT), 'gone');
});
