// Act 4: not every silence is a death. Six of eight nodes vanish behind a switch, and nothing may be done to them.
import { watchId } from '../../workflows/contract.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import { VICTIMS } from './data-centre.ts';
import { ADMIN, CLOUD } from './lifeboat.ts';
import { patience, secondsSince } from './scenes.ts';
import type { Act, Stage } from './stage.ts';

const BEHIND = 6;

export const actSwitchFault: Act = {
  name: 'act 4',
  title: `Act 4: a switch fails, and ${BEHIND} of 8 nodes look dead`,
  async play(stage) {
    const { world } = stage;
    const nodes = world.nodes.map((n) => n.name).filter((n) => n !== VICTIMS[2]);
    const behind = nodes.slice(0, BEHIND);
    const failure = stage.begin();
    await Promise.all(behind.flatMap((n) => [world.cut(n, 'network'), world.cut(n, 'bus')]));
    stage.tell('world', `${behind.join(', ')} are cut off from everything; their guests run`, 'red');
    const alarm = await mail(stage, /nothing is fenced/);
    const held = secondsSince(failure, stage);
    stage.tell('lifeboat', alarm, 'yellow');
    await stage.until('all of them are held back', patience(stage, 120), async () => (await heldNow(stage)) === BEHIND);
    stage.tell('lifeboat', `holds all ${BEHIND} back and looks again and again`);
    await Promise.all(behind.flatMap((n) => [world.mend(n, 'network'), world.mend(n, 'bus')]));
    stage.tell('world', 'the switch is back', 'green');
    stage.tell('lifeboat', await mail(stage, /within the limits/), 'green');
    const healed = secondsSince(failure, stage);
    tellBmcs(stage);
    return { node: null, failure, report: null, stages: { held, healed } };
  },
};

async function heldNow({ lifeboat }: Stage): Promise<number> {
  const state = await lifeboat.client.workflow.getHandle(watchId(CLOUD)).query(watchStateQuery);
  return Object.keys(state.held).length;
}

/** The subject of the admins' mail whose text is this, once it is there. */
async function mail(stage: Stage, text: RegExp): Promise<string> {
  const since = stage.failure!.logMs;
  const found = await stage.until(`the admins read of ${text}`, patience(stage, 300), () =>
    stage.world.mailbox.to(ADMIN).find((m) => m.at > since && text.test(`${m.subject} ${m.text}`)),
  );
  stage.tell('mail', `${ADMIN}: ${found.subject}`, undefined, found.at);
  return text.exec(found.text) ? found.text.split('\n').find((line) => text.test(line))! : found.subject;
}

/** By the devices' own log; and how many messages all of it took. */
function tellBmcs(stage: Stage): void {
  const since = stage.failure!.logMs;
  const commands = stage.world.log.of('power-command').filter((e) => e.at > since).length;
  const mails = stage.world.mailbox.mails.filter((m) => m.at > since).length;
  stage.tell('bmc', `the BMCs of all nodes were told ${commands} commands`, commands === 0 ? 'green' : 'red');
  stage.tell('demo', `${mails} mails in all: one when it began, one when it was over`);
}
