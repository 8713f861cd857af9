// The line from an activity to the run that it works for: asks for permission, tells what the guard reads.
import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { guardSawSignal, mayFenceQuery } from '../../workflows/verbs.ts';

export interface RunRef {
  workflowId: string;
  runId: string;
}

export interface GuardSight {
  epoch: number;
  seeing: 'off' | 'blind';
  saw: string;
  readAt: string;
}

/** How an activity reaches its run. Tests give another. */
export interface RunLine {
  /** Never rejects: a run that is gone or does not answer in time says no. The answer is good for `limitMs` from now. */
  mayFence(run: RunRef, level: string, limitMs: number): Promise<{ ok: boolean; why: string }>;
  /** `gone`: the run is closed. Rejects when the server cannot be reached; say it again then. */
  guardSaw(run: RunRef, sight: GuardSight): Promise<'told' | 'gone'>;
}

/** A worker that died keeps its sticky queue for seconds: the first question may be lost there. */
const TRIES = 3;
const SIGNAL_LIMIT_MS = 5_000;

/** Through the Client of the activity's own worker. */
export const temporalRunLine: RunLine = {
  async mayFence({ workflowId, runId }, level, limitMs) {
    const client = getClient();
    const handle = client.workflow.getHandle(workflowId, runId);
    let why = '';
    for (let n = 0; n < TRIES; n++) {
      try {
        return await client.withDeadline(Date.now() + limitMs, () => handle.query(mayFenceQuery, { level }));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { ok: false, why: 'the run is gone' };
        why = error instanceof Error ? error.message : String(error);
      }
    }
    return { ok: false, why: `the run does not answer whether it may be fenced (${why})` };
  },
  async guardSaw({ workflowId, runId }, sight) {
    const client = getClient();
    const handle = client.workflow.getHandle(workflowId, runId);
    try {
      await client.withDeadline(Date.now() + SIGNAL_LIMIT_MS, () => handle.signal(guardSawSignal, sight));
      return 'told';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'gone';
      throw error;
    }
  },
};
