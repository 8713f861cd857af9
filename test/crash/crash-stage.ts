// Where crashes are told: a server on a file, a data centre, worker processes that can be killed, and the watch.
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startDevServer, type DevServer } from '../../scripts/temporal-server.ts';
import { loadConfig } from '../../workers/config.ts';
import { startWatch } from '../../workers/keep-watch.ts';
import { nodeWorkflowId } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { workflowBundle } from '../support/bundle.ts';
import { until } from '../support/until.ts';
import { writeLifeboatYaml } from '../world/lifeboat-yaml.ts';
import { startWorld, type World } from '../world/world.ts';

/** The node that fails, and who is told of everything. */
export const NODE = 'compute-2';
export const ADMIN = 'ops@cloud.example';
const SCALE = 0.05;
/** A permission or a read of a tenth of a second would be over before a busy machine could use it. */
const TIMINGS = { grace: '10s', permission: '20s', novaRead: '60s' };

export interface Stage {
  dir: string;
  bundle: string;
  config: string;
  env: Record<string, string>;
  world: World;
  server: DevServer;
  workers: ChildProcess[];
}

export interface StageWishes {
  /** Over four nodes. */
  instances?: number;
  /** How long Nova takes to spawn one (cloud ms): long enough to be hit while it is under way. */
  spawnMs?: number;
  evacuation?: Record<string, number>;
}

export async function setUp(wishes: StageWishes = {}): Promise<Stage> {
  const { instances = 12, spawnMs = 20_000, evacuation = {} } = wishes;
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-crash-'));
  const bundle = join(dir, 'bundle.js');
  await writeFile(bundle, (await workflowBundle(false)).code);
  const server = await startDevServer({ ui: false, db: join(dir, 'temporal.db') });
  const world = await startWorld({ seed: 7, nodes: 4, instances, timeScale: SCALE });
  for (const n of world.nodes) world.spawnDelay(n.name, spawnMs);
  const sections = { timings: TIMINGS, evacuation };
  const yaml = await writeLifeboatYaml(world, dir, { cloud: 'crash', sections });
  const env = { ...yaml.env, TEMPORAL_ADDRESS: server.address };
  return { dir, bundle, config: yaml.file, env, world, server, workers: [] };
}

export async function tearDown(stage: Stage): Promise<void> {
  for (const worker of stage.workers) worker.kill('SIGKILL');
  await stage.world.stop();
  await stage.server.stop();
  await rm(stage.dir, { recursive: true, force: true });
}

/** Resolves once it polls. `gate`: see gated-worker.ts. */
export async function startWorker(stage: Stage, gate = 'none'): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'gated-worker.ts'), [stage.config, stage.bundle, gate], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...stage.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  stage.workers.push(child);
  await hears(child, 'polls');
  return child;
}

export function hears(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (said) => {
      if (said === word) resolve();
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`the worker ended (${code ?? signal}) before it said ${word}`)),
    );
  });
}

export async function beginWatch(stage: Stage): Promise<void> {
  Object.assign(process.env, stage.env);
  const config = await loadConfig(stage.config);
  await withClient(stage, (client) =>
    startWatch({
      client,
      config,
      identity: { keystone: stage.world.env.OS_AUTH_URL ?? '', region: 'RegionOne' },
      configuredBy: 'the story',
      searchAttributes: true,
    }),
  );
}

export async function withClient<T>(stage: Stage, use: (client: Client) => Promise<T>): Promise<T> {
  // Lazy: a connect that fails, while the server is down, would leave its channel open for ever.
  const connection = Connection.lazy({ address: stage.server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const id = nodeWorkflowId('crash', NODE);

/** Asked anew each time: the server may be killed meanwhile. */
export function ended(stage: Stage): Promise<boolean> {
  const open = (): Promise<boolean> =>
    withClient(stage, async (client) => (await client.workflow.getHandle(id).describe()).status.name !== 'RUNNING');
  return until(open, { what: `the recovery of ${NODE} ends`, timeoutMs: 240_000, everyMs: 250 });
}

/** The report, once everybody was told of the end too. */
export async function result(stage: Stage): Promise<RecoveryReport> {
  await ended(stage);
  const report = await withClient(stage, (client) => client.workflow.getHandle(id).result());
  await until(() => noticesEnded(stage), { what: 'everybody is told', timeoutMs: 120_000, everyMs: 250 });
  return report as RecoveryReport;
}

const noticesEnded = (stage: Stage): Promise<boolean> =>
  withClient(stage, async (client) => {
    for await (const w of client.workflow.list({ query: `WorkflowType = 'tellPeople'` }))
      if (w.status.name === 'RUNNING') return false;
    return stage.world.mailbox.to(ADMIN).length >= 2;
  });

/** Every type of activity that was scheduled. */
export async function typesOf(stage: Stage): Promise<string[]> {
  return withClient(stage, async (client) => {
    const types = new Set<string>();
    for await (const w of client.workflow.list()) {
      const { events } = await client.workflow.getHandle(w.workflowId, w.runId).fetchHistory();
      for (const e of events ?? []) {
        const name = e.activityTaskScheduledEventAttributes?.activityType?.name;
        if (name) types.add(name);
      }
    }
    return [...types].sort();
  });
}
