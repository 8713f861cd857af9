// How many evacuations this run may have in flight, as the watch says. It never cancels one that runs: a smaller share is kept
// by starting none until enough have ended, and the watch gives the rest to others only after it heard so.
import { getExternalWorkflowHandle, log } from '@temporalio/workflow';
import { watchId } from '../contract.ts';
import { widthKeptSignal } from '../verbs.ts';
import type { Run } from './run.ts';

export function takeWidth(run: Run, { width, told }: { width: number; told?: number }): void {
  // Every word is answered: an answer to the one before may have crossed it, and counts no more.
  run.owes = told ?? null;
  run.width = width;
  keepWidth(run);
}

/** Called whenever less may be in flight. Tells the watch once for each share that it was told. */
export function keepWidth(run: Run): void {
  if (run.owes === null || run.moving.size > run.width) return;
  const told = run.owes;
  run.owes = null;
  void getExternalWorkflowHandle(watchId(run.cloud))
    .signal(widthKeptSignal, { node: run.node.host, runId: run.runId, told })
    .catch((e: unknown) => log.warn('the watch was not told that the smaller share is kept', { error: String(e) }));
}
