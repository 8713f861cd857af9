// What people do: in Nova, beside Lifeboat; and to Lifeboat, by its verbs. Each tells what it was answered.
import { WorkflowExecutionAlreadyStartedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { z } from 'zod';
import type { RecoverInput } from '../../../workflows/contract.ts';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES } from '../../../workflows/contract.ts';
import * as verbs from '../../../workflows/verbs.ts';
import { step, type Place, type StepKind } from '../step.ts';
import * as w from '../words.ts';

const nova = 'What people do in Nova, beside Lifeboat';
const ours = 'What people tell Lifeboat';

const capacity = z.strictObject({ node: w.node, vcpus: w.count, ram: w.count, disk: w.count });

const INSTANCE_OR_MORE = z.strictObject({
  instance: w.instance,
  by: w.person,
  to: w.node.optional(),
  seconds: w.seconds.optional(),
});
type Deed = z.output<typeof INSTANCE_OR_MORE>;

const deeds: Record<string, StepKind> = {
  deleteInstance: step({
    ...{
      group: nova,
      takes: INSTANCE_OR_MORE,
      means: 'its owner deletes it',
      example: '{ instance: web-1, by: alice }',
    },
    play(place, { instance, by }: Deed) {
      place.tell('person', `${by} deletes ${instance}`);
      place.story.world.deleteInstance(instance);
    },
  }),
  liveMigrate: step({
    ...{ group: nova, takes: INSTANCE_OR_MORE, means: 'an admin starts its live migration; it takes so many seconds' },
    example: '{ instance: web-1, to: compute-3, seconds: 60, by: bob }',
    play(place, { instance, by, to = '', seconds = 5 }: Deed) {
      place.tell('person', `${by} live-migrates ${instance} to ${to}`);
      place.story.world.migrate(instance, to, seconds * 1_000);
    },
  }),
  evacuateByHand: step({
    ...{ group: nova, takes: INSTANCE_OR_MORE, means: 'an admin evacuates it with Nova’s own command' },
    example: '{ instance: web-1, to: compute-3, by: bob }',
    play(place, { instance, by, to }: Deed) {
      place.tell('person', `${by} evacuates ${instance}${to ? ` to ${to}` : ''} by hand`);
      place.story.world.evacuateByHand(instance, to);
    },
  }),
  enableNode: step({
    ...{
      group: nova,
      means: 'an admin enables the node and lifts forced_down',
      example: '{ node: compute-2, by: bob }',
    },
    takes: z.strictObject({ node: w.node, by: w.person }),
    play(place, { node, by }: { node: string; by: string }) {
      place.tell('person', `${by} enables ${node} by hand`);
      place.story.world.enableByPerson(node);
    },
  }),
  disableNode: step({
    ...{ group: nova, means: 'an admin disables the node', example: '{ node: compute-2, by: bob, reason: new fans }' },
    takes: z.strictObject({ node: w.node, by: w.person, reason: w.text }),
    play(place, { node, by, reason }: { node: string; by: string; reason: string }) {
      place.tell('person', `${by} disables ${node} by hand: ${reason}`);
      place.story.world.disableByPerson(node, reason);
    },
  }),
  capacity: step({
    ...{
      group: nova,
      takes: capacity,
      means: 'from now on it can carry so much',
      example: '{ node: compute-3, vcpus: 4, ram: 8192, disk: 100 }',
    },
    play(place, { node, ...size }: z.output<typeof capacity>) {
      place.tell('event', `${node} can carry ${size.vcpus} VCPUs and ${size.ram} MiB from now on`);
      place.story.world.capacity(node, size);
    },
  }),
};

const VERB = z.strictObject({
  node: w.node,
  by: w.person,
  reason: w.text.optional(),
  instance: w.instance.optional(),
  record: z.literal('open').optional().meta({ expected: 'open: the record that is open for this instance' }),
  typed: w.text.optional(),
});
type Verb = z.output<typeof VERB>;

const UPDATES = {
  approve: verbs.approveUpdate,
  retry: verbs.retryUpdate,
  skip: verbs.skipUpdate,
  confirmFenced: verbs.confirmFencedUpdate,
  pause: verbs.pauseUpdate,
  resume: verbs.resumeUpdate,
  abort: verbs.abortUpdate,
} as const;

/** The JSON that the person sends; the audit is told what only the story knows. */
function json(
  place: Place,
  verb: string,
  { node, by, reason, instance, record, typed }: Verb,
): Record<string, unknown> {
  const { world } = place.story;
  const id = instance === undefined ? undefined : world.instance(instance).id;
  const open = world
    .truth()
    .records.findLast((r) => r.instance === id && ['accepted', 'pre-migrating', 'running'].includes(r.status));
  if (record && !open) throw new Error(`${verb} ${instance}: no migration record of it is open`);
  if (verb === 'confirmFenced' && (typed ?? node) === node) world.note('operator-confirmed', node);
  if (record && id) world.note('operator-retry', undefined, id);
  return {
    by,
    ...(reason ? { reason } : {}),
    ...(instance ? { instance } : {}),
    ...(record ? { record: open?.id } : {}),
    ...(verb === 'confirmFenced' ? { node: typed ?? node } : {}),
  };
}

/** The answer, or the refusal: both are told to the person. */
async function answer(place: Place, whom: string, ask: Promise<unknown>): Promise<void> {
  try {
    place.tell('lifeboat', `${whom}: answers “${String(await ask)}”`);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    place.tell('lifeboat', `${whom}: refuses “${error.cause?.message ?? error.message}”`);
  }
}

const said = (verb: string, { by, instance, record, reason, typed }: Verb): string =>
  `${by} says ${verb}${typed ? ` (typing ${typed})` : ''}${instance ? ` ${instance}` : ''}${record ? ', naming its open record' : ''}${reason ? `: ${reason}` : ''}`;

const MEANS: Record<keyof typeof UPDATES, string> = {
  approve: 'mode confirm: fence it and evacuate',
  retry: 'tries again what waits; with `instance` and `record: open` past the record that is open',
  skip: 'gives an instance up',
  confirmFenced: 'somebody saw that it is off; `typed`: the name that they typed, where it is another',
  pause: 'nothing new begins',
  resume: 'ends the pause',
  abort: 'nothing new; what runs is watched to its end',
};

const runVerbs = Object.entries(UPDATES).map(([verb, update]) => {
  const kind = step({
    ...{ group: ours, takes: VERB, means: `on the node’s recovery: ${MEANS[verb as keyof typeof UPDATES]}` },
    example: `{ node: compute-2, by: ann${verb === 'retry' || verb === 'skip' ? ', instance: web-1' : ', reason: goes there'} }`,
    async play(place, given: Verb) {
      place.tell('person', `${said(verb, given)} → ${given.node}`);
      const run = place.story.run(given.node);
      await answer(
        place,
        given.node,
        run.executeUpdate(update as typeof verbs.retryUpdate, { args: [json(place, verb, given) as never] }),
      );
    },
  });
  return [verb, kind] as const;
});

const WATCH_VERB = z.strictObject({ by: w.person, reason: w.text.optional() });
type WatchVerb = z.output<typeof WATCH_VERB>;
const WATCH = { pauseWatch: verbs.pauseWatchUpdate, resumeWatch: verbs.resumeWatchUpdate } as const;

const watchVerbs = Object.entries(WATCH).map(([verb, update]) => {
  const kind = step({
    ...{ group: ours, takes: WATCH_VERB, means: `${verb === 'pauseWatch' ? 'pauses' : 'resumes'} the whole cloud` },
    example: '{ by: ann, reason: looks herself }',
    async play(place, { by, reason }: WatchVerb) {
      place.tell(
        'person',
        `${by} ${verb === 'pauseWatch' ? 'pauses' : 'resumes'} the watch${reason ? `: ${reason}` : ''}`,
      );
      const given = { by, ...(reason ? { reason } : {}) };
      await answer(place, 'watch', place.story.watchHandle().executeUpdate(update, { args: [given] }));
    },
  });
  return [verb, kind] as const;
});

const START = z.strictObject({ node: w.node, by: w.person, reason: w.text.optional(), force: z.boolean().optional() });
type Start = z.output<typeof START>;

const starts: Record<string, StepKind> = {
  startRecovery: step({
    ...{
      group: ours,
      takes: START,
      means: 'starts a recovery by hand; where one is open they are told so, and join it',
    },
    example: '{ node: compute-2, by: ann, force: true }',
    async play(place, { node, by, reason, force }: Start) {
      place.tell(
        'person',
        `${by} starts the recovery of ${node}${force ? ' with force' : ''}${reason ? `: ${reason}` : ''}`,
      );
      const input: Partial<RecoverInput> = { by, ...(reason ? { reason } : {}), ...(force ? { force } : {}) };
      try {
        await place.story.start(node, input);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        await place.story.run(node).signal(verbs.joinedSignal, { by, ...(reason ? { reason } : {}) });
        place.tell('lifeboat', `${node}: a recovery of it runs already, ${by} joins it`);
      }
    },
  }),
  readmit: step({
    ...{ group: ours, takes: START, means: 'brings a repaired node back, and waits for the end' },
    example: '{ node: compute-2, by: ann }',
    async play(place, { node, by }: Start) {
      place.tell('person', `${by} readmits ${node}`);
      const { story } = place;
      try {
        const { outcome, reason } = await story.temporal.env.client.workflow.execute(WORKFLOW_TYPES.readmit, {
          taskQueue: taskQueues(story.cloud).workflow,
          workflowId: nodeWorkflowId(story.cloud, node),
          args: [{ node, by, timings: story.config.policy.timings }],
          workflowTaskTimeout: '5s',
        });
        place.tell('lifeboat', `${node}: ${outcome} — ${reason}`);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        place.tell('lifeboat', `${node}: refuses, another operation on it is open`);
      }
    },
  }),
  cancel: step({
    ...{
      group: ours,
      takes: START,
      means: 'presses Cancel in the Temporal UI',
      example: '{ node: compute-2, by: ann }',
    },
    async play(place, { node, by }: Start) {
      place.tell('person', `${by} presses Cancel in the console → ${node}`);
      await place.story.run(node).cancel();
    },
  }),
};

export const PEOPLE: Record<string, StepKind> = {
  ...deeds,
  ...starts,
  ...Object.fromEntries(runVerbs),
  ...Object.fromEntries(watchVerbs),
};
