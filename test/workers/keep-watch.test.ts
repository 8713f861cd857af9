import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LogEntry } from '@temporalio/worker';
import { DefaultLogger } from '@temporalio/worker';
import { watchId } from '../../workflows/contract.ts';
import { parseConfig } from '../../workers/config.ts';
import { createWorkers } from '../../workers/create-workers.ts';
import { keepWatch, OtherCloudError, startWatch, type WatchOptions } from '../../workers/keep-watch.ts';
import { ensureSearchAttributes } from '../../workers/search-attributes.ts';
import { workflowBundle } from '../support/bundle.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

let temporal: LocalTemporal;
before(async () => void (temporal = await devServer()));
after(() => temporal.teardown());

const HERE = { keystone: 'https://keystone.example/v3', region: 'RegionOne' };

function watchOf(cloud: string, more = ''): WatchOptions {
  const config = parseConfig(`cloud: ${cloud}\n${more}`, 'lifeboat.yaml');
  const { client } = temporal.env;
  return { client, config, identity: HERE, configuredBy: 'a test', searchAttributes: true };
}

/** A workflow worker of that cloud for as long as `act` takes. */
async function withWorker<T>(cloud: string, act: () => Promise<T>): Promise<T> {
  const config = parseConfig(`cloud: ${cloud}`, 'lifeboat.yaml');
  const connection = temporal.env.nativeConnection;
  const made = await createWorkers({ config, connection, roles: ['workflow'], workflowBundle: await workflowBundle() });
  const running = made.run();
  try {
    return await act();
  } finally {
    await made.shutdown();
    await running;
  }
}

const runOf = async (cloud: string) => (await temporal.env.client.workflow.getHandle(watchId(cloud)).describe()).runId;

test('two monitors that start at once make one watch', () =>
  withWorker('one', async () => {
    await Promise.all([startWatch(watchOf('one')), startWatch(watchOf('one'))]);
    const before = await runOf('one');
    await startWatch(watchOf('one'));
    assert.equal(await runOf('one'), before);
  }));

test('a watch that runs for another Keystone or region is left alone', () =>
  withWorker('two', async () => {
    await startWatch(watchOf('two'));
    for (const identity of [
      { ...HERE, keystone: 'https://other.example/v3' },
      { ...HERE, region: 'RegionTwo' },
    ]) {
      await assert.rejects(startWatch({ ...watchOf('two', 'mode: confirm'), identity }), OtherCloudError);
    }
  }));

test('a watch that was terminated is started again, with an alarm', () =>
  withWorker('three', async () => {
    const entries: LogEntry[] = [];
    const logger = new DefaultLogger('INFO', (entry) => void entries.push(entry));
    const stop = new AbortController();
    const keeping = keepWatch({ ...watchOf('three'), logger, signal: stop.signal, everyMs: 100 });
    const first = await until(() => runOf('three'), { what: 'the watch runs' });
    await until(() => entries.some((e) => /^watch of three/.test(e.message)), { what: 'it is configured' });
    await temporal.env.client.workflow.getHandle(watchId('three')).terminate('a test');
    await until(async () => (await runOf('three')) !== first, { what: 'another one runs' });
    stop.abort();
    await keeping;
    assert.ok(entries.some((e) => e.level === 'ERROR' && /ALARM: the watch of three is TERMINATED/.test(e.message)));
  }));

test('without a workflow worker it alarms, and is well again when one comes', async () => {
  const entries: LogEntry[] = [];
  const logger = new DefaultLogger('INFO', (entry) => void entries.push(entry));
  const stop = new AbortController();
  const options = { ...watchOf('four'), logger, signal: stop.signal, everyMs: 100, answerMs: 1_000 };
  const keeping = keepWatch(options);
  await until(() => entries.some((e) => e.level === 'ERROR' && /ALARM: nobody watches four/.test(e.message)), {
    what: 'it alarms',
  });
  await withWorker('four', () =>
    until(() => entries.some((e) => /is reached again/.test(e.message)), { what: 'it is reached again' }),
  );
  stop.abort();
  await keeping;
});

test('search attributes are registered once, also by two workers at once, and not trusted where their type is wrong', async () => {
  const bare = await devServer({ searchAttributes: false });
  try {
    const { connection } = bare.env;
    const both = await Promise.all([1, 2].map(() => ensureSearchAttributes(connection, 'default')));
    assert.deepEqual(
      both.map((state) => state.usable),
      [true, true],
    );
    assert.equal((await ensureSearchAttributes(connection, 'default')).usable, true);
  } finally {
    await bare.teardown();
  }
  const wrong = await devServer({ searchAttributes: false });
  try {
    const { connection } = wrong.env;
    // 3: an integer, made by somebody else for something else.
    const searchAttributes = { LifeboatPhase: 3 };
    await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes });
    assert.deepEqual(await ensureSearchAttributes(connection, 'default'), {
      usable: false,
      why: 'search attributes are not of type Keyword: LifeboatPhase',
    });
  } finally {
    await wrong.teardown();
  }
});
