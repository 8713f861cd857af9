// A pause of the watch reaches every open run: all are told side by side, and one that does not answer holds up nobody.
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { pauseUpdate, resumeUpdate } from '../../workflows/verbs.ts';
import type { MonitoringActivities } from './contract.ts';
import { linked } from './linked.ts';
import { overAll } from './over-all.ts';
import { oneLine } from './sweep.ts';

type Input = Parameters<MonitoringActivities['tellRuns']>[0];
type Told = Awaited<ReturnType<MonitoringActivities['tellRuns']>>;

const WIDTH = 16;

/**
 * Sends the update to each run, `limitMs` each. Rejects only when the signal aborts. `key` makes a repeat the same update. A run that
 * is closed needs no telling: nothing new begins there.
 */
export function tellRuns(
  client: Client,
  input: Input,
  key: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<Told> {
  const update = input.verb === 'pause' ? pauseUpdate : resumeUpdate;
  const { by, reason } = input;
  return overAll(input.workflowIds, WIDTH, async (workflowId) => {
    const limit = linked(signal);
    const timer = setTimeout(() => limit.abort(), limitMs);
    try {
      const answer = await client.withAbortSignal(limit.signal, () =>
        client.workflow.getHandle(workflowId).executeUpdate(update, { args: [{ by, reason }], updateId: key }),
      );
      return { workflowId, answer, acknowledged: true };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WorkflowNotFoundError)
        return { workflowId, answer: 'it is closed: nothing new begins there', acknowledged: true };
      if (limit.signal.aborted)
        return { workflowId, answer: `no answer within ${Math.round(limitMs / 1_000)} s`, acknowledged: false };
      const why = error instanceof WorkflowUpdateFailedError ? error.cause : error;
      return { workflowId, answer: oneLine(why), acknowledged: false };
    } finally {
      clearTimeout(timer);
      limit.end();
    }
  });
}
