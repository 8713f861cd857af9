// The question before a POST, on the real server: the run answers, and the server says whose turn it is.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { activityInfo } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import { askRun, type Question } from '../../../activities/evacuation/permission.ts';
import { devServer, type LocalTemporal } from '../../support/temporal.ts';

let temporal: LocalTemporal;
before(async () => {
  temporal = await devServer();
});
after(() => temporal.teardown());

/** Fails once, then asks as itself and as the attempt before it. */
async function askTwice(instance: string) {
  const { attempt, activityId, workflowExecution } = activityInfo();
  if (attempt === 1) throw new Error('a worker that died');
  if (!workflowExecution) throw new Error('no run');
  const q: Question = { ...workflowExecution, instance, activityId, attempt, timeoutMs: 5_000 };
  const mine = await askRun(q);
  return { mine, older: await askRun({ ...q, attempt: 1 }) };
}

async function ask(instance: string) {
  const taskQueue = `asking-${instance}`;
  const { client, nativeConnection: connection } = temporal.env;
  const workflowsPath = fileURLToPath(new URL('./asking-workflow.ts', import.meta.url));
  const worker = await Worker.create({ connection, taskQueue, workflowsPath, activities: { askTwice } });
  return worker.runUntil(client.workflow.execute('askingRun', { workflowId: taskQueue, taskQueue, args: [instance] }));
}

test('the current attempt is told what the run says; an attempt that was given up is told no', async () => {
  const { mine, older } = (await ask('id-web')) as Awaited<ReturnType<typeof askTwice>>;
  assert.equal(mine.ok, true);
  assert.deepEqual(older, { ok: false, why: 'another attempt took over' });
});

test('a no of the run is a no', async () => {
  const { mine } = (await ask('id-other')) as Awaited<ReturnType<typeof askTwice>>;
  assert.deepEqual(mine, { ok: false, why: 'the run does not move it now' });
});
