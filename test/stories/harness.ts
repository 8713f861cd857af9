// A whole Lifeboat beside a whole data centre: the real server, the real workers with the real drivers, and after every story the
// audit of the data centre's own log.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import {
  nodeWorkflowId,
  ROLES,
  taskQueues,
  watchId,
  WORKFLOW_TYPES,
  type RecoverInput,
  type Role,
  type RunState,
  type WatchState,
} from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import * as verbs from '../../workflows/verbs.ts';
import { loadConfig, type Config } from '../../workers/config.ts';
import { createWorkers, type Workers } from '../../workers/create-workers.ts';
import { keepWatch, startWatch } from '../../workers/keep-watch.ts';
import { workflowBundle } from '../support/bundle.ts';
import { lookout } from '../support/lookout.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { audit, tellFindings, type AuditOptions } from '../world/audit.ts';
import { writeLifeboatYaml, type Wishes } from '../world/lifeboat-yaml.ts';
import type { FullMail } from '../world/mailbox.ts';
import type { WorldOptions } from '../world/settings.ts';
import { startWorld, type World } from '../world/world.ts';
import { ends, listings, mutations } from './looks.ts';

/** Durations of the data centre and of Lifeboat, by one factor. */
export const SCALE = 0.05;
export const ADMIN = 'ops@cloud.example';
/**
 * The floor: half of a story would be the wait for the grace of a start. A permission of a tenth of a second would be too old
 * before a busy machine could use it.
 */
const TIMINGS = { grace: '10s', permission: '6s', novaRead: '60s' };
const quiet = (): void => undefined;
const SILENT = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
/** Between two questions to Temporal: more of them would be most of a story's work. */
const ASK_MS = 100;

export type RunHandle = WorkflowHandle<(input: RecoverInput) => Promise<RecoveryReport>>;

export interface StoryWishes extends Omit<Wishes, 'sections'> {
  sections?: Wishes['sections'] | ((world: World) => NonNullable<Wishes['sections']>);
  world?: WorldOptions;
  roles?: Role[];
  /** False: no watch; the story starts recoveries by hand. */
  watch?: boolean;
}

export interface Story {
  world: World;
  temporal: LocalTemporal;
  config: Config;
  cloud: string;
  start(node: string, input?: Partial<RecoverInput>): Promise<RunHandle>;
  run(node: string): RunHandle;
  /** Resolves once the watch has started a run for the node. */
  started(node: string, timeoutMs?: number): Promise<RunHandle>;
  /** The report once its run has ended; a run that does not end is shown as it stands. */
  ends(node: string, timeoutMs?: number): Promise<RecoveryReport>;
  state(node: string): Promise<RunState>;
  phase(node: string, phase: string, timeoutMs?: number): Promise<RunState>;
  watch(): Promise<WatchState>;
  watchHandle(): WorkflowHandle;
  /** Resolves once the watch has seen every node report regularly: from then on silence means something. */
  lookout(): Promise<void>;
  /** Resolves with the admins' first mail whose subject or text matches. */
  adminMail(text: RegExp, timeoutMs?: number): Promise<FullMail>;
  /** Calls of Lifeboat that change something: in Nova by its user, and commands to BMCs. */
  mutations(): string[];
  /** Calls to BMCs, reads among them. */
  powerCalls(): number;
  /** Resolves after so many more looks at the whole list of services. */
  sweeps(more: number, timeoutMs?: number): Promise<void>;
  /** Ids of what is on the node now, by name. */
  on(node: string): Map<string, string>;
  /** Throws with every breach of an invariant that the data centre's log shows. */
  audit(options?: AuditOptions, report?: RecoveryReport): void;
  /** The set that the story began with. */
  workers: Workers;
  /** Starts another set of workers (another process would), by default with the configuration that the story began with. */
  addWorkers(roles: readonly Role[], config?: Config): Promise<Workers>;
  /** Writes another lifeboat.yaml with these sections changed, and reads it as a worker does. */
  changedConfig(sections: NonNullable<Wishes['sections']>, mode?: Wishes['mode']): Promise<Config>;
  /** What a monitor process does beside its workers until the signal: starts the watch, gives it its policy, looks again. */
  keepWatch(configuredBy: string, signal: AbortSignal, config?: Config): Promise<void>;
  /** What a process needs in its environment beside the address of Temporal. */
  env: Record<string, string>;
  end(): Promise<void>;
}

/** OS_CLIENT_CONFIG_FILE is the process's: where several stories are told at once, each reads its own in its turn. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(env: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const next = turn.then(() => {
    Object.assign(process.env, env);
    return work();
  });
  turn = next.catch(() => undefined);
  return next;
}

let temporal: Promise<LocalTemporal> | null = null;
let count = 0;

/** One for all stories of the process, also for those that begin at once. */
export const openTemporal = (): Promise<LocalTemporal> => (temporal ??= devServer());

export async function shutTemporal(): Promise<void> {
  const open = temporal;
  temporal = null;
  await (await open)?.teardown();
}

export async function tellStory(wishes: StoryWishes = {}): Promise<Story> {
  const server = await openTemporal();
  const world = await startWorld({ seed: 7, nodes: 4, instances: 12, timeScale: SCALE, ...wishes.world });
  try {
    return await begin(server, world, wishes);
  } catch (error) {
    // An open world would keep the test's process waiting for ever.
    await world.stop();
    throw error;
  }
}

async function begin(server: LocalTemporal, world: World, wishes: StoryWishes): Promise<Story> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-story-'));
  const cloud = wishes.cloud ?? `story${++count}`;
  const asked = typeof wishes.sections === 'function' ? wishes.sections(world) : wishes.sections;
  const sections = { ...asked, timings: { ...TIMINGS, ...(asked?.timings as Record<string, unknown> | undefined) } };
  const write = (where: string, more: typeof sections, mode = wishes.mode) =>
    writeLifeboatYaml(world, where, { admins: [ADMIN], ...wishes, mode, sections: more, cloud });
  const yaml = await write(dir, sections);
  const config = await loadConfig(yaml.file);
  const { client, nativeConnection } = server.env;
  const running: { made: Workers; done: Promise<void> }[] = [];
  const bundle = await workflowBundle();
  const addWorkers = async (roles: readonly Role[], using = config): Promise<Workers> => {
    const made = await inTurn(yaml.env, () =>
      createWorkers({ config: using, connection: nativeConnection, roles, workflowBundle: bundle }),
    );
    running.push({ made, done: made.run() });
    return made;
  };
  const first = await addWorkers(wishes.roles ?? [...ROLES]);
  const identity = { keystone: world.env['OS_AUTH_URL'] ?? '', region: world.env['OS_REGION_NAME'] ?? '' };
  const watching = { client, identity, searchAttributes: true };
  if (wishes.watch !== false) await startWatch({ ...watching, config, configuredBy: 'the story' });
  const id = (node: string): string => nodeWorkflowId(cloud, node);
  const run = (node: string): RunHandle => client.workflow.getHandle(id(node));
  const state = (node: string): Promise<RunState> => run(node).query(verbs.stateQuery);
  return {
    world,
    temporal: server,
    config,
    cloud,
    run,
    state,
    workers: first,
    addWorkers,
    env: yaml.env,
    async changedConfig(more, mode) {
      const where = await mkdtemp(path.join(dir, 'changed-'));
      const all = { ...sections, ...more, timings: { ...sections.timings, ...(more.timings as object | undefined) } };
      return loadConfig((await write(where, all, mode)).file);
    },
    keepWatch: (configuredBy, signal, using = config) =>
      keepWatch({
        ...watching,
        config: using,
        configuredBy,
        signal,
        logger: SILENT,
        everyMs: 60_000 * using.timeScale,
      }),
    start: (node, input = {}) =>
      client.workflow.start(WORKFLOW_TYPES.recover as never, {
        taskQueue: taskQueues(cloud).workflow,
        workflowId: id(node),
        args: [{ node, by: 'ann', ...input }] as never,
        workflowTaskTimeout: '5s',
      }) as never,
    started: async (node, timeoutMs = 30_000) => {
      await until(
        () =>
          run(node)
            .describe()
            .then(() => true),
        { what: `a recovery of ${node} is started`, timeoutMs, everyMs: ASK_MS },
      );
      return run(node);
    },
    ends: (node, timeoutMs = 60_000) => ends(run(node), timeoutMs),
    phase: (node, phase, timeoutMs = 30_000) =>
      until(async () => ((await state(node)).phase === phase ? state(node) : null), {
        what: `${node} is ${phase}`,
        timeoutMs,
        everyMs: ASK_MS,
      }),
    watch: () => client.workflow.getHandle(watchId(cloud)).query(verbs.watchStateQuery),
    watchHandle: () => client.workflow.getHandle(watchId(cloud)),
    lookout: () => lookout(world),
    adminMail: (text, timeoutMs = 30_000) =>
      until(() => world.mailbox.to(ADMIN).find((m) => text.test(`${m.subject}\n${m.text}`)), {
        what: `the admins read of ${text}`,
        timeoutMs,
      }),
    mutations: () => mutations(world),
    powerCalls: () => world.log.of('call').filter((c) => c.service === 'bmc').length,
    sweeps: async (more, timeoutMs) => {
      const goal = listings(world) + more;
      await until(() => listings(world) >= goal, { what: `the watch has swept ${more} times more`, timeoutMs });
    },
    on: (node) =>
      new Map(
        Object.entries(world.truth().instances).flatMap(([id, i]) =>
          i.host === node && !i.deleted ? [[i.name, id]] : [],
        ),
      ),
    audit(options = {}, report) {
      const runs = report ? [{ node: report.node, instances: report.instances }] : [];
      const findings = audit(world, { admins: [ADMIN], ended: report !== undefined, runs, ...options });
      if (findings.length > 0) throw new Error(`the data centre's log shows breaches:\n${tellFindings(findings)}`);
    },
    async end() {
      // What is still open would keep its long activities, and the workers' shutdown, waiting.
      for (const workflowId of [watchId(cloud), ...world.nodes.map((n) => id(n.name))])
        await client.workflow
          .getHandle(workflowId)
          .terminate('the story ends')
          .catch(() => undefined);
      for (const { made, done } of running) {
        await made.shutdown();
        await done;
      }
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
