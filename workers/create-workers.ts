// One Worker object per queue, with the options that were measured (docs/temporal.md). Used by main.ts and, in their own process, by
// the tests and the demo.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import {
  Worker,
  type ActivityInterceptorsFactory,
  type NativeConnection,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { createEvacuationActivities } from '../activities/evacuation/activities.ts';
import { createAsk } from '../activities/evacuation/permission.ts';
import { createFencingActivities, createGuardActivities, type FencingDeps } from '../activities/fencing/activities.ts';
import { createProbeActivities } from '../activities/fencing/probe.ts';
import { createMonitoringActivities } from '../activities/monitoring/activities.ts';
import { tcp } from '../activities/monitoring/tcp.ts';
import { createNotificationActivities } from '../activities/notification/activities.ts';
import { rulesOf } from '../activities/notification/index.ts';
import { taskQueues, type Role } from '../workflows/contract.ts';
import type { Config } from './config.ts';
import { driverSource, NEEDS, type Drivers, type DriverSource } from './deps.ts';
import { beatWhileRunning, redactErrors } from './interceptors.ts';
import { identity as processIdentity } from './log.ts';
import { LiveActivities } from './live-activities.ts';
import { Parts, type ActivityQueue, type Replaceable } from './replace-parts.ts';
import { createSecrets, type Secrets } from './secrets.ts';

type Queue = keyof ReturnType<typeof taskQueues>;

export interface CreateWorkersOptions {
  config: Config;
  connection: NativeConnection;
  /** Through which runs are asked for permission; by default the worker's own, which comes again only after a second. */
  client?: Client;
  namespace?: string;
  roles: readonly Role[];
  /** Parts that are there already: they are used as they are and not closed. */
  drivers?: Partial<Drivers>;
  /** Where the other parts come from; by default from the configuration. Closed at the end. */
  source?: DriverSource;
  secrets?: Secrets;
  /** False: the namespace knows no search attributes; the watch is told. */
  searchAttributes?: boolean;
  identity?: string;
  /** Around every activity, outside the redaction: tests halt or end the process there. */
  activityInterceptors?: ActivityInterceptorsFactory[];
  /** Made once by tests that start many workers. By default the built one, or the sources. */
  workflowBundle?: WorkflowBundleOption;
}

export interface Workers {
  workers: { queue: Queue; worker: Worker }[];
  drivers: DriverSource;
  /**
   * Puts another configuration of the same cloud in force for the activities that begin from now on, whole: answers what was made
   * anew, rejects with nothing changed. `known`: the watch has its policy.
   */
  replace(next: Config): Promise<string[]>;
  known(): void;
  /** Resolves when all have stopped; the failure of one stops all and rejects. */
  run(): Promise<void>;
  /** Asks all to stop: sweep and guard hand over at once, evacuations have 20 s. Resolves with `run`. */
  shutdown(): Promise<void>;
}

const QUEUES_OF: Record<Role, readonly Queue[]> = {
  workflow: ['workflow'],
  monitor: ['monitoring'],
  evacuation: ['openstack'],
  fencing: ['fencing', 'guard'],
  notification: ['notification'],
};

/**
 * A sweep and a guard never end by themselves, so that their Workers wait for nothing. A machine that hangs swallows what its open
 * polls are given: one poll where a takeover is urgent.
 */
const TUNING: Record<Queue, Partial<WorkerOptions>> = {
  workflow: { maxConcurrentWorkflowTaskPolls: 2, stickyQueueScheduleToStartTimeout: '2s' },
  monitoring: { maxConcurrentActivityTaskPolls: 1, shutdownGraceTime: 0 },
  openstack: { maxConcurrentActivityTaskPolls: 2, maxConcurrentActivityTaskExecutions: 500, shutdownGraceTime: '20s' },
  fencing: { maxConcurrentActivityTaskPolls: 1, shutdownGraceTime: 0 },
  guard: { maxConcurrentActivityTaskPolls: 1, shutdownGraceTime: 0 },
  notification: { maxConcurrentActivityTaskPolls: 1, shutdownGraceTime: '20s' },
};

/** Makes what the roles need and the Workers; nothing polls before `run`. Rejects with one line where a part cannot be made. */
export async function createWorkers(options: CreateWorkersOptions): Promise<Workers> {
  const { config, roles } = options;
  const secrets = options.secrets ?? createSecrets();
  const drivers = options.source ?? driverSource(config, secrets, options.drivers);
  try {
    const parts = new Set(roles.flatMap((role) => NEEDS[role]));
    await Promise.all([...parts].map((part) => drivers.get(part)));
    const queues = [...new Set(roles)].flatMap((role) => QUEUES_OF[role]);
    const workers: { queue: Queue; worker: Worker }[] = [];
    const made: Replaceable[] = [];
    const before: { hash: string | null } = { hash: null };
    const make: ConstructorParameters<typeof Parts>[0]['make'] = (queue, other, source, replaced) =>
      activitiesOf(queue, { ...options, config: other }, source, { before, replaced });
    for (const queue of queues) {
      if (queue !== 'workflow') made.push(await replaceable(queue, (signal) => make(queue, config, drivers, signal)));
      const activities = made.find((one) => one.queue === queue)?.live.delegates;
      workers.push({ queue, worker: await createWorker(queue, options, activities, redactErrors(secrets.redactor)) });
    }
    const live = new Parts({ ...{ config, secrets, source: drivers, queues: made }, make });
    return {
      ...{ workers, drivers, ...lifecycle(workers, live) },
      replace: (next) => live.replace(next, (hash) => (before.hash ??= hash)),
      known: () => void (before.hash = null),
    };
  } catch (error) {
    await drivers.close();
    throw error;
  }
}

async function replaceable(queue: ActivityQueue, make: (signal: AbortSignal) => Promise<object>): Promise<Replaceable> {
  const replaced = new AbortController();
  return { queue, live: new LiveActivities(await make(replaced.signal)), replaced };
}

function lifecycle(
  workers: { worker: Worker }[],
  drivers: Pick<DriverSource, 'close'>,
): Pick<Workers, 'run' | 'shutdown'> {
  let running: Promise<void> | null = null;
  const stop = (): void => {
    for (const { worker } of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runAll = async (): Promise<void> => {
    const results = await Promise.allSettled(
      workers.map(({ worker }) =>
        worker.run().catch((error: unknown) => {
          stop();
          throw error;
        }),
      ),
    );
    await drivers.close();
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  };
  return {
    run: () => (running ??= runAll()),
    async shutdown() {
      stop();
      await running;
    },
  };
}

async function createWorker(
  queue: Queue,
  options: CreateWorkersOptions,
  activities: object | undefined,
  interceptor: ActivityInterceptorsFactory,
): Promise<Worker> {
  const { config, connection, namespace, identity = processIdentity() } = options;
  const common: WorkerOptions = {
    connection,
    identity,
    taskQueue: taskQueues(config.cloud)[queue],
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    interceptors: { activity: [beatWhileRunning, ...(options.activityInterceptors ?? []), interceptor] },
    ...(namespace ? { namespace } : {}),
    ...TUNING[queue],
  };
  if (!activities) return Worker.create({ ...common, ...workflowCode(options.workflowBundle) });
  return Worker.create({ ...common, activities });
}

/** Every Worker on a queue knows all activities of that queue. */
async function activitiesOf(
  queue: ActivityQueue,
  options: CreateWorkersOptions,
  drivers: DriverSource,
  change: { before: { hash: string | null }; replaced: AbortSignal },
): Promise<object> {
  const { config, client, identity = processIdentity() } = options;
  const { cloud, policy, policyHash } = config;
  const openstack = await drivers.get('openstack');
  const fencingDeps = async (): Promise<FencingDeps> => ({
    openstack,
    fencing: await drivers.get('fencing'),
    tcpPorts: portsOfLife(config),
    timings: policy.timings,
  });
  switch (queue) {
    case 'monitoring':
      return createMonitoringActivities({
        openstack,
        channels: await drivers.get('monitoring'),
        references: config.monitoring.references ?? [],
        ...{ cloud, policy, policyHash, ...change },
        worker: identity,
        searchAttributes: options.searchAttributes ?? true,
        memo: { keystone: openstack.identityUrl, region: openstack.region ?? '' },
      });
    case 'openstack':
      return createEvacuationActivities({
        ...{ openstack, evacuator: await drivers.get('evacuator') },
        ...(client ? { ask: createAsk(() => client) } : {}),
      });
    case 'fencing': {
      const deps = await fencingDeps();
      return { ...createFencingActivities(deps), ...createProbeActivities(deps) };
    }
    case 'guard':
      return createGuardActivities(await fencingDeps());
    case 'notification':
      return createNotificationActivities({
        openstack,
        ...(await drivers.get('notification')),
        ...rulesOf(config.notification),
        console: config.console,
        keep: config.reports.keep,
      });
  }
}

/** Where the fence's last look and the guard knock: the ports of the tcp channel, as the sweep does. */
function portsOfLife({ monitoring }: Config): number[] {
  const ports = monitoring.channels.flatMap(({ driver, options }) =>
    driver === tcp.name ? (tcp.options.parse(options) as { ports: number[] }).ports : [],
  );
  return [...new Set(ports)];
}

/** The bundle stands beside the built sources only: from sources it could be older than they are. */
function workflowCode(given?: WorkflowBundleOption): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  if (given) return { workflowBundle: given };
  const built = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(built)) return { workflowBundle: { codePath: built } };
  const source = import.meta.filename.endsWith('.ts') ? 'index.ts' : 'index.js';
  return { workflowsPath: fileURLToPath(new URL(`../workflows/${source}`, import.meta.url)) };
}
