// What is measured: a data centre, a real Temporal server on a file, and worker processes as in production. One for each experiment, in a
// folder of its own; everything that it starts ends with it.
import { openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { writeLifeboatYaml, type Wishes } from '../../test/world/lifeboat-yaml.ts';
import type { WorldOptions } from '../../test/world/settings.ts';
import { startWorld, type World } from '../../test/world/world.ts';
import { taskQueues, watchId } from '../../workflows/contract.ts';
import { DEFAULT_POLICY, DEFAULT_TIMINGS } from '../../workflows/defaults.ts';
import { childEnv } from '../demo/lifeboat.ts';
import { startWorker, type WorkerProcess } from '../demo/worker-process.ts';
import { startDevServer, type DevServer } from '../temporal-server.ts';

export const CLOUD = 'bench';
export const ADMIN = 'ops@cloud.example';

export interface Around {
  /** Its folders go in here. */
  dir: string;
  /** The workflows, bundled once. */
  bundle: string;
  signal: AbortSignal;
  /** What is done now, for who watches. */
  say(text: string): void;
}

export interface Limits {
  perNode: number;
  overall: number;
  perDestination: number;
}

export interface SetUp extends Around {
  world: World;
  client: Client;
  /** How many evacuations at a time. */
  limits: Limits;
  /** Alive ones. */
  workers: WorkerProcess[];
  /** One more, once it polls. */
  addWorker(): Promise<void>;
  /** kill -9. Resolves when it is gone. */
  killWorker(pid: number): Promise<void>;
  /** kill -9 and a start on the same file and port. Answers the ms from the kill until it answers again. */
  restartServer(): Promise<number>;
  /** Asks every `everyMs` until the answer is truthy; an error counts as no answer. Rejects after `seconds`, at once after Ctrl-C. */
  until<T>(what: string, seconds: number, ask: () => T | Promise<T>, everyMs?: number): Promise<NonNullable<T>>;
}

export interface Wanted {
  name: string;
  world: WorldOptions;
  /** Called before any worker starts. */
  furnish?(world: World): void;
  limits?: Partial<Limits>;
  sections?: Wishes['sections'];
}

/** Runs `use` with two workers that poll, and ends all of it, however that ends. */
export async function withSetUp<T>(around: Around, wanted: Wanted, use: (s: SetUp) => Promise<T>): Promise<T> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const s = await open(around, wanted, undo);
    return await use(s);
  } finally {
    for (const end of undo.reverse()) await end().catch(() => undefined);
  }
}

async function open(around: Around, wanted: Wanted, undo: (() => Promise<unknown>)[]): Promise<SetUp> {
  const dir = join(around.dir, wanted.name);
  await mkdir(dir);
  const db = join(dir, 'temporal.db');
  around.say('starts the Temporal server, the data centre and two workers');
  let server: DevServer = await startDevServer({ ui: false, db });
  undo.push(() => server.stop());
  const world = await startWorld({ seed: 41, instances: 0, timeScale: 1, ...wanted.world });
  undo.push(() => world.stop());
  wanted.furnish?.(world);
  const limits = { ...DEFAULT_POLICY.evacuation, ...wanted.limits };
  const sections = { evacuation: { imageBackedDisks: 'shared', ...wanted.limits }, ...wanted.sections };
  const yaml = await writeLifeboatYaml(world, dir, { cloud: CLOUD, mode: 'auto', admins: [ADMIN], sections });
  const connection = await Connection.connect({ address: server.address });
  undo.push(() => connection.close());
  const log = openSync(join(around.dir, 'workers.log'), 'a');
  const env = childEnv(dir, { ...yaml.env, TEMPORAL_ADDRESS: server.address });
  const port = Number(server.address.split(':')[1]);
  let named = 0;
  const s: SetUp = {
    ...around,
    ...{ world, client: new Client({ connection }), limits, workers: [] },
    async addWorker() {
      const args = ['--config', yaml.file, '--bundle', around.bundle];
      const worker = startWorker(`worker ${(named += 1)}`, args, env, log);
      undo.push(() => worker.stop());
      s.workers.push(worker);
      void worker.ended.then(() => s.workers.splice(s.workers.indexOf(worker), 1));
      await s.until(`${worker.name} polls`, 60, () => polls(s, worker.pid));
    },
    async killWorker(pid) {
      const worker = s.workers.find((w) => w.pid === pid);
      if (!worker) throw new Error(`kill worker ${pid}: it is not one of ours, or has ended`);
      process.kill(pid, 'SIGKILL');
      await worker.ended;
    },
    async restartServer() {
      const killedAt = performance.now();
      await server.kill9();
      server = await startDevServer({ ui: false, db, port });
      return performance.now() - killedAt;
    },
    until: (what, seconds, ask, everyMs = 200) => until(s, what, seconds, ask, everyMs),
  };
  await Promise.all([s.addWorker(), s.addWorker()]);
  return s;
}

/** On the queue that a worker opens last but two, as the server has it. */
async function polls({ client }: SetUp, pid: number): Promise<boolean> {
  const queues = taskQueues(CLOUD);
  const of = async (name: string): Promise<boolean> => {
    const { namespace } = client.options;
    // 2: activities.
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType: 2,
    });
    return (pollers ?? []).some((p) => Number.parseInt(p.identity ?? '', 10) === pid);
  };
  return (await of(queues.monitoring)) && (await of(queues.openstack)) && (await of(queues.notification));
}

async function until<T>(
  { signal, workers }: SetUp,
  what: string,
  seconds: number,
  ask: () => T | Promise<T>,
  everyMs: number,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    let last = '';
    signal.throwIfAborted();
    const answer = await Promise.resolve()
      .then(ask)
      .catch((error: unknown) => void (last = String(error instanceof Error ? error.message : error)));
    if (answer) return answer as NonNullable<T>;
    const none = workers.length === 0 ? '; no worker is left' : '';
    if (performance.now() > deadline || none)
      throw new Error(`wait until ${what}: not within ${seconds} s${none}${last && ` (${last})`}`);
    await sleep(everyMs, undefined, { signal });
  }
}

/**
 * Resolves once every node was seen to report four times since the first sweep, and the grace of the start is over: before that
 * Lifeboat recovers nothing.
 */
export async function lookout(s: SetUp): Promise<void> {
  const { world, client } = s;
  s.say('the watch learns how its nodes report; after its start it only looks for a minute');
  const swept = (): boolean => world.log.of('call').some((c) => c.service === 'nova' && /os-services/.test(c.path));
  await s.until('the watch sweeps', 60, swept);
  const moves = new Map<string, Set<number>>();
  const reported = (): boolean => {
    for (const n of world.centre.nodes.values())
      moves.set(n.name, (moves.get(n.name) ?? new Set()).add(n.service.updatedAt));
    return [...moves.values()].every((seen) => seen.size > 4);
  };
  await s.until('every node has reported four times', 120, reported);
  const { startTime } = await client.workflow.getHandle(watchId(CLOUD)).describe();
  await s.until('the grace is over', 120, () => Date.now() - startTime.getTime() > DEFAULT_TIMINGS.graceMs);
}
