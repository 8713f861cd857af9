// Pause, resume and abort of a run. Their answers name what was sent before: a permission that was given cannot be taken back.
import { setHandler, sleep } from '@temporalio/workflow';
import type { By } from '../contract.ts';
import * as verbs from '../verbs.ts';
import { DESCRIPTIONS } from '../verbs.ts';
import { refuse } from '../refuse.ts';
import { show } from './console.ts';
import { granted, noteDecision, nowIso, stopped, type Run } from './run.ts';

/** What may have been sent before a stop was acknowledged: a permission is good for `permissionMs`. */
async function sentBefore(run: Run): Promise<string> {
  if (run.grant) await sleep(granted(run).policy.timings.permissionMs, { summary: 'permissions given before run out' });
  const names = [...run.moving].map((id) => run.pending.get(id)?.plan.name ?? id);
  const fence = run.fencingLevel
    ? ` The fence of ${run.node.host} (level ${run.fencingLevel}) may have been sent.`
    : '';
  const again = run.proof ? ` Should ${run.node.host} come back while evacuations are open, it is fenced again.` : '';
  return (
    (names.length > 0 ? `Sent before and watched to the end: ${names.join(', ')}.` : 'Nothing was in flight.') +
    fence +
    again
  );
}

export function installStops(run: Run, check: (verb: string, x: By | undefined) => void): void {
  setHandler(
    verbs.pauseUpdate,
    async ({ by, reason }) => {
      if (!run.paused) noteDecision(run, by, 'paused', reason);
      const already = run.paused ? ` already by ${run.paused.by}` : '';
      run.paused ??= { by, reason: reason ?? '', at: nowIso() };
      show(run);
      return `paused${already}: nothing new begins. ${await sentBefore(run)}`;
    },
    { description: DESCRIPTIONS.pauseUpdate, validator: (x) => check('pause', x) },
  );
  setHandler(
    verbs.resumeUpdate,
    ({ by, reason }) => {
      if (!run.paused) return 'it was not paused';
      run.paused = null;
      noteDecision(run, by, 'resumed', reason);
      show(run);
      return 'goes on';
    },
    { description: DESCRIPTIONS.resumeUpdate, validator: (x) => check('resume', x) },
  );
  setHandler(
    verbs.abortUpdate,
    async ({ by, reason }) => {
      const already = run.stop ? ` already by ${run.stop.by}` : '';
      stopRun(run, by, reason ?? '');
      return `aborted${already}: nothing new begins. ${await sentBefore(run)}`;
    },
    {
      description: DESCRIPTIONS.abortUpdate,
      validator: (x) => {
        check('abort', x);
        if (run.stop?.outcome === 'detached') refuse(`abort: ${stopped(run.stop)}`);
      },
    },
  );
}

/** Idempotent; also what a cancel in the console means. */
export function stopRun(run: Run, by: string, reason: string): void {
  if (run.stop) return;
  run.stop = { by, reason };
  noteDecision(run, by, 'aborted', reason);
  show(run);
}
