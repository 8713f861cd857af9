// The monitor role keeps the watch of its cloud alive: it starts it, gives it the policy of its own file, and looks again every
// minute. A watch that is gone, or that nobody can start, is an alarm in the log (L10).
import { setTimeout as sleep } from 'node:timers/promises';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import type { Logger } from '@temporalio/worker';
import { taskQueues, watchId, WORKFLOW_TYPES, type WatchInput } from '../workflows/contract.ts';
import { configureUpdate } from '../workflows/verbs.ts';
import type { Config } from './config.ts';
import { WORKFLOW_TASK_TIMEOUT } from './temporal.ts';

/** What the watch's memo holds, so that two clouds with one name are never taken for one. */
export interface CloudIdentity {
  keystone: string;
  region: string;
}

export interface WatchOptions {
  client: Client;
  config: Pick<Config, 'cloud' | 'policy' | 'policyHash'>;
  identity: CloudIdentity;
  /** Who configures it: this worker. */
  configuredBy: string;
  searchAttributes: boolean;
}

/** The running watch is of another cloud: this worker must not go on. */
export class OtherCloudError extends Error {
  override readonly name = 'OtherCloudError';
}

/** Nobody answered in time; the next look tries again. */
const ANSWER_MS = 30_000;

/**
 * Starts the watch where it does not run and gives it this policy, in one call: at most one runs, whoever is first. Answers
 * the watch's own words. Rejects with OtherCloudError when the watch that runs belongs to another Keystone or region.
 * Idempotent: the same policy twice changes nothing.
 */
export async function startWatch(options: WatchOptions, timeoutMs = ANSWER_MS): Promise<string> {
  const { client, config } = options;
  const { policy, policyHash } = config;
  await refuseOtherCloud(options);
  const { configuredBy, searchAttributes } = options;
  const operation = watchOperation(options);
  const answer = await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.executeUpdateWithStart(configureUpdate, {
      args: [{ policy, policyHash, configuredBy, searchAttributes }],
      startWorkflowOperation: operation,
    }),
  );
  // Between the look and the start another worker may have started it for another cloud.
  await refuseOtherCloud(options);
  return answer;
}

/** How the watch is started, for every update that may be its first (also an admission). */
export function watchOperation(
  options: Omit<WatchOptions, 'client'>,
): WithStartWorkflowOperation<(input: WatchInput) => Promise<void>> {
  const { config, identity, configuredBy, searchAttributes } = options;
  const { cloud, policy, policyHash } = config;
  return new WithStartWorkflowOperation(WORKFLOW_TYPES.watch, {
    workflowId: watchId(cloud),
    taskQueue: taskQueues(cloud).workflow,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    args: [{ cloud, policy, policyHash, configuredBy, searchAttributes }],
    memo: { keystone: identity.keystone, region: identity.region },
    staticSummary: `watches the compute nodes of ${cloud}`,
  });
}

/**
 * Rejects with OtherCloudError when the watch that runs belongs to another Keystone or region. Every worker that touches a
 * cloud asks before it polls. No watch: nothing to differ from.
 */
export async function refuseOtherCloud(
  options: Pick<WatchOptions, 'client' | 'identity'> & { config: Pick<Config, 'cloud'> },
): Promise<void> {
  const { client, identity, config } = options;
  const handle = client.workflow.getHandle(watchId(config.cloud));
  const running = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  });
  if (running?.status.name !== 'RUNNING') return;
  const memo: Partial<CloudIdentity> = running.memo ?? {};
  if (memo.keystone === identity.keystone && memo.region === identity.region) return;
  throw new OtherCloudError(
    `Cannot work for ${config.cloud}: the watch that runs belongs to ${memo.keystone} (region ${memo.region || 'any'}), and ` +
      `this worker is configured for ${identity.keystone} (region ${identity.region || 'any'}) (give this cloud another name)`,
  );
}

export interface KeepOptions extends WatchOptions {
  logger: Logger;
  signal: AbortSignal;
  /** Between two looks; a minute. */
  everyMs?: number;
  /** The configuration may be replaced: what is in force now, and a promise for the next one. By default `config` for ever. */
  follow?: { config(): WatchOptions['config']; next(): Promise<void> };
  /** The watch has this policy. */
  configured?(policyHash: string): void;
  /** How long the watch may take to answer; 30 s. */
  answerMs?: number;
}

/**
 * Looks until the signal. What is temporary is an alarm in the log and tried again; OtherCloudError is final and rejects. Each
 * look is one read: history grows only where there is something to start.
 */
export async function keepWatch(options: KeepOptions): Promise<void> {
  const { client, config, logger, signal, everyMs = 60_000, answerMs = ANSWER_MS } = options;
  const handle = client.workflow.getHandle(watchId(config.cloud));
  const follow = options.follow ?? { config: () => config, next: () => new Promise<void>(() => undefined) };
  let failures = 0;
  let configured: string | null = null;
  while (!signal.aborted) {
    const changed = follow.next();
    try {
      const now = follow.config();
      const status = await statusOf(handle);
      if (configured !== now.policyHash || status !== 'RUNNING') {
        if (configured !== null && status !== 'RUNNING')
          logger.error(`ALARM: the watch of ${config.cloud} is ${status}; starting it again`);
        logger.info(`watch of ${config.cloud}: ${await startWatch({ ...options, config: now }, answerMs)}`);
        configured = now.policyHash;
        options.configured?.(configured);
      }
      if (failures > 0) logger.info(`the watch of ${config.cloud} is reached again`);
      failures = 0;
    } catch (error) {
      if (error instanceof OtherCloudError) throw error;
      failures++;
      const why = error instanceof Error ? error.message : String(error);
      logger.error(
        `ALARM: nobody watches ${config.cloud} for all this worker can tell, try ${failures}: ${why} ` +
          `(does a worker with the role workflow run? does Temporal answer?)`,
      );
    }
    // Quickly at first: at a common start the workflow role may be a second behind.
    const wait = failures > 0 ? Math.min(everyMs, 1_000 * 2 ** failures) : everyMs;
    const waited = new AbortController();
    const either = AbortSignal.any([signal, waited.signal]);
    await Promise.race([sleep(wait, undefined, { signal: either }).catch(() => undefined), changed]);
    waited.abort();
  }
}

async function statusOf(handle: WorkflowHandle): Promise<string> {
  return handle.describe().then(
    (d) => d.status.name,
    (error: unknown) => {
      if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND';
      throw error;
    },
  );
}
