// The activities as workflows call them: which queue, how long, how often again (values measured, see docs/temporal.md).
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { EvacuationActivities } from '../activities/evacuation/contract.ts';
import type { FencingActivities, GuardActivities } from '../activities/fencing/contract.ts';
import type { MonitoringActivities } from '../activities/monitoring/contract.ts';
import type { NotificationActivities } from '../activities/notification/contract.ts';
import { taskQueues } from './contract.ts';
import type { Timings } from './defaults.ts';

/** Errors that no repetition mends: the caller asks a person or ends. */
export const FINAL_ERRORS = ['ConfigError', 'UuidChanged', 'NotOurs', 'NotFound', 'Forbidden', 'RowMoved'];

const patient = {
  initialInterval: 500,
  backoffCoefficient: 2,
  maximumInterval: '30s',
  nonRetryableErrorTypes: FINAL_ERRORS,
} as const;
/** Another worker takes over after one missed heartbeat: seconds, not minutes. */
const takeover = { initialInterval: 250, backoffCoefficient: 1 } as const;

/** Reads and small writes on one queue: repeated until they work, unless the error is final. */
export function brief(cloud: string) {
  const q = taskQueues(cloud);
  const options = { startToCloseTimeout: '2m', heartbeatTimeout: '5s', retry: patient } as const;
  return {
    monitoring: proxyActivities<MonitoringActivities>({ ...options, taskQueue: q.monitoring }),
    openstack: proxyActivities<EvacuationActivities>({ ...options, taskQueue: q.openstack }),
    fencing: proxyActivities<FencingActivities>({ ...options, taskQueue: q.fencing }),
    guard: proxyActivities<GuardActivities>({ ...options, taskQueue: q.guard }),
    notification: proxyActivities<NotificationActivities>({ ...options, taskQueue: q.notification }),
  };
}

/** Does a worker poll this role's queue at all? One attempt; SCHEDULE_TO_START says no. */
export function readiness(cloud: string, readyMs: number) {
  const q = taskQueues(cloud);
  const options = {
    startToCloseTimeout: '10s',
    scheduleToStartTimeout: readyMs,
    retry: { maximumAttempts: 3 },
  } as const;
  return {
    evacuation: proxyActivities<EvacuationActivities>({ ...options, taskQueue: q.openstack }).readyOpenstack,
    fencing: proxyActivities<FencingActivities>({ ...options, taskQueue: q.fencing }).readyFencing,
    guard: proxyActivities<GuardActivities>({ ...options, taskQueue: q.guard }).readyGuard,
    notification: proxyActivities<NotificationActivities>({ ...options, taskQueue: q.notification }).readyNotification,
  };
}

/** For ever, with a heartbeat: its worker's death costs seconds and no history. */
export const sweeping = (cloud: string) =>
  proxyActivities<MonitoringActivities>({
    taskQueue: taskQueues(cloud).monitoring,
    startToCloseTimeout: '30d',
    scheduleToStartTimeout: '60s',
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: takeover,
  });

export const guarding = (cloud: string) =>
  proxyActivities<GuardActivities>({
    taskQueue: taskQueues(cloud).guard,
    startToCloseTimeout: '30d',
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: takeover,
  });

/** A fence that sat in the queue for longer than its evidence is good is thrown away: the workflow reads anew. */
export const fencing = (cloud: string, t: Timings) =>
  proxyActivities<FencingActivities>({
    taskQueue: taskQueues(cloud).fencing,
    startToCloseTimeout: t.powerStatusMs + t.powerOffMs + t.powerPollMs + t.powerHoldMs + 4 * t.powerStatusMs + 30_000,
    scheduleToStartTimeout: t.evidenceMaxAgeMs,
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...takeover, maximumAttempts: 5, nonRetryableErrorTypes: FINAL_ERRORS },
  });

/** For a memory dump's end: whoever waits has a limit of their own. */
export const awaiting = (cloud: string, leftMs: number) =>
  proxyActivities<FencingActivities>({
    taskQueue: taskQueues(cloud).fencing,
    startToCloseTimeout: leftMs + 60_000,
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: takeover,
  });

/** No schedule-to-close: an evacuation is never abandoned while Nova works on it. */
export const evacuating = (cloud: string) =>
  proxyActivities<EvacuationActivities>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '6h',
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 250, backoffCoefficient: 2, maximumInterval: '10s' },
  });

/** Once: whoever is not locked ahead is locked by its own activity. */
export const lockingAhead = (cloud: string) =>
  proxyActivities<EvacuationActivities>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '1m',
    heartbeatTimeout: '5s',
    retry: { maximumAttempts: 1 },
  });

export const findingRoom = (cloud: string) =>
  proxyActivities<EvacuationActivities>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '30d',
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: patient,
  });
