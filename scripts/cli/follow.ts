// Follows a run until its end, as a person would by looking each second. The run needs nobody who looks: Ctrl-C ends the looking.
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { QueryDefinition } from '@temporalio/common';
import { taskQueues } from '../../workflows/contract.ts';
import { EXIT, Unreachable } from './command.ts';
import type { Feed } from './print.ts';
import { ANSWER_MS, ask, describe, isGone, startHint, type Temporal } from './temporal.ts';

const EVERY_MS = 1_000;
/** Temporal may be away for a while; the run is not. */
const AWAY_MS = 60_000;

export interface Following<S> {
  temporal: Temporal;
  /** Of one run: with its run id. */
  handle: WorkflowHandle;
  query: QueryDefinition<S>;
  feed: Feed;
  /** Called with every answer. */
  onState(state: S): void;
  /** How long nobody may answer; 10 s. */
  patienceMs?: number;
}

/**
 * Resolves with the run's result. Rejects with Unreachable where no worker answers at all within 10 s, or Temporal is away for a
 * minute; with one line where the run was terminated or failed. Silence in between is said once and waited out.
 */
export async function follow<S, R>(following: Following<S>): Promise<R> {
  const { temporal, handle, query, feed, onState, patienceMs = ANSWER_MS } = following;
  let answered = false;
  let heardAt = performance.now();
  let silent = false;
  let awaySince: number | null = null;
  for (;;) {
    try {
      const [state, run] = await Promise.all([ask(temporal, handle, query, patienceMs), describe(handle)]);
      if (awaySince !== null) feed.line('Temporal answers again');
      awaySince = null;
      if (run?.status.name !== 'RUNNING') break;
      if (state !== null) {
        if (silent) feed.line('a worker answers again');
        [answered, silent, heardAt] = [true, false, performance.now()];
        onState(state);
      } else if (performance.now() - heardAt >= patienceMs) {
        const { config } = temporal;
        const said = `no worker polls ${taskQueues(config.cloud).workflow}: the run ${handle.workflowId} is open and goes on when one does (${startHint(config, 'workflow')})`;
        if (!answered) throw new Unreachable(said);
        if (!silent) feed.line(said);
        silent = true;
      }
    } catch (error) {
      if (!isGone(error)) throw error;
      if (awaySince === null) feed.line('Temporal does not answer; the run needs it only to take its next step');
      awaySince ??= performance.now();
      if (performance.now() - awaySince > AWAY_MS)
        throw new Unreachable(`Temporal does not answer: the run ${handle.workflowId} goes on when it does`);
    }
    await sleep(EVERY_MS);
  }
  feed.end();
  return (await handle.result().catch((error: unknown) => {
    throw new Error(`the run ${handle.workflowId} did not end by itself: ${whyEnded(error)}`);
  })) as R;
}

function whyEnded(error: unknown): string {
  if (error instanceof WorkflowFailedError) return error.cause?.message ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

/** Ctrl-C and SIGTERM end the looking, and say so. */
export function detachable(feed: Feed, workflowId: () => string): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      feed.end();
      feed.line(`detached: ${workflowId()} goes on without you`);
      process.exit(EXIT.interrupted);
    });
  }
}
