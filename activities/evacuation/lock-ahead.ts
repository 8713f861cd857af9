// Locks the instances whose turn comes next, while others move: their own activity then finds the lock and has to look only once,
// right before its POST. Nova's API answers slowest when it evacuates, and the lane is free for Nova meanwhile.
import { Context } from '@temporalio/activity';
import { decide } from '../../workflows/policy.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Clock } from './clock.ts';
import type { EvacuationActivities } from './contract.ts';
import { failureOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** Beside the evacuations that are in flight, never in their way. */
const WIDTH = 2;

/**
 * Looks at each and locks what is unlocked, untouched and to be evacuated by the policy. Idempotent. A failure of Nova is no error:
 * the instance's own activity meets it again. Answers how many it locked.
 */
export async function lockAhead(
  { openstack, clock }: { openstack: OpenStack; clock: Clock },
  { node, marker, instances, policy }: Parameters<EvacuationActivities['lockAhead']>[0],
): Promise<{ locked: number }> {
  const { compute } = openstack;
  // Those that were given a lane just now come first.
  await clock.sleep(policy.timings.permissionMs, Context.current().cancellationSignal);
  const o = { timeoutMs: policy.timings.novaReadMs };
  const lock = async (id: string): Promise<number> => {
    const view = await compute.instance(id, o);
    if (view === null || view.host !== node || view.locked || view.taskState !== null) return 0;
    const { decision, reset } = decide(
      view,
      { openEvacuation: null, openMigration: null, hardAffinity: false },
      policy,
    );
    if (decision !== 'evacuate' || reset) return 0;
    await compute.lock(id, marker, o);
    return 1;
  };
  const counts = await fewAtATime(
    instances,
    (id) =>
      lock(id).catch((error: unknown) => {
        if (!failureOf(error)) throw error;
        return 0;
      }),
    WIDTH,
  );
  return { locked: counts.reduce((sum, n) => sum + n, 0) };
}
