// How a command speaks to Temporal: everything within a time limit, and who does not answer is named.
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client, Connection, WorkflowHandle } from '@temporalio/client';
import type { QueryDefinition } from '@temporalio/common';
import type { Config } from '../../workers/config.ts';
import { connectClient, temporalSettings } from '../../workers/temporal.ts';
import { taskQueues, type Role } from '../../workflows/contract.ts';
import { Unreachable, UsageError } from './command.ts';

export interface Temporal {
  client: Client;
  connection: Connection;
  namespace: string;
  address: string;
  config: Config;
}

const CONNECT_MS = 10_000;
/** What a person waits for a worker's answer. */
export const ANSWER_MS = 10_000;
const grpc = { deadlineExceeded: 4, failedPrecondition: 9, unavailable: 14 };

/** Connects, runs, closes. Rejects with UsageError or Unreachable, one line each, within 10 s. */
export async function withTemporal<T>(config: Config, use: (temporal: Temporal) => Promise<T>): Promise<T> {
  const settings = settingsOf(config);
  const address = settings.options.address ?? '';
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const why = `Cannot reach Temporal at ${address}: no answer within ${CONNECT_MS / 1_000} s (set TEMPORAL_ADDRESS)`;
    timer = setTimeout(() => reject(new Unreachable(why)), CONNECT_MS);
  });
  const connecting = connectClient(settings).catch((error: unknown) => {
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  });
  const { client, connection, namespace } = await Promise.race([connecting, late]).finally(() => clearTimeout(timer));
  try {
    return await use({ client, connection, namespace, address, config });
  } finally {
    await connection.close();
  }
}

export function settingsOf(config: Config): ReturnType<typeof temporalSettings> {
  try {
    return temporalSettings(config.temporal);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The run's page, where the configuration tells the address of the Temporal UI. */
export function pageOf({ config, namespace }: Temporal, workflowId: string, runId: string): string | null {
  const path = ['namespaces', namespace, 'workflows', workflowId, runId, 'history'].map(encodeURIComponent);
  return config.console ? `${config.console}/${path.join('/')}` : null;
}

/** For a line that people read: its page, or what to look for where the UI's address is not known. */
export const whereOf = (temporal: Temporal, { workflowId, runId }: { workflowId: string; runId: string }): string =>
  pageOf(temporal, workflowId, runId) ?? `workflow ${workflowId}, run ${runId}`;

/** Asks a workflow within `limitMs`. Null: no worker answered. Rejects where the workflow does not exist or Temporal is gone. */
export async function ask<T>(
  { client }: Temporal,
  handle: WorkflowHandle,
  query: QueryDefinition<T>,
  limitMs = ANSWER_MS,
): Promise<T | null> {
  try {
    return await client.withDeadline(Date.now() + limitMs, () => handle.query(query));
  } catch (error) {
    if (isGrpc(error, grpc.deadlineExceeded, grpc.failedPrecondition)) return null;
    throw error;
  }
}

/** Null: there is no such workflow. */
export async function describe(
  handle: WorkflowHandle,
): Promise<Awaited<ReturnType<WorkflowHandle['describe']>> | null> {
  return handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  });
}

export const isGone = (error: unknown): boolean => isGrpc(error, grpc.unavailable, grpc.deadlineExceeded);

function isGrpc(error: unknown, ...codes: number[]): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (isGrpcServiceError(e)) return codes.includes(e.code);
  return false;
}

// --- who polls --------------------------------------------------------------------------------------------------------

type Queue = keyof ReturnType<typeof taskQueues>;

export const ROLE_OF: Record<Queue, Role> = {
  workflow: 'workflow',
  monitoring: 'monitor',
  openstack: 'evacuation',
  fencing: 'fencing',
  guard: 'fencing',
  notification: 'notification',
};

export interface Polled {
  queue: Queue;
  name: string;
  role: Role;
  /** Who asked for work lately. */
  workers: string[];
  /** Also those that asked within the last minutes and may be gone. */
  seen: number;
}

/** A worker that lives asks again at least each minute. */
const POLL_MS = 90_000;
/** temporal.api.enums.v1.TaskQueueType */
const TYPE = { workflow: 1, activity: 2 };

/** Who polls a queue of this cloud. The server forgets a worker five minutes after its last poll. */
export async function pollersOf(temporal: Temporal, queue: Queue): Promise<Polled> {
  const { connection, namespace, config } = temporal;
  const name = taskQueues(config.cloud)[queue];
  const taskQueueType = queue === 'workflow' ? TYPE.workflow : TYPE.activity;
  const { pollers } = await connection.withDeadline(Date.now() + ANSWER_MS, () =>
    connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
  );
  const all = (pollers ?? []).map((p) => ({ identity: p.identity ?? '', at: millis(p.lastAccessTime) ?? 0 }));
  const workers = all.filter(({ at }) => Date.now() - at < POLL_MS).map(({ identity }) => identity);
  return { queue, name, role: ROLE_OF[queue], workers: [...new Set(workers)], seen: all.length };
}

/** How a person starts what is missing. */
export const startHint = (config: Config, role: Role): string =>
  `start one: npm start -- --config ${config.file} --role ${role}`;

/**
 * Before anything is started: a run that nobody works on would begin at an hour that nobody chose. Rejects with Unreachable where a
 * queue was polled by nobody for minutes.
 */
export async function workersThere(temporal: Temporal, queues: readonly Queue[], what: string): Promise<void> {
  const missing = (await Promise.all(queues.map((queue) => pollersOf(temporal, queue)))).filter((p) => p.seen === 0);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(', ');
  throw new Unreachable(`no worker polls ${names}: ${what} (${startHint(temporal.config, missing[0]!.role)})`);
}

/** Milliseconds since the epoch of a protobuf Timestamp. */
export function millis(
  ts: { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined,
): number | null {
  return ts ? Number(String(ts.seconds ?? 0)) * 1_000 + (ts.nanos ?? 0) / 1e6 : null;
}
