// A worker process whose configuration is changed while it runs: the watch learns the policy, and a wrong file changes nothing.
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { watchId } from '../../workflows/contract.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess } from '../support/worker-process.ts';

let temporal: LocalTemporal;
before(async () => void (temporal = await devServer()));
after(() => temporal.teardown());

const LIMITS = { timeoutMs: 90_000 };

test('the watch has the changed policy without a restart, and keeps it while the file is wrong', async () => {
  const text = (atOnce: number): string => `cloud: alpha\nmode: confirm\nlimits: { atOnce: ${atOnce} }\n`;
  const worker = await startWorkerProcess({ address: temporal.server.address, config: text(2) });
  try {
    const { client } = temporal.env;
    const state = () => client.workflow.getHandle(watchId('alpha')).query(watchStateQuery);
    await until(() => worker.output().includes('watch of alpha'), { what: 'the watch runs', ...LIMITS });
    const first = (await state()).policyHash;

    await writeFile(`${worker.file}.new`, text(3).replace('confirm', 'observe'));
    await rename(`${worker.file}.new`, worker.file);
    await until(async () => (await state()).mode === 'observe', { what: 'the watch has the new policy', ...LIMITS });
    const second = (await state()).policyHash;
    assert.notEqual(second, first);
    await until(() => worker.output().includes('the changed file is in force: monitors and policy'), {
      what: 'it says so',
      ...LIMITS,
    });

    await writeFile(worker.file, text(4).replace('atOnce: 4', 'atOnce: many'));
    await until(() => worker.output().includes('refused; nothing of it is used'), { what: 'it is refused', ...LIMITS });
    assert.match(worker.output(), /lifeboat\.yaml:3: limits\.atOnce: expected a number of nodes/);
    assert.equal((await state()).policyHash, second);

    await writeFile(worker.file, text(2));
    await until(async () => (await state()).policyHash === first, {
      what: 'the watch has the first policy again',
      ...LIMITS,
    });
    assert.deepEqual(
      (await state()).alarms.filter((alarm) => alarm.startsWith('filesDiffer')),
      [],
    );
    assert.equal(worker.child.exitCode, null);
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0);
  } finally {
    await worker.remove();
  }
});
