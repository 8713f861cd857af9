// The question before a POST, on the real server: the run answers, and the server says whose turn it is.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { createAsk, type Question } from '../../../activities/evacuation/permission.ts';
import { devServer, type LocalTemporal } from '../../support/temporal.ts';

const askRun = createAsk();
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

interface Told {
  instance: string;
  also?: string[];
}

/** A run that moves every instance but `id-2`, and the server's way with a second query: it is refused. */
function busyRun(answersLists: boolean) {
  const asked: string[][] = [];
  let onItsWay = 0;
  const say = (instance: string) => ({ ok: instance !== 'id-2', why: instance === 'id-2' ? 'it is held' : '' });
  const run = {
    async query(_: unknown, { instance, also }: Told) {
      onItsWay += 1;
      if (onItsWay > 1) throw new Error('consistent query buffer is full');
      asked.push([instance, ...(also ?? [])]);
      await new Promise((resolve) => setImmediate(resolve));
      onItsWay -= 1;
      return { ...say(instance), ...(also && answersLists ? { also: also.map(say) } : {}) };
    },
    describe: () => Promise.resolve({ raw: { pendingActivities: IDS.map((id) => ({ activityId: id, attempt: 1 })) } }),
  };
  const client = { withDeadline: (_: number, call: () => unknown) => call(), workflow: { getHandle: () => run } };
  return { client: client as unknown as Client, asked };
}

const IDS = Array.from({ length: 20 }, (_, i) => `id-${i}`);
const about = (instance: string, runId = 'run'): Question => ({
  ...{ workflowId: 'cloud/node', runId, instance, activityId: instance, attempt: 1, timeoutMs: 5_000 },
});

for (const answersLists of [true, false])
  test(`many that ask at once are asked together, one query at a time, and each gets its own answer${answersLists ? '' : ', also from a run that knows no list'}`, async () => {
    const { client, asked } = busyRun(answersLists);
    const ask = createAsk(() => client);
    const answers = await Promise.all(IDS.map((id) => ask(about(id))));
    assert.deepEqual(
      answers.map((a) => a.ok),
      IDS.map((id) => id !== 'id-2'),
    );
    assert.equal(answers[2]?.why, 'it is held');
    assert.equal(asked.length, answersLists ? 2 : 20);
  });

test('a question that comes while one is on its way is never answered by that one', async () => {
  const { client, asked } = busyRun(true);
  const ask = createAsk(() => client);
  const first = ask(about('id-0'));
  const second = ask(about('id-1'));
  await Promise.all([first, second]);
  assert.deepEqual(asked, [['id-0'], ['id-1']]);
});

test('a question that fails is no for all that asked with it, and the next one is asked anew', async () => {
  const { client, asked } = busyRun(true);
  let broken = true;
  const flaky = {
    workflow: client.workflow,
    withDeadline: (_: number, call: () => Promise<unknown>) =>
      broken ? Promise.reject(new Error('no answer')) : call(),
  } as unknown as Client;
  const ask = createAsk(() => flaky);
  await assert.rejects(ask(about('id-0')), /no answer/);
  broken = false;
  assert.deepEqual(await ask(about('id-0')), { ok: true, why: '' });
  assert.equal(asked.length, 1);
});
