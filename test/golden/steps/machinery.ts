// What happens to Lifeboat itself: workers, files, and what Temporal keeps.
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { z } from 'zod';
import { ROLES, type Role } from '../../../workflows/contract.ts';
import { watchId } from '../../../workflows/contract.ts';
import { startWorker } from '../workers.ts';
import { step, type Place, type StepKind } from '../step.ts';
import { until } from '../../support/until.ts';
import * as w from '../words.ts';

const group = 'What happens to Lifeboat itself';
const START = z.strictObject({ name: w.text, roles: w.roles, process: z.boolean().optional() });
const FILE = z.strictObject({
  name: w.text,
  roles: w.roles,
  says: w.text,
  mode: z.enum(['observe', 'confirm', 'auto']).optional(),
  lifeboat: z.record(z.string(), z.unknown()).default({}),
});

export const rolesOf = (given: 'all' | readonly Role[]): readonly Role[] => (given === 'all' ? ROLES : given);

function workerOf(place: Place, name: string): NonNullable<ReturnType<typeof place.workers.get>> {
  const found = place.workers.get(name);
  if (!found)
    throw new Error(
      `worker ${name}: the story has started none of this name (${[...place.workers.keys()].join(', ')})`,
    );
  return found;
}

export const MACHINERY: Record<string, StepKind> = {
  stopWorker: step({
    ...{
      group,
      takes: w.text,
      means: 'a set of workers is stopped in order, by its name in `workers`',
      example: 'eyes',
    },
    async play(place, name: string) {
      place.tell('event', `Lifeboat: the workers ${name} are stopped`);
      await workerOf(place, name).stop();
    },
  }),
  killWorker: step({
    ...{ group, takes: w.text, means: 'kill -9 of a set that is a process', example: 'hands' },
    async play(place, name: string) {
      place.tell('event', `Lifeboat: the workers ${name} are killed with -9`);
      await workerOf(place, name).kill();
    },
  }),
  startWorker: step({
    ...{ group, takes: START, means: 'another set of workers starts', example: '{ name: late, roles: [fencing] }' },
    async play(place, { name, roles, process }: z.output<typeof START>) {
      place.tell('event', `Lifeboat: the workers ${name} start (${[roles].flat().join(', ')})`);
      place.workers.set(name, await startWorker(place.story, name, rolesOf(roles), { process }));
    },
  }),
  changeFile: step({
    ...{ group, takes: FILE, means: 'somebody changes lifeboat.yaml and starts workers with it' },
    example: '{ name: new-eyes, roles: [monitor], says: excludes compute-2, lifeboat: { exclude: [compute-2] } }',
    async play(place, { name, roles, says, mode, lifeboat }: z.output<typeof FILE>) {
      place.tell('event', `Lifeboat: the workers ${name} start with a file that ${says}`);
      const config = await place.story.changedConfig(lifeboat as Parameters<typeof place.story.changedConfig>[0], mode);
      place.workers.set(name, await startWorker(place.story, name, rolesOf(roles), { config }));
      await until(async () => (await place.story.watch()).policyHash === config.policyHash, {
        what: 'the watch has the new policy',
      });
    },
  }),
  clockJumps: step({
    ...{ group, means: 'the wall clock of a set that is a process is wrong by so many seconds from now on' },
    takes: z.strictObject({ name: w.text, seconds: z.number() }),
    example: '{ name: eyes, seconds: 3600 }',
    async play(place, { name, seconds }: { name: string; seconds: number }) {
      place.tell(
        'event',
        `Lifeboat: the wall clock of the workers ${name} jumps ${seconds > 0 ? 'ahead' : 'back'} by ${Math.abs(seconds) / 60} minutes`,
      );
      await workerOf(place, name).jump(seconds);
    },
  }),
  terminate: step({
    ...{ group, takes: w.node, means: 'somebody presses Terminate on the node’s run', example: 'compute-2' },
    async play(place, node: string) {
      place.tell('person', `somebody terminates the run of ${node} in the console`);
      await place.story.run(node).terminate('a button was pressed');
    },
  }),
  wipeTemporal: step({
    ...{
      group,
      takes: z.literal(true),
      means: 'Temporal has lost all of this cloud: its watch, its runs, their histories',
      example: 'true',
    },
    async play(place) {
      const { story } = place;
      const { client, namespace = 'default' } = story.temporal.env;
      place.tell('event', 'Temporal has lost everything: the watch, the runs, their histories');
      const query = `WorkflowId = "${watchId(story.cloud)}" OR WorkflowId STARTS_WITH "${story.cloud}/"`;
      const all: WorkflowExecutionInfo[] = [];
      for await (const execution of client.workflow.list({ query })) all.push(execution);
      const forget = async ({ workflowId, runId }: WorkflowExecutionInfo): Promise<void> => {
        const run = client.workflow.getHandle(workflowId, runId);
        await run.terminate('wiped').catch(() => undefined);
        await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } });
      };
      await Promise.all(all.map(forget));
    },
  }),
};
