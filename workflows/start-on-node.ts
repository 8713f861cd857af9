// Starts the operation on a node under the node's own id: the id is the lock, so at most one is open.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild, type ChildWorkflowHandle, type Workflow } from '@temporalio/workflow';

/** Abandoned: it outlives its starter. Null: an operation on this node is open already. */
export async function startOnNode(
  type: string,
  workflowId: string,
  input: object,
  staticSummary?: string,
): Promise<ChildWorkflowHandle<Workflow> | null> {
  try {
    return await startChild(type, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowTaskTimeout: '5s',
      ...(staticSummary === undefined ? {} : { staticSummary }),
    });
  } catch (e) {
    if (!(e instanceof WorkflowExecutionAlreadyStartedError)) throw e;
    return null;
  }
}
