// A question to a person: asked once, shown in the console, mailed to the admins, and repeated until it is answered (L10).
import { condition, patched } from '@temporalio/workflow';
import type { Question } from '../contract.ts';
import { reminderAfter } from '../policy.ts';
import { show } from './console.ts';
import { granted, nowIso, type Run } from './run.ts';
import { tell } from './tell.ts';

/** Opens the question, or brings an open one's text up to date. Its reminders go on by themselves until `settle`. */
export function raise(
  run: Run,
  key: string,
  q: Omit<Question, 'since'>,
  stage: 'blocked' | 'approval' = 'blocked',
): void {
  const open = run.questions.get(key);
  if (open) {
    open.question = { ...q, since: open.question.since };
    show(run);
    return;
  }
  run.questions.set(key, { key, question: { ...q, since: nowIso() }, reminded: 0 });
  show(run);
  void remind(run, key, stage, timesAsked(run, key));
}

/** Raised again soon it is the same question, which was mailed already; later it is a new one. */
function timesAsked(run: Run, key: string): number {
  const before = run.asked.get(key);
  const soon = before && run.grant && Date.now() - before.at < run.grant.policy.timings.delayedAfterMs;
  const times = (before?.times ?? 0) + (soon ? 0 : 1);
  run.asked.set(key, { times, at: Date.now() });
  return times;
}

/** What `run.retries` is compared with: a retry that came while a try was under way is for the next one, which then does not wait. */
export const retriesHeard = (run: Run, before: number): number =>
  run.retries !== before && patched('retry-while-trying') ? before : run.retries;

export function settle(run: Run, key: string): void {
  if (run.questions.delete(key)) show(run);
}

/** The timers of this loop are the labelled bars on the timeline: what the run waits for. */
async function remind(run: Run, key: string, stage: 'blocked' | 'approval', times: number): Promise<void> {
  const mine = run.questions.get(key);
  const open = (): boolean => run.questions.get(key) === mine;
  const opened = run.decisions.length;
  for (let n = 0; ; n++) {
    const after = reminderAfter(granted(run).policy.timings.reminderMs, n);
    const summary = `waits for a person (see User Metadata): ${mine?.question.what ?? key}`.slice(0, 180);
    if (after > 0 && (await condition(() => !open(), after, { summary }))) return;
    if (!mine || !open()) return;
    mine.reminded = n + 1;
    await tell(run, `${stage}-${key}${times > 1 ? times : ''}-${opened}-${n}`, {
      stage,
      audience: 'admins',
      headline: n === 0 ? mine.question.what : `still waiting (${n + 1}): ${mine.question.what}`,
      question: mine.question,
    });
  }
}
