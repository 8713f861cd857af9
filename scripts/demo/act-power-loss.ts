// Act 1: the plain case. Nobody has to do anything.
import { VICTIMS } from './data-centre.ts';
import { followRun } from './follow-run.ts';
import { recount } from './recount.ts';
import { patience, tellVictim, timesOf } from './scenes.ts';
import type { Act } from './stage.ts';

const node = VICTIMS[0];

export const actPowerLoss: Act = {
  name: 'act 1',
  title: `Act 1: ${node} loses its power`,
  async play(stage) {
    const end = recount(stage, node);
    try {
      tellVictim(stage, node);
      const failure = stage.begin();
      await stage.world.powerLoss(node);
      stage.tell('world', `${node} loses its power; its BMC still answers`, 'red');
      const run = await followRun(stage, node, patience(stage, 180));
      const report = await run.end(patience(stage, 600));
      return { node, failure, report, stages: timesOf(stage, node, failure, report) };
    } finally {
      end();
    }
  },
};
