// While lanes are full the next instances are locked: a lane that gets free then only looks and asks before its POST.
import { ActivityFailure, CancellationScope, condition } from '@temporalio/workflow';
import { lockingAhead } from '../proxies.ts';
import type { Lanes } from './room.ts';
import { granted, holdsBackPost, type Run } from './run.ts';

/** As many as this many times the lanes are locked in one go: one list tells Nova's word on all of them. */
const AHEAD = 4;

/** In the background, and only what has room: what waits for room stays untouched. */
export function lockNext(run: Run, lanes: Lanes): void {
  if (lanes.locking || run.moving.size < run.width || holdsBackPost(run) !== null) return;
  const isNew = (id: string): boolean =>
    !lanes.lockedAhead.has(id) && run.pending.get(id)?.plan.decision === 'evacuate';
  const next = lanes.ready.slice(0, AHEAD * run.width).filter(isNew);
  // Not for each lane that gets free: when those that are locked become few, or for the last of all.
  const left = lanes.ready.filter((id) => lanes.lockedAhead.has(id)).length;
  if (next.length === 0 || left >= run.width) return;
  for (const id of next) lanes.lockedAhead.add(id);
  lanes.locking = true;
  void CancellationScope.nonCancellable(() => lock(run, next))
    .catch((e: unknown) => {
      // Each instance's own activity locks it then.
      if (!(e instanceof ActivityFailure)) throw e;
    })
    .finally(() => {
      lanes.locking = false;
      lanes.tick += 1;
    });
}

async function lock(run: Run, instances: string[]): Promise<void> {
  await lockingAhead(run.cloud).lockAhead.executeWithOptions({ summary: `lock the next ${instances.length}` }, [
    { node: run.node.host, marker: run.marker, instances, policy: granted(run).policy },
  ]);
}

/** Before the locks are lifted: none is set any more. */
export async function lockedAll(lanes: Lanes): Promise<void> {
  if (lanes.locking) await condition(() => !lanes.locking);
}
