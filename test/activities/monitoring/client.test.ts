// What the monitoring activities ask of Temporal itself: against the real server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { createMonitoringActivities } from '../../../activities/monitoring/activities.ts';
import { closedRuns, openRunsOf } from '../../../activities/monitoring/closed-runs.ts';
import type { MonitoringActivities } from '../../../activities/monitoring/contract.ts';
import { tellRuns } from '../../../activities/monitoring/tell-runs.ts';
import { taskQueues, watchId } from '../../../workflows/contract.ts';
import type { Admission, AdmissionRequest } from '../../../workflows/contract.ts';
import { devServer } from '../../support/temporal.ts';
import type { LocalTemporal } from '../../support/temporal.ts';
import { FakeFleet, POLICY } from './fleet.ts';

const CLOUD = 'test';
const forEver = new AbortController().signal;
let temporal: LocalTemporal;
let client: Client;
let worker: Worker;
let running: Promise<void>;

before(async () => {
  temporal = await devServer();
  client = temporal.env.client;
  worker = await Worker.create({
    connection: temporal.env.nativeConnection,
    taskQueue: taskQueues(CLOUD).workflow,
    workflowsPath: new URL('./runs.workflow.ts', import.meta.url).pathname,
  });
  running = worker.run();
});
after(async () => {
  worker?.shutdown();
  await running;
  await temporal?.teardown();
});

function activities(): MonitoringActivities {
  const { openstack, channels, clock } = new FakeFleet(3);
  const own = { policy: POLICY, policyHash: 'hash', cloud: CLOUD, worker: 'me', searchAttributes: false };
  return createMonitoringActivities({ openstack, channels, clock, client, ...own });
}

const request: AdmissionRequest = {
  cloud: CLOUD,
  node: 'compute-1',
  serviceId: 'id',
  workflowId: 'test/compute-1',
  runId: 'run',
  byHand: false,
  force: false,
  orphan: false,
  by: 'the test',
};

const start = (id: string, answers: string): Promise<{ firstExecutionRunId: string }> =>
  client.workflow.start('recoverNode', { workflowId: id, taskQueue: taskQueues(CLOUD).workflow, args: [answers] });

const why = (answer: Awaited<ReturnType<MonitoringActivities['askAdmission']>>): string =>
  answer.kind === 'wait' ? answer.why : answer.kind;

test('admission starts the watch where none runs, with our policy and cloud, and asks it where one does', async () => {
  const ask = (activityId: string): Promise<Admission> =>
    new MockActivityEnvironment({ activityId }).run((q: AdmissionRequest) => activities().askAdmission(q), request);
  assert.equal(why(await ask('a1')), 'compute-1 asked as 1 of test');
  assert.equal(why(await ask('a2')), 'compute-1 asked as 2 of test');
  // A second attempt of one question (its answer was lost) gets the same answer.
  assert.equal(why(await ask('a2')), 'compute-1 asked as 2 of test');
  const { memo, type } = await client.workflow.getHandle(watchId(CLOUD)).describe();
  assert.deepEqual([type, memo], ['watchFleet', { keystone: 'http://keystone', region: 'RegionOne' }]);
});

test('admission of another cloud is refused: this worker would judge it by the wrong policy', async () => {
  const other = { ...request, cloud: 'other' };
  await assert.rejects(new MockActivityEnvironment().run(activities().askAdmission, other), /asked for cloud other/);
});

test('a pause reaches all runs, and names those that it did not reach', async () => {
  await start('t/answers', 'answers');
  await start('t/refuses', 'refuses');
  await start('t/hangs', 'hangs');
  const workflowIds = ['t/answers', 't/refuses', 't/hangs', 't/never-was'];
  const input = { verb: 'pause' as const, by: 'ann', reason: 'drill', workflowIds };
  assert.deepEqual(await tellRuns(client, input, 'key-1', 1_500, forEver), [
    { workflowId: 't/answers', answer: 'paused by ann in t/answers', acknowledged: true },
    { workflowId: 't/refuses', answer: 'it is aborting already', acknowledged: false },
    { workflowId: 't/hangs', answer: 'no answer within 2 s', acknowledged: false },
    { workflowId: 't/never-was', answer: 'it is closed: nothing new begins there', acknowledged: true },
  ]);
});

test('only a run that is closed or gone is found as closed', async () => {
  const runs = await Promise.all(
    ['c/open', 'c/ended', 'c/lost'].map(async (id) => ({ id, run: await start(id, 'answers') })),
  );
  await client.workflow.getHandle('c/ended').terminate();
  const open = runs.map(({ id, run }) => ({ node: id, workflowId: id, runId: run.firstExecutionRunId }));
  open[2]!.runId = '00000000-0000-4000-8000-000000000000';
  const found = await closedRuns(openRunsOf(client), open, forEver);
  assert.deepEqual(
    found.map((f) => f.kind === 'closed' && [f.node, f.status]),
    [
      ['c/ended', 'TERMINATED'],
      ['c/lost', 'NOT_FOUND'],
    ],
  );
});

test('is ready, and says what it watches by', async () => {
  const said = await new MockActivityEnvironment().run(activities().readyMonitoring);
  assert.equal(said, 'me watches test by nova-service, tcp');
});
