// Which of the runs that the watch holds for open are closed: a terminated run cannot say so itself.
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { Finding, SweepInput } from './contract.ts';
import { linked } from './linked.ts';

const LIMIT_MS = 5_000;

/** The status of a run as Temporal names it, `NOT_FOUND` where it is gone. Rejects where the server does not answer. */
export interface OpenRuns {
  status(workflowId: string, runId: string, signal: AbortSignal): Promise<string>;
}

export const openRunsOf = (client: Client): OpenRuns => ({
  status: async (workflowId, runId, signal) => {
    const ask = (run?: string): Promise<string> =>
      client.withAbortSignal(signal, async () => {
        const { status } = await client.workflow.getHandle(workflowId, run).describe();
        return status.name;
      });
    try {
      const name = await ask(runId);
      // Continued as new: the incident goes on in the chain's latest run.
      return name === 'CONTINUED_AS_NEW' ? await ask() : name;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND';
      throw error;
    }
  },
});

/** Never rejects for a server that does not answer: it is asked again at the next turn. */
export async function closedRuns(runs: OpenRuns, open: SweepInput['open'], signal: AbortSignal): Promise<Finding[]> {
  const limit = linked(signal);
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  try {
    const asked = open.map(async ({ node, workflowId, runId }): Promise<Finding[]> => {
      const status = await runs.status(workflowId, runId, limit.signal).catch(() => 'RUNNING');
      return status === 'RUNNING' || status === 'PAUSED' ? [] : [{ kind: 'closed', node, runId, status }];
    });
    const found = await Promise.all(asked);
    signal.throwIfAborted();
    return found.flat();
  } finally {
    clearTimeout(timer);
    limit.end();
  }
}
