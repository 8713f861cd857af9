// Our locks keep tenants from interfering with an instance that moves. They carry the run's marker as their reason, by which
// they are found again; nobody else's lock is ever touched.
import { readMarker } from '../../workflows/contract.ts';
import type { InstanceView } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import { failureOf, isForbidden, textOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** Nova keeps 255 characters of the reason; ours starts with the run's marker. */
export const isLockedBy = (i: InstanceView, marker: string): boolean => {
  const ours = readMarker(i.lockedReason);
  return i.locked && ours !== null && ours.run === readMarker(marker)?.run;
};

/** Locked by a person or another program. A lock of an earlier run of ours is not: it becomes this run's. */
export const isLockedByOthers = (i: InstanceView): boolean => i.locked && readMarker(i.lockedReason) === null;

/**
 * Lifts the run's locks, by what Nova says is locked and why. Idempotent; one that fails delays no other. `left` names those
 * that Nova did not unlock; an instance that is gone or was unlocked by a person is in neither list.
 */
export async function liftLocks(
  openstack: OpenStack,
  { marker, instances }: { marker: string; instances: string[] },
): Promise<{ lifted: string[]; left: { id: string; why: string }[] }> {
  const lifted: string[] = [];
  const left: { id: string; why: string }[] = [];
  await fewAtATime(instances, async (id) => {
    const end = await lift(openstack, id, marker).catch((error: unknown) => ({ why: explain(error) }));
    if (end === 'lifted') lifted.push(id);
    else if (end !== 'notOurs') left.push({ id, why: end.why });
  });
  return { lifted, left };
}

async function lift(openstack: OpenStack, id: string, marker: string): Promise<'lifted' | 'notOurs' | { why: string }> {
  const before = await openstack.compute.instance(id);
  if (before === null || !isLockedBy(before, marker)) return 'notOurs';
  const failure = await openstack.compute.unlock(id).then(
    () => null,
    (error: unknown) => error,
  );
  const after = await openstack.compute.instance(id);
  if (after === null || !isLockedBy(after, marker)) return 'lifted';
  return { why: failure === null ? 'Nova accepted the unlock but it is still locked' : explain(failure) };
}

function explain(error: unknown): string {
  const failure = failureOf(error);
  if (!failure) throw error;
  return isForbidden(failure) ? `not allowed: ${failure.message}` : textOf(error);
}
