// What could not be asked of Nova is tried again, later each time, and a person is told where it lasts: a run that only repeats itself
// fills its history in silence. It goes on by itself as soon as nothing says no any more.
import { patched } from '@temporalio/workflow';
import type { EvacuateResult } from '../../activities/evacuation/contract.ts';
import { raise, settle } from './question.ts';
import { granted, holdsBackPost, noteDecision, type Pending, type Run } from './run.ts';

/** When this one may try again. What the run itself holds back (a pause, the guard) counts as nothing. */
export function refused(run: Run, p: Pending, r: Extract<EvacuateResult, { kind: 'notPosted' }>): void {
  const t = granted(run).policy.timings;
  const now = Date.now();
  p.notBefore = now + t.permissionMs;
  if (holdsBackPost(run) !== null) return;
  if (!p.refused) {
    p.refused = { times: 1, since: now, why: r.why };
    return;
  }
  if (!patched('refused-later')) return;
  const times = p.refused.times + 1;
  p.refused = { ...p.refused, times, why: r.why };
  p.notBefore = now + Math.min(t.permissionMs * 2 ** Math.min(times - 1, 16), t.roomEveryMs);
  if (r.movedTo !== undefined) judgeRow(run, r.movedTo, now);
}

/**
 * A report that was on its way when the node died, or a person's edit, moves the row once. One that then stands still for two report
 * intervals, with the power read as off all the time, is a dead node's. A second move is the guard's to see.
 */
function judgeRow(run: Run, movedTo: string | null, now: number): void {
  const seen = run.rowMoved;
  if (!seen || seen.updatedAt !== movedTo) {
    run.rowMoved = { updatedAt: movedTo, since: now };
    return;
  }
  if (now - seen.since < 2 * granted(run).policy.timings.reportIntervalMs) return;
  run.updatedAt = movedTo;
  run.rowMoved = null;
  noteDecision(
    run,
    'lifeboat',
    'goes on',
    `the row of ${run.node.host} moved once after it was marked, and stands still`,
  );
  for (const p of run.pending.values()) if (p.refused) Object.assign(p, { refused: undefined, notBefore: now });
}

/** Asks a person where Nova, the row or Temporal have said no for longer than any of them takes to recover from a hiccup. */
export function askAboutRefused(run: Run): void {
  const { horizonMs } = granted(run).policy.timings;
  const all = [...run.pending.values()].flatMap((p) => p.refused ?? []);
  const first = all.find((r) => r.times > 1 && Date.now() - r.since >= horizonMs);
  if (!first || run.stop) return settle(run, 'posting');
  raise(run, 'posting', {
    what: `${all.length} instances of ${run.node.host} cannot be evacuated now: ${first.why}`,
    answers: [
      { verb: 'retry', json: '{"by":"your name"}', means: 'try again now (it also does so by itself)' },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'leave them on the node, which stays off' },
    ],
    commands: [`openstack compute service list --host ${run.node.host} --long`],
  });
}
