// Temporal's schedules as workers keep them: created, brought up to the configuration, or removed, by however many workers at once.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowNotFoundError,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { Logger } from '@temporalio/worker';
import { watchId } from '../workflows/contract.ts';

export type Wanted = Pick<ScheduleOptions, 'spec' | 'action' | 'policies'> & {
  action: { type: 'startWorkflow' };
  spec: object;
};

/** Idempotent. A schedule that a person paused stays paused. `atOnce`: a new one begins with a round. Rejects where Temporal refuses. */
export async function putSchedule(
  client: Client,
  scheduleId: string,
  wanted: Wanted,
  atOnce: boolean,
): Promise<'created' | 'updated'> {
  try {
    await client.schedule.create({ scheduleId, ...wanted, state: { triggerImmediately: atOnce } });
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...wanted, state }));
  return 'updated';
}

/** Where there was one, the watch forgets what its rounds found: nobody would ever end or compare it. No watch: nothing is remembered. */
export async function dropSchedule<T>(
  client: Client,
  scheduleId: string,
  { cloud, signal }: { cloud: string; signal: SignalDefinition<[T | null]> },
): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return;
    throw error;
  }
  const watch = client.workflow.getHandle(watchId(cloud));
  await watch.signal(signal, null).catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}

/** Until it is done or the signal: what Temporal refuses for now is said, and tried again. Never rejects. */
export async function keepTrying(
  what: string,
  work: () => Promise<string>,
  how: { logger: Pick<Logger, 'info' | 'warn'>; signal: AbortSignal; againMs?: number },
): Promise<void> {
  const { logger, signal, againMs = 60_000 } = how;
  while (!signal.aborted) {
    try {
      logger.info(await work());
      return;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn(`the schedule of ${what} cannot be written: ${why} (does the namespace allow schedules?)`);
    }
    await sleep(againMs, undefined, { signal }).catch(() => undefined);
  }
}
