// The schedule on which the power devices are read (Temporal keeps the time, also when no worker runs). Workers with the role fencing see
// to it at their start: only they know whether there are devices.
import type { Client, ScheduleOptions } from '@temporalio/client';
import type { Logger } from '@temporalio/worker';
import { probesId, taskQueues, WORKFLOW_TYPES } from '../workflows/contract.ts';
import { devicesProbedSignal } from '../workflows/verbs.ts';
import type { Config } from './config.ts';
import { dropSchedule, keepTrying, putSchedule } from './schedules.ts';
import { WORKFLOW_TASK_TIMEOUT } from './temporal.ts';

export const PROBE_EVERY_MS = 3_600_000;

export interface ProbeScheduleOptions {
  client: Client;
  config: Pick<Config, 'cloud' | 'fencing' | 'timeScale'>;
}

/** Milliseconds between two rounds, scaled as every duration; null: no probes (`off`, or no device is configured). */
export function probeEveryMs({ fencing, timeScale }: ProbeScheduleOptions['config']): number | null {
  if (fencing.probeEvery === 'off' || fencing.levels.length === 0) return null;
  return Math.max(1_000, Math.round((fencing.probeEvery ?? PROBE_EVERY_MS) * timeScale));
}

/**
 * Creates the schedule, brings it up to this configuration, or removes it. Idempotent, also where several workers do it at once; a
 * schedule that a person paused stays paused. A new one begins with a round at once. Rejects where Temporal refuses.
 */
export async function ensureProbes({ client, config }: ProbeScheduleOptions): Promise<'created' | 'updated' | 'none'> {
  const scheduleId = probesId(config.cloud);
  const everyMs = probeEveryMs(config);
  if (everyMs === null) {
    // What it was told of broken devices is nobody's to end now.
    await dropSchedule(client, scheduleId, { cloud: config.cloud, signal: devicesProbedSignal });
    return 'none';
  }
  return putSchedule(client, scheduleId, optionsOf(config.cloud, everyMs), true);
}

function optionsOf(cloud: string, everyMs: number) {
  return {
    // Two clouds on one management network do not begin in the same second.
    spec: { intervals: [{ every: everyMs }], jitter: Math.min(everyMs / 10, 300_000) },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.probe,
      workflowId: probesId(cloud),
      taskQueue: taskQueues(cloud).workflow,
      workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
      args: [{ cloud, everyMs }],
      staticSummary: `reads the power devices of ${cloud}`,
    },
    // What was missed while Temporal was away is not made up for.
    policies: { overlap: 'SKIP', catchupWindow: Math.max(10_000, Math.min(everyMs, 60_000)) },
  } satisfies Pick<ScheduleOptions, 'spec' | 'action' | 'policies'>;
}

/** Until it is done or the signal: what Temporal refuses for now is said, and tried again. Never rejects. */
export const keepProbes = (
  options: ProbeScheduleOptions & { logger: Pick<Logger, 'info' | 'warn'>; signal: AbortSignal; againMs?: number },
): Promise<void> =>
  keepTrying(
    'the device probes',
    async () => {
      const done = await ensureProbes(options);
      const everyMs = probeEveryMs(options.config);
      return done === 'none'
        ? 'the power devices are not probed: off, or none is configured'
        : `the power devices are probed every ${Math.round((everyMs ?? 0) / 1_000)} s (schedule ${probesId(options.config.cloud)} ${done})`;
    },
    options,
  );
