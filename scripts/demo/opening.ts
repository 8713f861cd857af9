// Before the first act: what is started, where to look, and the watch that has to know its fleet first.
import { SERVICE_USER } from '../../test/world/people.ts';
import { watchId } from '../../workflows/contract.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import { table } from '../cli/print.ts';
import { CLOUD } from './lifeboat.ts';
import { patience } from './scenes.ts';
import type { Stage } from './stage.ts';
import type { Voice } from './voice.ts';

export function greet(voice: Voice, timeScale: number): void {
  voice.title('Lifeboat, beside a simulated data centre');
  voice.line('Each line below was observed: in the data centre’s own log, by Lifeboat’s queries, in the mailbox.');
  if (timeScale === 1) voice.line('All durations are Lifeboat’s defaults.');
  else
    voice.line(
      `All durations, the data centre’s and Lifeboat’s, are shortened by the factor ${timeScale}; with --real-time they are the defaults.`,
    );
  voice.line('Starts the Temporal server, the data centre and the workers …');
}

/** Resolves when the watch sweeps the fleet and its grace after the start is over: earlier it would recover nothing. */
export async function watching(stage: Stage): Promise<void> {
  const { world, lifeboat, voice } = stage;
  const { client, config, env, workers } = lifeboat;
  const instances = Object.values(world.truth().instances);
  const projects = new Set(instances.map((i) => i.project)).size;
  const facts = [
    ['data centre', `${world.nodes.length} nodes, ${instances.length} instances of ${projects} projects`],
    ['Temporal UI', lifeboat.ui],
    ['workers', workers.map((w) => `pid ${w.pid}`).join(', ')],
    ['their log', lifeboat.log],
  ];
  for (const row of table(facts)) voice.line(`  ${row}`);
  voice.line('For commands such as npm run status in another terminal:');
  for (const [name, value] of Object.entries(env)) voice.line(`  export ${name}=${value}`);
  const watch = client.workflow.getHandle(watchId(CLOUD));
  const { mode } = await stage.until('the watch runs', patience(stage, 0), () => watch.query(watchStateQuery));
  const swept = (): boolean => sweeps(stage) >= config.policy.samples;
  await stage.until('the fleet is swept', patience(stage, 60), swept);
  const { graceMs } = config.policy.timings;
  voice.line(`The watch sweeps the fleet, mode ${mode}. After its start it only looks for ${graceMs / 1_000} s.`);
  const { startTime } = await watch.describe();
  await stage.until('its grace is over', patience(stage, 120), () => Date.now() - startTime.getTime() > graceMs);
}

/** How often Lifeboat has listed the nodes, as the data centre saw it. */
const sweeps = ({ world }: Stage): number =>
  world.log.of('call').filter((c) => c.by === SERVICE_USER.name && c.path.includes('/os-services')).length;
