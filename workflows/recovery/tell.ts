// Notices to people: child workflows of their own, abandoned, so that no mail server ever delays or fails a recovery.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, log, startChild } from '@temporalio/workflow';
import { noticeId, taskQueues, WORKFLOW_TYPES, type Notice, type Stage } from '../contract.ts';
import { granted, nowIso, type Run } from './run.ts';

/**
 * Starts the child that tells people, and waits only for its start (or it would never exist). The same name twice tells once.
 * `name` makes the child's id and the Message-IDs: `started`, `blocked-fence-2`.
 */
export async function sendNotice(workflowId: string, runId: string, name: string, notice: Notice): Promise<void> {
  try {
    await startChild(WORKFLOW_TYPES.tell, {
      workflowId: noticeId(workflowId, runId, name),
      taskQueue: taskQueues(notice.cloud).workflow,
      args: [notice],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${notice.stage} → ${notice.audience}: ${notice.headline}`.slice(0, 200),
    });
  } catch (e) {
    if (!(e instanceof WorkflowExecutionAlreadyStartedError))
      log.error('notice not started', { name, error: String(e) });
  }
}

/** A notice about this run. */
export async function tell(
  run: Run,
  name: string,
  about: {
    stage: Stage;
    audience: Notice['audience'];
    headline: string;
    lines?: string[];
    instances?: Notice['instances'];
  } & Partial<Pick<Notice, 'question' | 'report'>>,
): Promise<void> {
  await sendNotice(run.workflowId, run.runId, name, {
    cloud: run.cloud,
    node: run.node.host,
    key: `${run.runId}.${name}`,
    observedAt: nowIso(),
    since: silentSince(run),
    lines: [],
    question: null,
    instances: [],
    report: null,
    run: { workflowId: run.workflowId, runId: run.runId },
    tellNodeNames: granted(run).policy.tellNodeNames,
    ...about,
  });
}

/** When the node was last heard of, as the evidence tells. */
function silentSince(run: Run): string | null {
  const g = run.grant;
  return g ? new Date(Date.parse(g.at) - g.silentMs).toISOString() : null;
}
