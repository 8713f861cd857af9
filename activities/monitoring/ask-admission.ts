// A run asks the watch whether it may act. An update with start: answers are serial, and no recovery needs a running watch first.
import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { WORKFLOW_TYPES, taskQueues, watchId } from '../../workflows/contract.ts';
import type { Admission, AdmissionRequest, WatchInput } from '../../workflows/contract.ts';
import { admitUpdate } from '../../workflows/verbs.ts';

export interface WatchStart {
  input: WatchInput;
  /** The Keystone URL and the region, so that two clouds are never taken for one. */
  memo: Record<string, unknown>;
  workflowTaskTimeoutMs: number;
}

/**
 * Starts the watch where none runs. `updateId` is the same for every attempt of one question, so that a lost answer is asked for
 * again and not decided twice. Rejects where the server or the watch does not answer until the signal aborts.
 */
export async function askAdmission(
  client: Client,
  watch: WatchStart,
  request: AdmissionRequest,
  updateId: string,
  signal: AbortSignal,
): Promise<Admission> {
  const { cloud } = request;
  if (cloud !== watch.input.cloud)
    throw new Error(
      `admission of ${request.node}: asked for cloud ${cloud}, but this worker watches ${watch.input.cloud}`,
    );
  const startWorkflowOperation = new WithStartWorkflowOperation(WORKFLOW_TYPES.watch, {
    workflowId: watchId(cloud),
    taskQueue: taskQueues(cloud).workflow,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowTaskTimeout: watch.workflowTaskTimeoutMs,
    memo: watch.memo,
    args: [watch.input],
  });
  return client.withAbortSignal(signal, () =>
    client.workflow.executeUpdateWithStart(admitUpdate, { startWorkflowOperation, args: [request], updateId }),
  );
}
