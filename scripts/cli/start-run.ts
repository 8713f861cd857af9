// Starts an operation on a node, or finds the one that is open: the workflow id is the node, so there is at most one.
import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { nodeWorkflowId, taskQueues } from '../../workflows/contract.ts';
import { WORKFLOW_TASK_TIMEOUT } from '../../workers/temporal.ts';
import { describe, type Temporal } from './temporal.ts';

export interface Opened {
  /** Of this very run. */
  handle: WorkflowHandle;
  runId: string;
  workflowId: string;
  started: boolean;
  running: boolean;
  /** Workflow type of the run that is open: another one where `started` is false. */
  type: string;
}

/** One start at most: a run that closes between the refusal and our look is started anew, a few times. */
export async function openRun(
  temporal: Temporal,
  { node, type, input, summary }: { node: string; type: string; input: object; summary: string },
): Promise<Opened> {
  const { client, config } = temporal;
  const workflowId = nodeWorkflowId(config.cloud, node);
  for (let tries = 1; ; tries++) {
    try {
      const handle = await client.workflow.start(type, {
        workflowId,
        taskQueue: taskQueues(config.cloud).workflow,
        args: [input],
        workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
        staticSummary: summary,
      });
      const runId = handle.firstExecutionRunId;
      return {
        handle: client.workflow.getHandle(workflowId, runId),
        runId,
        workflowId,
        started: true,
        running: true,
        type,
      };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || tries === 3) throw error;
    }
    const open = await openNow(temporal, workflowId);
    if (open) return open;
  }
}

/** The run that is open under this id now; null where none is. */
export async function openNow(temporal: Temporal, workflowId: string): Promise<Opened | null> {
  const last = await lastRun(temporal, workflowId);
  return last?.running ? last : null;
}

/** The last run under this id, also one that has ended; null where there never was one. */
export async function lastRun(temporal: Temporal, workflowId: string): Promise<Opened | null> {
  const { workflow } = temporal.client;
  const found = await describe(workflow.getHandle(workflowId));
  if (!found) return null;
  const { runId, type } = found;
  const running = found.status.name === 'RUNNING';
  return { handle: workflow.getHandle(workflowId, runId), runId, workflowId, started: false, running, type };
}
