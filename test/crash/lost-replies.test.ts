// Every call by which Lifeboat changes something, its reply lost or late in every way, and the worker that waits for it killed at that
// moment. CRASH=unlock runs those whose name contains it.
import { describe, test } from 'node:test';
import { tellLoss } from './crash-story.ts';
import { LOSSES } from './losses.ts';

const chosen = LOSSES.filter((loss) => loss.name.includes(process.env.CRASH ?? ''));
process.stdout.write(`── ${chosen.length} lost replies\n`);

describe('whatever reply is lost with its worker: nothing is asked for twice', { concurrency: 2 }, () => {
  for (const loss of chosen)
    test(`kill -9 of the worker while ${loss.name}`, async (t) => {
      const { seconds } = await tellLoss(loss, 'kill -9 of the worker');
      t.diagnostic(`${seconds} s`);
    });
});
