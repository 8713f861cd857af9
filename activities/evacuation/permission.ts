// Asks the run right before a POST whether it may still be sent: an attempt may have sat in a queue or in its horizon while
// the guard or a person said stop.
import { getClient } from '@temporalio/activity';
import { mayPostQuery } from '../../workflows/verbs.ts';

export interface Question {
  workflowId: string;
  runId: string;
  instance: string;
  /** Which attempt asks: one that was given up (its machine slept) is told no. */
  activityId: string;
  attempt: number;
  timeoutMs: number;
}

/** Rejects when there is no answer in time, which means no. */
export type Ask = (question: Question) => Promise<{ ok: boolean; why: string }>;

/** The query `mayPost`, and the server's word that this attempt is the current one. */
export const askRun: Ask = (q) => {
  const client = getClient();
  const run = client.workflow.getHandle(q.workflowId, q.runId);
  return client.withDeadline(Date.now() + q.timeoutMs, async () => {
    const [answer, described] = await Promise.all([run.query(mayPostQuery, { instance: q.instance }), run.describe()]);
    if (!answer.ok) return answer;
    const current = described.raw.pendingActivities?.find((p) => p.activityId === q.activityId);
    if (!current) return { ok: false, why: 'the run does not wait for this activity any more' };
    if (current.attempt !== q.attempt) return { ok: false, why: 'another attempt took over' };
    return answer;
  });
};
