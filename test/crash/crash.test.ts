// Every type of activity that a recovery uses, hit before its effect and between effect and completion. The list comes from a
// recorded history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOWS, tellCrash, type Blow, type Moment } from './crash-story.ts';
import { AT_ONCE, isChosen, progress } from './lane.ts';

/** A hung machine costs most of a minute, and does the same at either moment. */
const moments = (blow: Blow): Moment[] => (blow === 'SIGSTOP of the worker' ? ['before'] : ['before', 'after']);

test(
  'whatever is killed, whenever: each instance is asked for once, and everybody is back',
  { concurrency: AT_ONCE },
  async (t) => {
    const { types } = await tellCrash(null, null);
    const points = BLOWS.flatMap((blow) =>
      types.flatMap((type) =>
        moments(blow).map((moment) => ({ point: { type, moment }, blow, name: `${blow} ${moment} ${type}` })),
      ),
    ).filter((p) => isChosen(p.name));
    assert.ok(points.length > 0 || process.env.CRASH, 'a recovery has activities');
    const told = progress(points.length, `points, from ${types.length} types of activities in the history`);
    await Promise.all(
      points.map(({ point, blow, name }) => t.test(name, (one) => told.tell(one, name, () => tellCrash(point, blow)))),
    );
  },
);
