// Locks the instances whose turn comes next, while others move: their own activity then finds the lock and has to look only once,
// right before its POST. Nova's API answers slowest when it evacuates, and the lane is free for Nova meanwhile.
import { Context } from '@temporalio/activity';
import type { OpenStack } from '../openstack/types.ts';
import type { Clock } from './clock.ts';
import type { EvacuationActivities } from './contract.ts';
import { failureOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** Beside the evacuations that are in flight, never in their way. */
const WIDTH = 2;
/** So many are locked by one list of what is unlocked: a person's lock that is set meanwhile is overwritten at worst by the last of them. */
const PER_LIST = 12;

/**
 * Locks what is on the node and unlocked. One list in Nova's shortest form tells that for many: a look at each would cost Nova as
 * much as the lock. Idempotent. A failure of Nova is no error: the instance's own activity meets it again. Answers how many it locked.
 */
export async function lockAhead(
  { openstack, clock }: { openstack: OpenStack; clock: Clock },
  { node, marker, instances, policy }: Parameters<EvacuationActivities['lockAhead']>[0],
): Promise<{ locked: number }> {
  const { compute } = openstack;
  const o = { timeoutMs: policy.timings.novaReadMs };
  // Those that were given a lane just now come first.
  await clock.sleep(policy.timings.permissionMs, Context.current().cancellationSignal);
  let locked = 0;
  for (let n = 0; n < instances.length; n += PER_LIST) {
    const unlocked = await compute.unlocked(node, o).catch(none);
    const next = instances.slice(n, n + PER_LIST).filter((id) => unlocked.has(id));
    const lock = (id: string): Promise<number> => compute.lock(id, marker, o).then(() => 1);
    for (const done of await fewAtATime(next, (id) => lock(id).catch(none), WIDTH)) locked += done === 1 ? 1 : 0;
  }
  return { locked };
}

/** What Nova did not answer is left alone. */
function none(error: unknown): Set<string> {
  if (!failureOf(error)) throw error;
  return new Set();
}
