// A Temporal restored from an older copy of its database holds a recovery as open that ended since, and whose node is in service
// again. It must not cost the healthy node its power, wherever in its procedure the copy caught it.
import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDevServer } from '../../scripts/temporal-server.ts';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES, type ReadmitReport } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { loadConfig } from '../../workers/config.ts';
import {
  beginWatch,
  ended,
  hears,
  NODE,
  setUp,
  startWorker,
  tearDown,
  withClient,
  type Stage,
} from '../crash/crash-stage.ts';
import { lookout } from '../support/lookout.ts';
import { until } from '../support/until.ts';
import { audit, tellFindings } from '../world/audit.ts';

const FILES = ['', '-wal', '-shm'];
const db = (stage: Stage): string => join(stage.dir, 'temporal.db');

/** Ends the server, does something with its database, and starts it on the same port. */
async function whileDown(stage: Stage, act: () => Promise<void>): Promise<void> {
  for (const worker of stage.workers) worker.kill('SIGKILL');
  const port = Number(stage.server.address.split(':')[1]);
  await stage.server.stop();
  await act();
  stage.server = await startDevServer({ ui: false, db: db(stage), port });
}

async function copyAll(from: string, to: string): Promise<void> {
  for (const end of FILES) {
    await rm(to + end, { force: true });
    if (existsSync(from + end)) await copyFile(from + end, to + end);
  }
}

const save = (stage: Stage): Promise<void> => whileDown(stage, () => copyAll(db(stage), join(stage.dir, 'copy.db')));
const restore = (stage: Stage): Promise<void> => whileDown(stage, () => copyAll(join(stage.dir, 'copy.db'), db(stage)));

async function reportOf(stage: Stage): Promise<RecoveryReport> {
  await ended(stage);
  return withClient(stage, (client) => client.workflow.getHandle(nodeWorkflowId('crash', NODE)).result());
}

async function readmit(stage: Stage): Promise<ReadmitReport> {
  const { timings } = (await loadConfig(stage.config)).policy;
  return withClient(stage, (client) =>
    client.workflow.execute(WORKFLOW_TYPES.readmit, {
      taskQueue: taskQueues('crash').workflow,
      workflowId: nodeWorkflowId('crash', NODE),
      args: [{ node: NODE, by: 'ann', timings }],
    }),
  );
}

/** Copied as `caught` says, recovered, readmitted; then the copy comes back. */
async function tellRestore(
  gate: string,
  outcome: 'stoodDown' | 'falseAlarm',
  caught: (stage: Stage, first: { reached: Promise<void> }) => Promise<unknown>,
) {
  const stage = await setUp();
  try {
    const { world } = stage;
    const first = await startWorker(stage, gate);
    const reached = gate === 'none' ? Promise.resolve() : hears(first, 'reached');
    await beginWatch(stage);
    await lookout(world);
    for (const n of world.nodes) world.holdSpawns(n.name);
    await world.crash(NODE);
    await caught(stage, { reached });
    await save(stage);
    await startWorker(stage);
    for (const n of world.nodes) world.letSpawn(n.name);
    const one = await reportOf(stage);
    assert.equal(one.outcome, 'recovered', one.reason);
    const back = await readmit(stage);
    assert.equal(back.outcome, 'readmitted', back.reason);
    world.addInstance({ name: 'newcomer', host: NODE, project: 'acme' });

    const before = world.log.entries.length;
    await restore(stage);
    await startWorker(stage);
    const two = await reportOf(stage);
    assert.equal(two.runId, one.runId, 'it is the run of the copy that has ended again');
    assert.equal(two.outcome, outcome, two.reason);
    const since = world.log.entries.slice(before);
    assert.deepEqual(
      since.filter(
        (e) => e.kind === 'power-command' || e.kind === 'evacuate' || (e.kind === 'service' && e.by === 'lifeboat'),
      ),
      [],
      'nothing was done to a node in service',
    );
    const { power, up, disabled, forcedDown } = world.truth().nodes[NODE]!;
    assert.deepEqual(
      { power, up, disabled, forcedDown },
      { power: 'on', up: true, disabled: false, forcedDown: false },
    );
    const found = audit(world, {
      admins: ['ops@cloud.example'],
      runs: [{ node: NODE, instances: one.instances }],
      guardMs: 45_000,
    });
    assert.deepEqual(found, [], tellFindings(found));
    return { stage, two };
  } finally {
    await tearDown(stage);
  }
}

test('a copy from the middle of the evacuations: the guard sees the node on, its marker is gone, and nobody switches it off', async () => {
  const { two } = await tellRestore('none', 'stoodDown', ({ world }) =>
    until(() => world.log.of('evacuate').length > 0, { what: 'something moves', timeoutMs: 60_000 }),
  );
  assert.match(two.reason, /marker/);
});

test('a copy from between proof and mark: the row has moved since, and a healthy node is neither marked nor switched off', async () => {
  await tellRestore('before:markNode', 'stoodDown', (_stage, { reached }) => reached);
});

test('a copy from before the first off: the last look sees that the node lives', async () => {
  await tellRestore('before:fenceLevel', 'falseAlarm', (_stage, { reached }) => reached);
});
