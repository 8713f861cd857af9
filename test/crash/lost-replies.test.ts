// Every call by which Lifeboat changes something, its reply lost or late in every way, and the worker that waits for it killed at that
// moment.
import { describe, test } from 'node:test';
import { tellLoss } from './crash-story.ts';
import { AT_ONCE, isChosen, progress } from './lane.ts';
import { LOSSES } from './losses.ts';

const points = LOSSES.map((loss) => ({ loss, name: `kill -9 of the worker while ${loss.name}` })).filter((p) =>
  isChosen(p.name),
);
const told = progress(points.length, 'lost replies');

describe('whatever reply is lost with its worker: nothing is asked for twice', { concurrency: AT_ONCE }, () => {
  for (const { loss, name } of points)
    test(name, (t) => told.tell(t, name, () => tellLoss(loss, 'kill -9 of the worker')));
});
