// Every type of activity that a recovery uses, hit before its effect and between effect and completion. The list comes from a
// recorded history. CRASH=markNode runs the points whose name contains it.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { BLOWS, tellCrash, type Blow, type Moment, type Point } from './crash-story.ts';

/** A hung machine costs most of a minute, and does the same at either moment. */
const moments = (blow: Blow): Moment[] => (blow === 'SIGSTOP of the worker' ? ['before'] : ['before', 'after']);

describe(
  'whatever is killed, whenever: each instance is asked for once, and everybody is back',
  { concurrency: 2 },
  () => {
    const points: { point: Point; blow: Blow; name: string }[] = [];

    before(async () => {
      const quiet = await tellCrash(null, null);
      for (const blow of BLOWS)
        for (const type of quiet.types)
          for (const moment of moments(blow))
            points.push({ point: { type, moment }, blow, name: `${blow} ${moment} ${type}` });
      process.stdout.write(
        `── ${points.length} points, from ${quiet.types.length} types of activities in the history\n`,
      );
    });

    test('every point of the list', { concurrency: 2 }, async (t) => {
      const chosen = points.filter((p) => p.name.includes(process.env.CRASH ?? ''));
      assert.ok(chosen.length > 0, `no point is called ${process.env.CRASH}`);
      const told = chosen.map(({ point, blow, name }) =>
        t.test(name, async (one) => {
          const { seconds } = await tellCrash(point, blow);
          one.diagnostic(`${seconds} s`);
        }),
      );
      await Promise.all(told);
    });
  },
);
