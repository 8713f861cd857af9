// How a verb says no: one sentence that says what to type instead. The Temporal UI shows it as it is.
import { ApplicationFailure } from '@temporalio/workflow';
import type { By } from './contract.ts';

export function refuse(why: string): never {
  const failure = ApplicationFailure.nonRetryable(why, 'Refused');
  // The UI shows the stack below the sentence: nobody at 3 a.m. needs our line numbers.
  failure.stack = '';
  throw failure;
}

/** Every verb is one JSON object that says who. */
export function checkWho(verb: string, x: By | undefined): void {
  if (typeof x !== 'object' || x === null || typeof x.by !== 'string' || x.by.trim() === '')
    refuse(`${verb}: "by" is missing: who are you? (send {"by":"your name","reason":"…"})`);
}
