// The schedule on which the whole fleet is drilled (docs/commands.md). Workers with the role monitor see to it: their file is the policy.
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/worker';
import { drillsId, taskQueues, WORKFLOW_TYPES } from '../workflows/contract.ts';
import { drilledSignal } from '../workflows/verbs.ts';
import type { Config } from './config.ts';
import { dropSchedule, keepTrying, putSchedule } from './schedules.ts';
import { WORKFLOW_TASK_TIMEOUT } from './temporal.ts';

export interface DrillScheduleOptions {
  client: Client;
  config: Pick<Config, 'cloud' | 'drill' | 'timeScale'>;
}

/** Of a fleet of a thousand nodes a round takes minutes. */
const LIMIT_MS = 2 * 3_600_000;
/** Temporal was away at the time of the day: within so long it is made up for. */
const CATCH_UP_MS = 600_000;

/** Creates the schedule, brings it up to this configuration, or removes it. Idempotent. Rejects where Temporal refuses. */
export async function ensureDrill({ client, config }: DrillScheduleOptions): Promise<'created' | 'updated' | 'none'> {
  const { cloud, drill, timeScale } = config;
  if (!drill) {
    // Drilled again some day, it begins anew.
    await dropSchedule(client, drillsId(cloud), { cloud, signal: drilledSignal });
    return 'none';
  }
  const everyMs = drill.every === undefined ? null : Math.max(1_000, Math.round(drill.every * timeScale));
  const limitMs = Math.min(LIMIT_MS, everyMs ?? LIMIT_MS);
  const wanted = {
    spec: everyMs === null ? daily(drill.at!, drill.timeZone) : { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.drillRound,
      workflowId: drillsId(cloud),
      taskQueue: taskQueues(cloud).workflow,
      workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
      args: [{ cloud, survive: drill.survive, limitMs }],
      staticSummary: `what if any node of ${cloud} died now?`,
    },
    policies: { overlap: 'SKIP', catchupWindow: CATCH_UP_MS },
  } as const;
  return putSchedule(client, drillsId(cloud), wanted, everyMs !== null);
}

function daily(at: string, timezone: string) {
  const [hour, minute] = at.split(':').map(Number) as [number, number];
  return { calendars: [{ hour, minute }], timezone };
}

/** How it is said to people. */
export const drillTimes = ({ drill }: Pick<Config, 'drill'>): string =>
  !drill
    ? 'never'
    : drill.at !== undefined
      ? `daily at ${drill.at} ${drill.timeZone}`
      : `every ${drill.every! / 60_000} min`;

/** Until it is done or the signal. Never rejects. */
export const keepDrill = (
  options: DrillScheduleOptions & { logger: Pick<Logger, 'info' | 'warn'>; signal: AbortSignal; againMs?: number },
): Promise<void> =>
  keepTrying(
    'the drill',
    async () => {
      const done = await ensureDrill(options);
      const { config } = options;
      return done === 'none'
        ? 'the fleet is not drilled on a schedule: drill is not configured'
        : `the fleet is drilled ${drillTimes(config)} (schedule ${drillsId(config.cloud)} ${done})`;
    },
    options,
  );
