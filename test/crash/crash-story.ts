// One recovery, and one blow in its middle. The data centre must not be able to tell it from a quiet one: one request per instance,
// one Message-ID per mail, everybody back.
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
import { lookout } from '../support/lookout.ts';
import { until } from '../support/until.ts';
import { audit, tellFindings } from '../world/audit.ts';
import { writeLifeboatYaml } from '../world/lifeboat-yaml.ts';
import type { Entry } from '../world/log.ts';
import { startWorld, type World } from '../world/world.ts';

export const BLOWS = ['kill -9 of the worker', 'SIGSTOP of the worker', 'kill -9 of the server'] as const;
export type Blow = (typeof BLOWS)[number];
export type Moment = 'before' | 'after';

export interface Point {
  type: string;
  moment: Moment;
}

/** The moment after the effect and before its completion, as the data centre sees it. Others are held as they return. */
const EFFECTS: Record<string, (e: Entry, log: readonly Entry[]) => boolean> = {
  fenceLevel: (e) => e.kind === 'power-command',
  markNode: (e) => e.kind === 'service' && e.by === 'lifeboat',
  evacuateInstance: (e) => e.kind === 'evacuate',
  liftLocks: (e) => e.kind === 'lock' && !e.locked,
  deliverNotice: (e) => e.kind === 'mail',
  guardNode: (e, log) => e.kind === 'power-read' && log.some((x) => x.kind === 'evacuate'),
  sweepFleet: (e) => e.kind === 'call' && e.service === 'nova' && /os-services/.test(e.path),
};

const NODE = 'compute-2';
const ADMIN = 'ops@cloud.example';
const SCALE = 0.05;
/** After a crash another worker guards within a heartbeat's time limit; a machine that hangs holds its polls for longer. */
const GUARD_MS: Record<Blow | 'none', number> = {
  none: 3_000,
  'kill -9 of the worker': 9_000,
  'kill -9 of the server': 9_000,
  'SIGSTOP of the worker': 45_000,
};

export interface Told {
  report: RecoveryReport;
  /** Every type of activity that the recovery, its notices and the watch scheduled. */
  types: string[];
  seconds: number;
}

interface Stage {
  dir: string;
  bundle: string;
  config: string;
  env: Record<string, string>;
  world: World;
  server: DevServer;
  workers: ChildProcess[];
}

/** Tells a recovery with a blow at a point; null: undisturbed. Throws with every breach of an invariant. */
export async function tellCrash(point: Point | null, blow: Blow | null): Promise<Told> {
  const stage = await setUp();
  try {
    const started = performance.now();
    const report = await play(stage, point, blow);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    await judge(stage.world, report, blow);
    return { report, types: await typesOf(stage), seconds };
  } finally {
    for (const worker of stage.workers) worker.kill('SIGKILL');
    await stage.world.stop();
    await stage.server.stop();
    await rm(stage.dir, { recursive: true, force: true });
  }
}

async function setUp(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-crash-'));
  const bundle = join(dir, 'bundle.js');
  await writeFile(bundle, (await workflowBundle(false)).code);
  const server = await startDevServer({ ui: false, db: join(dir, 'temporal.db') });
  const world = await startWorld({ seed: 7, nodes: 4, instances: 12, timeScale: SCALE });
  // Long enough to be hit while it is under way.
  for (const n of world.nodes) world.spawnDelay(n.name, 20_000);
  const yaml = await writeLifeboatYaml(world, dir, { cloud: 'crash', sections: { timings: { grace: '10s' } } });
  const env = { ...yaml.env, TEMPORAL_ADDRESS: server.address };
  return { dir, bundle, config: yaml.file, env, world, server, workers: [] };
}

async function startWorker(stage: Stage, gate: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'gated-worker.ts'), [stage.config, stage.bundle, gate], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...stage.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  stage.workers.push(child);
  await hears(child, 'polls');
  return child;
}

function hears(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (said) => {
      if (said === word) resolve();
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`the worker ended (${code ?? signal}) before it said ${word}`)),
    );
  });
}

async function play(stage: Stage, point: Point | null, blow: Blow | null): Promise<RecoveryReport> {
  const { world } = stage;
  const effect = point?.moment === 'after' ? EFFECTS[point.type] : undefined;
  const gate = point && !effect ? `${point.moment}:${point.type}` : 'none';
  const first = await startWorker(stage, gate);
  await beginWatch(stage);
  const reached = gate === 'none' ? null : hears(first, 'reached');
  await lookout(world);
  const struck = point && blow ? strike(stage, first, blow, effect ? seen(world, effect) : reached!) : null;
  // A gate that is never reached must not look like a story that went well.
  struck?.catch(() => undefined);
  await world.crash(NODE);
  const report = await result(stage);
  await struck;
  return report;
}

/** The promise is resolved inside the data centre's own step: nothing was answered yet. */
function seen(world: World, effect: (e: Entry, log: readonly Entry[]) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const end = world.log.on((entry) => {
      if (!effect(entry, world.log.entries)) return;
      end();
      resolve();
    });
  });
}

async function strike(stage: Stage, worker: ChildProcess, blow: Blow, moment: Promise<void>): Promise<void> {
  await moment;
  if (blow === 'kill -9 of the server') {
    const port = Number(stage.server.address.split(':')[1]);
    await stage.server.kill9();
    stage.server = await startDevServer({ ui: false, db: join(stage.dir, 'temporal.db'), port });
    worker.send('go');
    return;
  }
  worker.kill(blow === 'kill -9 of the worker' ? 'SIGKILL' : 'SIGSTOP');
  stage.world.log.add({ kind: 'note', what: 'blow', text: blow });
  await startWorker(stage, 'none');
  if (blow !== 'SIGSTOP of the worker') return;
  // What hung wakes up after the others did its work: it must do no harm then, and ends in order.
  await ended(stage);
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGCONT');
  worker.send('go');
  worker.send('stop');
  await gone;
}

async function beginWatch(stage: Stage): Promise<void> {
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

async function withClient<T>(stage: Stage, use: (client: Client) => Promise<T>): Promise<T> {
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
function ended(stage: Stage): Promise<boolean> {
  const open = (): Promise<boolean> =>
    withClient(stage, async (client) => (await client.workflow.getHandle(id).describe()).status.name !== 'RUNNING');
  return until(open, { what: `the recovery of ${NODE} ends`, timeoutMs: 120_000, everyMs: 250 });
}

async function result(stage: Stage): Promise<RecoveryReport> {
  await ended(stage);
  const report = await withClient(stage, (client) => client.workflow.getHandle(id).result());
  await until(() => noticesEnded(stage), { what: 'everybody is told', timeoutMs: 60_000, everyMs: 250 });
  return report as RecoveryReport;
}

const noticesEnded = (stage: Stage): Promise<boolean> =>
  withClient(stage, async (client) => {
    for await (const w of client.workflow.list({ query: `WorkflowType = 'tellPeople'` }))
      if (w.status.name === 'RUNNING') return false;
    return stage.world.mailbox.to(ADMIN).length >= 2;
  });

async function judge(world: World, report: RecoveryReport, blow: Blow | null): Promise<void> {
  const wrong: string[] = [];
  if (report.outcome !== 'recovered') wrong.push(`the run ended as ${report.outcome}: ${report.reason}`);
  const posts = new Map<string, number>();
  for (const e of world.log.of('evacuate')) posts.set(e.instance, (posts.get(e.instance) ?? 0) + 1);
  for (const i of report.instances)
    if (posts.get(i.id) !== 1) wrong.push(`${i.name} was asked for ${posts.get(i.id) ?? 0} times`);
  if (report.instances.length === 0) wrong.push('no instance was on the node');
  const findings = audit(world, {
    admins: [ADMIN],
    ended: true,
    runs: [{ node: report.node, instances: report.instances }],
    guardMs: GUARD_MS[blow ?? 'none'],
  });
  if (findings.length > 0) wrong.push(tellFindings(findings));
  if (wrong.length > 0) throw new Error(`the data centre noticed:\n${wrong.join('\n')}`);
}

async function typesOf(stage: Stage): Promise<string[]> {
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
