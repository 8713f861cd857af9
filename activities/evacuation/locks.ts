// Our locks keep tenants from interfering with an instance that moves. They carry the run's marker as their reason, by which
// they are found again; nobody else's lock is ever touched.
import { readMarker } from '../../workflows/contract.ts';
import type { InstanceView } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { EvacuationActivities } from './contract.ts';
import { failureOf, isForbidden, textOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** Nova keeps 255 characters of the reason; ours starts with the run's marker. */
export const isLockedBy = (i: InstanceView, marker: string): boolean => {
  const ours = readMarker(i.lockedReason);
  return i.locked && ours !== null && ours.run === readMarker(marker)?.run;
};

/** Locked by a person or another program. A lock of an earlier run of ours is not: it becomes this run's. */
export const isLockedByOthers = (i: InstanceView): boolean => i.locked && readMarker(i.lockedReason) === null;

type IsOurs = (i: InstanceView) => boolean;

/**
 * Lifts the run's locks, by what Nova says is locked and why. With `after`: also those that lost runs of that node left behind,
 * on whatever was evacuated from it. Idempotent; one that fails delays no other. `left` names those that Nova did not unlock; an
 * instance that is gone or was unlocked by a person is in neither list.
 */
export async function liftLocks(
  openstack: OpenStack,
  { marker, instances, after }: Parameters<EvacuationActivities['liftLocks']>[0],
): Promise<{ lifted: string[]; left: { id: string; why: string }[] }> {
  const lifted: string[] = [];
  const left: { id: string; why: string }[] = [];
  const isOurs: IsOurs = after === undefined ? (i) => isLockedBy(i, marker) : await ofLostRuns(openstack, after);
  const ids = after === undefined ? instances : [...instances, ...(await evacuatedFrom(openstack, after))];
  await fewAtATime([...new Set(ids)], async (id) => {
    const end = await lift(openstack, id, isOurs).catch((error: unknown) => ({ why: explain(error) }));
    if (end === 'lifted') lifted.push(id);
    else if (end !== 'notOurs') left.push({ id, why: end.why });
  });
  return { lifted, left };
}

/** A lock of ours, unless it is of a run that is open on another node: what was evacuated from here may be there by now. */
async function ofLostRuns({ compute }: OpenStack, node: string): Promise<IsOurs> {
  const others = (await compute.services()).filter((row) => row.host !== node);
  const open = new Set(others.flatMap((row) => readMarker(row.disabledReason) ?? []).map((m) => m.run));
  return (i) => {
    const ours = readMarker(i.lockedReason);
    return i.locked && ours !== null && !open.has(ours.run);
  };
}

async function evacuatedFrom({ compute }: OpenStack, node: string): Promise<string[]> {
  const records = await compute.migrations({ sourceCompute: node, type: 'evacuation' });
  return records.map((r) => r.instanceId);
}

async function lift(openstack: OpenStack, id: string, isOurs: IsOurs): Promise<'lifted' | 'notOurs' | { why: string }> {
  const before = await openstack.compute.instance(id);
  if (before === null || !isOurs(before)) return 'notOurs';
  const failure = await openstack.compute.unlock(id).then(
    () => null,
    (error: unknown) => error,
  );
  // Nova has written it when it answers (nova/compute/api.py, unlock): only a failure leaves open what became of it.
  if (failure === null) return 'lifted';
  const after = await openstack.compute.instance(id);
  return after === null || !isOurs(after) ? 'lifted' : { why: explain(failure) };
}

function explain(error: unknown): string {
  const failure = failureOf(error);
  if (!failure) throw error;
  return isForbidden(failure) ? `not allowed: ${failure.message}` : textOf(error);
}
