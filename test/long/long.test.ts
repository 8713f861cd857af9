// Thirty random tales of the long lane (`npm run test:long` tells five hundred and more): nothing that must not happen happens, and
// what can be recovered is. One that failed once keeps its seed here.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { shutTemporal } from '../stories/harness.ts';
import { draw } from './draw.ts';
import { tellSteadily } from './tell-all.ts';
import { describeTold } from './tell.ts';

/** Most of a tale is waiting. */
const AT_ONCE = 15;
const SEEDS = Array.from({ length: 30 }, (_, n) => n + 1);

after(shutTemporal);

describe('a random tale', { concurrency: AT_ONCE }, () => {
  for (const seed of SEEDS)
    test(`of seed ${seed} breaks no rule, and recovers what can be recovered`, async () => {
      const told = await tellSteadily(seed);
      assert.deepEqual(told.wrong, [], `\n${describeTold(told, `npm run test:long -- --seed ${seed}`)}\n`);
    });
});

test('the same seed draws the same tale, and another one another', () => {
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7).steps, draw(8).steps);
});
