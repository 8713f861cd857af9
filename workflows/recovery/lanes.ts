// Who moves now: lanes of bounded width, and a few who get ready for the lane that is free next. Evacuations are shielded: nothing
// cancels one that Nova works on.
import { showPhase } from './console.ts';
import { moveOne } from './move-one.ts';
import { search, waiting, type Lanes } from './room.ts';
import { holdsBackPost, reached, type Pending, type Run } from './run.ts';
import { keepWidth } from './width.ts';

/** Starts what may start now. */
export async function fill(run: Run, lanes: Lanes): Promise<void> {
  // Adopted and held ones post nothing yet: they are watched whatever the guard says.
  for (const p of waiting(run, lanes)) if (p.plan.decision === 'adopt' && !run.stop) launch(run, lanes, p);
  if (holdsBackPost(run)) return;
  giveLanes(run);
  while (lanes.ready.length > 0 && (run.moving.size < run.width || run.ahead.size < readyAhead(run, lanes))) {
    const p = run.pending.get(lanes.ready.shift() ?? '');
    if (p && p.held === null && !run.moving.has(p.plan.id)) launch(run, lanes, p);
  }
  if (lanes.ready.length === 0 && run.moving.size < run.width && !lanes.searching) await search(run, lanes);
}

/** What is adopted posts nothing new: it is watched at once, whatever the width. */
function launch(run: Run, lanes: Lanes, p: Pending): void {
  const { id, decision } = p.plan;
  if (decision === 'adopt' || run.moving.size < run.width) run.moving.add(id);
  else run.ahead.add(id);
  reached(run, 'firstEvacuation');
  showPhase(run);
  void lanes.shield
    .run(() => moveOne(run, p, { lockedAhead: lanes.lockedAhead.has(id), ahead: run.ahead.has(id) }))
    .finally(() => {
      run.moving.delete(id);
      run.ahead.delete(id);
      lanes.tick += 1;
      giveLanes(run);
      keepWidth(run);
      showPhase(run);
    });
}

/** Whoever got ready first goes first. Its activity asks for its permission by itself. */
function giveLanes(run: Run): void {
  for (const id of [...run.ahead].slice(0, Math.max(0, run.width - run.moving.size))) {
    run.ahead.delete(id);
    run.moving.add(id);
  }
}

/** A lane that gets free is used at once where somebody is ready: looked at, locked, and only asking. */
const readyAhead = (run: Run, lanes: Lanes): number => (lanes.mayGetReady ? Math.ceil(run.width / 4) : 0);

export const noneBegun = (run: Run): boolean => run.moving.size === 0 && run.ahead.size === 0;
