// Act 3: the two nodes are repaired and come back. Then another fails, and the worker that moves its instances is killed.
import { SERVICE_USER } from '../../test/world/people.ts';
import { nodeWorkflowId } from '../../workflows/contract.ts';
import { readmitByHand } from './by-hand.ts';
import { VICTIMS } from './data-centre.ts';
import { followRun } from './follow-run.ts';
import { CLOUD } from './lifeboat.ts';
import { recount } from './recount.ts';
import { patience, secondsSince, tellVictim, timesOf } from './scenes.ts';
import type { Act, Stage } from './stage.ts';

const [repaired, unplugged, node] = VICTIMS;

export const actKilledWorker: Act = {
  name: 'act 3',
  title: `Act 3: ${node} loses its power, and a worker is killed in the middle`,
  async play(stage) {
    const { world } = stage;
    await comeBack(stage);
    const end = recount(stage, node);
    try {
      tellVictim(stage, node);
      for (const { name } of world.nodes) world.holdSpawns(name);
      const failure = stage.begin();
      await world.powerLoss(node);
      stage.tell('world', `${node} loses its power; its BMC still answers`, 'red');
      const run = await followRun(stage, node, patience(stage, 180));
      await run.until('moves instances', patience(stage, 300), (s) => s.instances.some((i) => i.outcome === 'moving'));
      await stage.until('Nova works on them', patience(stage, 60), () => asked(stage).length > 1);
      await kill(stage);
      const killed = secondsSince(failure, stage);
      for (const { name } of world.nodes) world.letSpawn(name);
      const report = await run.end(patience(stage, 600));
      tellPosts(stage);
      return { node, failure, report, stages: { ...timesOf(stage, node, failure, report), killed } };
    } finally {
      end();
    }
  },
};

/** Failed and switched off nodes count for the limits: a third would be held back. */
async function comeBack(stage: Stage): Promise<void> {
  stage.begin();
  await stage.world.bmcBack(unplugged);
  stage.world.bmc(unplugged, null);
  stage.tell('person', `${repaired} has power again; ${unplugged} has its plugs and a new BMC`, 'yellow');
  await Promise.all([repaired, unplugged].map((n) => readmitByHand(stage, n)));
}

const asked = ({ world }: Stage): string[] =>
  world.log
    .of('evacuate')
    .filter((e) => e.source === node && e.by === SERVICE_USER.name)
    .map((e) => e.instance);

/** The one that most of the evacuations run in, as Temporal has it. */
async function kill(stage: Stage): Promise<void> {
  const { client, workers } = stage.lifeboat;
  const { raw } = await client.workflow.getHandle(nodeWorkflowId(CLOUD, node)).describe();
  const busy = (raw.pendingActivities ?? [])
    .filter((a) => a.activityType?.name === 'evacuateInstance')
    .map((a) => Number.parseInt(a.lastWorkerIdentity ?? '', 10));
  const count = (pid: number): number => busy.filter((b) => b === pid).length;
  const [worker] = workers.toSorted((a, b) => count(b.pid) - count(a.pid));
  stage.tell(
    'demo',
    `kill -9 ${worker!.pid}: ${worker!.name}, in the middle of ${count(worker!.pid)} evacuations`,
    'red',
  );
  process.kill(worker!.pid, 'SIGKILL');
  await worker!.ended;
}

function tellPosts(stage: Stage): void {
  const posts = asked(stage);
  const most = Math.max(...posts.map((id) => posts.filter((other) => other === id).length));
  stage.tell(
    'nova',
    `was asked for ${new Set(posts).size} instances, ${most === 1 ? 'once each' : `one of them ${most} times`}`,
    most === 1 ? 'green' : 'red',
  );
}
