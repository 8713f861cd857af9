// A worker process whose configuration is changed while it runs: the watch learns the policy, a wrong file changes nothing, and a
// recovery that is open is held or goes on by what the file says now.
import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { after, before, test, type TestContext } from 'node:test';
import { parse, stringify } from 'yaml';
import { watchId } from '../../workflows/contract.ts';
import { approveUpdate, watchStateQuery } from '../../workflows/verbs.ts';
import type { LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';
import { openTemporal, shutTemporal, tellStory, type Story, type StoryWishes } from './harness.ts';

let temporal: LocalTemporal;
before(async () => void (temporal = await openTemporal()));
after(shutTemporal);

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

interface Told {
  s: Story;
  worker: WorkerProcess;
  /** Writes the file anew with these keys changed; resolves once the watch has its policy. */
  change(keys: Record<string, unknown>): Promise<void>;
}

/** A story whose only worker is a process that follows its file. */
async function beside(t: TestContext, wishes: StoryWishes): Promise<Told> {
  const s = await tellStory({ roles: [], watch: false, ...wishes });
  t.after(() => s.end());
  const first = await readFile(s.config.file, 'utf8');
  const { address } = s.temporal.server;
  const worker = await startWorkerProcess({ address, config: first, env: s.env });
  t.after(() => worker.remove());
  await until(() => worker.output().includes(`watch of ${s.cloud}`), { what: 'the watch runs', ...LIMITS });
  let now = parse(first) as Record<string, unknown>;
  return {
    s,
    worker,
    async change(keys) {
      const before = (await s.watch()).policyHash;
      now = { ...now, ...keys };
      await writeFile(`${worker.file}.new`, stringify(now));
      await rename(`${worker.file}.new`, worker.file);
      await until(async () => (await s.watch()).policyHash !== before, { what: 'the policy has changed', ...LIMITS });
    },
  };
}

const posted = ({ world }: Story): string[] =>
  world.log
    .of('call')
    .filter((c) => c.by === 'lifeboat' && c.action === 'evacuate')
    .map((c) => world.instance(c.instance!).name)
    .sort();
const NODE = 'compute-2';
const held = (s: Story, why: RegExp): Promise<unknown> =>
  until(async () => why.test((await s.state(NODE)).doing), { what: `it is held: ${why}`, ...LIMITS });

test('a file that says observe in the middle stops what is not posted; what is runs on, and auto lets the rest go on once', async (t) => {
  const evacuation = { imageBackedDisks: 'shared', perNode: 3 };
  const { s, change } = await beside(t, { world: { instances: 20 }, sections: { evacuation } });
  const { world } = s;
  await s.lookout();
  const here = [...s.on(NODE).keys()].sort();
  assert.ok(here.length > 3);
  for (const n of world.nodes) world.holdSpawns(n.name);
  await world.powerLoss(NODE);
  await s.started(NODE, LIMITS.timeoutMs);
  await until(() => posted(s).length === 3, { what: 'the lanes are full', ...LIMITS });

  await change({ mode: 'observe', evacuation: { ...evacuation, perNode: 1 } });
  await held(s, /^held: the mode was set to observe meanwhile/);
  for (const n of world.nodes) world.letSpawn(n.name);
  await until(async () => (await s.state(NODE)).instances.filter((i) => i.outcome === 'recovered').length === 3, {
    what: 'what was posted is watched to its end',
    ...LIMITS,
  });
  await s.sweeps(5, LIMITS.timeoutMs);
  assert.equal(posted(s).length, 3, 'nothing new while it observes');
  assert.equal(world.truth().nodes[NODE]?.power, 'off', 'and the node stays as it is');

  await change({ mode: 'auto' });
  const report = await s.ends(NODE, LIMITS.timeoutMs);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.deepEqual(posted(s), here, 'each once');
  s.audit({}, report);
});

test('a node that the file excludes while a person is asked is not fenced, though they approve, until it is excluded no more', async (t) => {
  const { s, change } = await beside(t, { mode: 'confirm' });
  await s.lookout();
  await s.world.powerLoss(NODE, { withBmc: false });
  await s.started(NODE, LIMITS.timeoutMs);
  await s.phase(NODE, 'approval', LIMITS.timeoutMs);
  await change({ exclude: [NODE] });
  await held(s, /^held: the node was excluded by the configuration meanwhile/);
  await s.run(NODE).executeUpdate(approveUpdate, { args: [{ by: 'ann' }] });
  const report = await s.ends(NODE, LIMITS.timeoutMs);
  assert.equal(report.outcome, 'denied', report.reason);
  assert.match(report.reason, /excluded/);
  assert.deepEqual(s.mutations(), []);

  await change({ exclude: [] });
  await until(async () => (await s.run(NODE).describe()).status.name === 'RUNNING', { what: 'it begins', ...LIMITS });
  await s.phase(NODE, 'approval', LIMITS.timeoutMs);
  await s.run(NODE).executeUpdate(approveUpdate, { args: [{ by: 'ann' }] });
  const next = await s.ends(NODE, LIMITS.timeoutMs);
  assert.equal(next.outcome, 'recovered', next.reason);
  s.audit({}, next);
});
