import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { watchId } from '../../workflows/contract.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess, type WorkerProcessOptions } from '../support/worker-process.ts';

let temporal: LocalTemporal;
before(async () => void (temporal = await devServer()));
after(() => temporal.teardown());

const started = (options: Omit<WorkerProcessOptions, 'address'> & { address?: string }) =>
  startWorkerProcess({ address: temporal.server.address, ...options });

test('starts the watch with its policy and the name of its cloud, and SIGTERM ends it with 0', async () => {
  const worker = await started({ config: 'cloud: alpha\nmode: confirm\nlimits: { atOnce: 3 }\n' });
  try {
    await until(() => worker.output().includes('watch of alpha'), {
      what: 'it says that the watch runs',
      timeoutMs: 60_000,
    });
    const handle = temporal.env.client.workflow.getHandle(watchId('alpha'));
    const { memo, status } = await handle.describe();
    assert.deepEqual(memo, { keystone: 'http://127.0.0.1:9/v3', region: 'RegionOne' });
    assert.equal(status.name, 'RUNNING');
    const state = await handle.query(watchStateQuery);
    assert.equal(state.mode, 'confirm');
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0);
    const lines = worker.output().trim().split('\n');
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line) as unknown, line);
    assert.ok(!worker.output().includes('pw-of-keystone'));
  } finally {
    await worker.remove();
  }
});

test('a worker of another cloud with the same name ends before it polls', async () => {
  const first = await started({ config: 'cloud: beta\n' });
  try {
    await until(() => first.output().includes('watch of beta'), { what: 'the watch runs', timeoutMs: 60_000 });
    const other = await started({
      config: 'cloud: beta\n',
      keystone: 'http://127.0.0.2:9/v3',
      arguments: ['--role', 'monitor', '--role', 'fencing'],
    });
    assert.equal(await other.ended, 1);
    assert.match(other.output(), /Cannot work for beta: the watch that runs belongs to http:\/\/127\.0\.0\.1:9\/v3/);
    assert.ok(!other.output().includes('Lifeboat for beta'), 'it did not begin');
    await other.remove();
  } finally {
    await first.remove();
  }
});

test('says in one line that Temporal does not answer', async () => {
  const worker = await started({ config: 'cloud: delta\n', address: '127.0.0.1:9' });
  try {
    assert.equal(await worker.ended, 1);
    const last = worker.output().trim().split('\n').at(-1)!;
    assert.match(last, /^Cannot reach Temporal at 127\.0\.0\.1:9 \(namespace default\): .+ \(set TEMPORAL_ADDRESS/);
  } finally {
    await worker.remove();
  }
});

test('a configuration that cannot be used ends it with 2, whatever else is wrong', async () => {
  const worker = await started({ config: 'cloud: delta\nmdoe: auto\n', address: '127.0.0.1:9' });
  try {
    assert.equal(await worker.ended, 2);
    assert.match(worker.output(), /lifeboat\.yaml:2: mdoe: unknown key \(did you mean mode\?\)/);
  } finally {
    await worker.remove();
  }
});

test('a role that does not exist ends it with 2 and the usage', async () => {
  const worker = await started({ config: 'cloud: delta\n', arguments: ['--role', 'fencer'] });
  try {
    assert.equal(await worker.ended, 2);
    assert.match(worker.output(), /--role fencer: there is no such role \(roles: workflow, monitor/);
    assert.match(worker.output(), /npm start -- --config/);
  } finally {
    await worker.remove();
  }
});
