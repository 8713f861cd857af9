// The activities of a drain, as its workflow calls them.
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { DrainActivities } from '../../activities/evacuation/drain-contract.ts';
import { taskQueues } from '../contract.ts';
import { FINAL_ERRORS } from '../proxies.ts';

/** Reads and the one write: repeated until they work, unless the error is final. */
export const drains = (cloud: string) =>
  proxyActivities<DrainActivities>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '2m',
    heartbeatTimeout: '2m',
    retry: {
      ...{ initialInterval: 500, backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: 5 },
      nonRetryableErrorTypes: FINAL_ERRORS,
    },
  });

/** A live migration takes as long as the guest's memory needs. A cancel ends the watching, not the migration. */
export const migrating = (cloud: string) =>
  proxyActivities<DrainActivities>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '24h',
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 250, backoffCoefficient: 2, maximumInterval: '10s' },
  });
