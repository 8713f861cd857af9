// Act 2: the fence cannot be proven. Nothing is evacuated until a person has looked.
import type { RunState } from '../../workflows/contract.ts';
import { answerByHand } from './by-hand.ts';
import { VICTIMS } from './data-centre.ts';
import { followRun } from './follow-run.ts';
import { ADMIN } from './lifeboat.ts';
import { recount } from './recount.ts';
import { patience, secondsSince, tellVictim, timesOf } from './scenes.ts';
import type { Act, Stage } from './stage.ts';

const node = VICTIMS[1];

export const actLyingBmc: Act = {
  name: 'act 2',
  title: `Act 2: ${node} crashes, and its BMC lies`,
  async play(stage) {
    const { world } = stage;
    const end = recount(stage, node);
    try {
      tellVictim(stage, node);
      world.bmc(node, { saysOkStaysOn: true });
      const failure = stage.begin();
      await world.crash(node);
      stage.tell('world', `${node}'s operating system crashes; its power stays on, and so do its guests`, 'red');
      stage.tell('world', 'its BMC accepts every command, and does nothing', 'red');
      const run = await followRun(stage, node, patience(stage, 180));
      const blocked = await run.until('asks a person', patience(stage, 300), (s) => s.question !== null);
      const blockedAfter = secondsSince(failure, stage);
      await tellQuestion(stage, blocked);
      await stage.until('the admins have the mail', 30, () =>
        world.mailbox.to(ADMIN).some((m) => m.at > failure.logMs && m.text.includes('confirmFenced')),
      );
      const confirmedAfter = await walkToTheRack(stage);
      const report = await run.end(patience(stage, 600));
      const { seen, admitted, ...after } = timesOf(stage, node, failure, report);
      const stages = { seen: seen!, admitted: admitted!, blocked: blockedAfter, confirmed: confirmedAfter, ...after };
      return { node, failure, report, stages };
    } finally {
      end();
    }
  },
};

async function tellQuestion(stage: Stage, { question }: RunState): Promise<void> {
  if (!question) return;
  const posts = stage.world.log.of('evacuate').filter((e) => e.source === node).length;
  stage.tell('lifeboat', `is BLOCKED, with ${posts} evacuations begun: ${question.what}`, 'yellow');
  for (const a of question.answers) stage.tell('lifeboat', `can be answered with ${a.verb} ${a.json}: ${a.means}`);
  for (const command of question.commands) stage.tell('lifeboat', `to look: ${command}`);
}

/** The plug first, the word second: a word that is not true would let guests run twice. */
async function walkToTheRack(stage: Stage): Promise<number> {
  const { world, failure } = stage;
  stage.tell('person', `walks to the rack and pulls both plugs of ${node}`, 'yellow');
  await world.powerLoss(node, { withBmc: true });
  stage.tell('world', `${node} is without power, and so is its BMC`, 'red');
  world.note('operator-confirmed', node);
  await answerByHand(stage, node, 'pulled both plugs, the fans stand still');
  return secondsSince(failure!, stage);
}
