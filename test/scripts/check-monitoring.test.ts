import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonitoringChannel } from '../../activities/monitoring/driver.ts';
import { monitoringDrivers } from '../../activities/monitoring/index.ts';
import { checkMonitoring, judge } from '../../scripts/check/monitoring.ts';
import type { Probing } from '../../scripts/check/row.ts';
import { parseConfig } from '../../workers/config.ts';
import { createSecrets } from '../../workers/secrets.ts';
import type { Verdict } from '../../workflows/domain.ts';
import { contextOf } from '../activities/monitoring/context.ts';
import { rowOf } from '../activities/monitoring/rows.ts';

const NODES = ['compute-1', 'compute-2'].map((host) => rowOf({ host }));

const saying = (verdicts: readonly Verdict[]) =>
  new Map(NODES.map(({ host }, i) => [host, { verdict: verdicts[i]!, saw: 'as told', readAt: '' }]));

function probing(channels: Record<string, MonitoringChannel>): Probing {
  const named = Object.entries(channels).map(([name, channel]) => ({ name, channel }));
  return {
    config: parseConfig('cloud: prod', 'lifeboat.yaml'),
    secrets: createSecrets({ env: {} }),
    source: {
      get: () => Promise.resolve(named as never),
      close: () => Promise.resolve(),
      closePart: () => Promise.resolve(),
    },
    warnings: [],
  };
}

test('a channel that knows all is ok, one that misses some a warning, and one that knows nobody a failure with its reason', () => {
  assert.deepEqual(judge(saying(['alive', 'alive']), NODES), { verdict: 'ok', says: '2 of 2 nodes alive' });
  assert.deepEqual(judge(saying(['alive', 'failed']), NODES), {
    verdict: 'warn',
    says: '1 of 2 nodes alive; failed: compute-2',
  });
  assert.deepEqual(judge(saying(['alive', 'unknown']), NODES), {
    verdict: 'warn',
    says: '1 of 2 nodes alive; unknown: compute-2 (as told)',
  });
  assert.deepEqual(judge(saying(['unknown', 'unknown']), NODES), {
    verdict: 'fail',
    says: 'it knows nothing of any node: as told',
  });
  assert.equal(judge(new Map(), NODES).verdict, 'fail');
});

test('each channel is a row: by its own check, by a look, or by why it cannot', async () => {
  const rows = await checkMonitoring(
    probing({
      'nova-service': { look: () => Promise.resolve(saying(['alive', 'alive'])) },
      pushed: {
        look: () => Promise.reject(new Error('not asked')),
        check: async () => ({ verdict: 'ok', says: 'listens' }),
      },
      broken: { look: () => Promise.reject(new Error('no route')) },
    }),
    NODES,
  );
  assert.deepEqual(
    rows.map(({ what, verdict, says }) => [what, verdict, says]),
    [
      ['configuration', 'ok', 'channels: nova-service, pushed, broken'],
      ['nova-service', 'ok', '2 of 2 nodes alive'],
      ['pushed', 'ok', 'listens'],
      ['broken', 'fail', 'no route'],
    ],
  );
  assert.equal((await checkMonitoring(probing({}), null))[0]?.verdict, 'warn');
});

test('a program that is missing is said, and what to do', async () => {
  const of = (name: string, options: object): MonitoringChannel => {
    const driver = monitoringDrivers[name]!;
    return driver.create(driver.options.parse(options), contextOf({ programs: { ping: '/no/such/ping' } }));
  };
  const rows = await checkMonitoring(
    probing({ ping: of('ping', {}), plugin: of('command', { program: '/no/such/plugin' }) }),
    NODES,
  );
  assert.deepEqual(
    rows.slice(1).map(({ what, verdict }) => [what, verdict]),
    [
      ['ping', 'fail'],
      ['plugin', 'fail'],
    ],
  );
  assert.match(rows[1]!.says, /ping is not installed/);
  assert.match(rows[1]!.todo, /iputils-ping/);
  assert.match(rows[2]!.says, /\/no\/such\/plugin is not installed/);
});
