// A run blocks, it does not fail: an activity that no repetition mends becomes a question, and is tried again when a person
// says so (and slowly by itself).
import { ActivityFailure, condition, isCancellation } from '@temporalio/workflow';
import { Ending, unlessStopped } from './admission.ts';
import { slowly } from '../policy.ts';
import { unlessDetached } from './detach.ts';
import { raise, retriesHeard, settle } from './question.ts';
import { granted, type Run } from './run.ts';

/** The one line an activity's failure came with. */
export function whyFailed(e: unknown): string {
  if (e instanceof ActivityFailure) return e.cause?.message ?? e.message;
  return e instanceof Error ? e.message : String(e);
}

function gone(run: Run): never {
  unlessStopped(run);
  throw new Error('a run that is detached has a stop');
}

/** `what` names the step for a person: `take a snapshot of compute-7`. An abort ends it with an Ending. */
export async function insist<T>(run: Run, key: string, what: string, attempt: () => Promise<T>): Promise<T> {
  for (let round = 0; ; round++) {
    const before = run.retries;
    try {
      const result = await unlessDetached(run, attempt, () => gone(run));
      settle(run, key);
      return result;
    } catch (e) {
      if (!(e instanceof ActivityFailure) || isCancellation(e)) throw e;
      if (!run.grant) throw new Ending('denied', `cannot ${what}: ${whyFailed(e)}`);
      raise(run, key, {
        what: `cannot ${what}: ${whyFailed(e)}`,
        answers: [
          { verb: 'retry', json: '{"by":"your name"}', means: 'try it again now (it also does so by itself, slowly)' },
          { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'end the recovery' },
        ],
        commands: [`openstack compute service list --host ${run.node.host} --long`],
      });
    }
    const retries = retriesHeard(run, before);
    const again = slowly(granted(run).policy.timings, round);
    await condition(() => run.stop !== null || run.retries !== retries, again, { summary: `cannot ${what}` });
    unlessStopped(run);
  }
}
