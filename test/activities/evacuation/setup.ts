// One node that is off and marked, two that live, and activities that think minutes pass.
import { MockActivityEnvironment } from '@temporalio/testing';
import { evacuate } from '../../../activities/evacuation/evacuate.ts';
import { createEvacuationActivities } from '../../../activities/evacuation/activities.ts';
import type { EvacuateInput, EvacuateResult } from '../../../activities/evacuation/contract.ts';
import type { Ask, Question } from '../../../activities/evacuation/permission.ts';
import { DEFAULT_POLICY, type Policy } from '../../../workflows/defaults.ts';
import type { InstanceView, Planned } from '../../../workflows/domain.ts';
import { fakeCloud, MARKER, NODE, type FakeCloud } from './fake-cloud.ts';
import { virtualClock, type VirtualClock } from './virtual-clock.ts';

export interface Setup {
  clock: VirtualClock;
  cloud: FakeCloud;
  acts: ReturnType<typeof createEvacuationActivities>;
  policy: Policy;
  asked: Question[];
  /** What the run answers; may throw or wait. */
  answer: { now: Ask };
  input(i: InstanceView, change?: Partial<Planned>, more?: Partial<EvacuateInput>): EvacuateInput;
  /** Runs evacuateInstance as this attempt; `beats` collects the heartbeat details. */
  evacuate(input: EvacuateInput, attempt?: number, details?: unknown): Promise<EvacuateResult>;
  begin(
    input: EvacuateInput,
    attempt?: number,
    details?: unknown,
  ): { env: MockActivityEnvironment; result: Promise<EvacuateResult> };
  beats: { at: number; details: unknown }[];
}

/** `target`: the driver's own; Nova's scheduler where it is not given. */
export function setup(target = 'scheduler'): Setup {
  const clock = virtualClock();
  const cloud = fakeCloud(clock);
  const asked: Question[] = [];
  const answer: { now: Ask } = { now: async () => ({ ok: true, why: '' }) };
  const ask: Ask = (q) => (asked.push(q), answer.now(q));
  const acts = createEvacuationActivities({
    ...{ openstack: cloud, ask, clock },
    evacuator: evacuate.create({ target }, { openstack: cloud }),
  });
  const policy = structuredClone(DEFAULT_POLICY);
  const beats: Setup['beats'] = [];

  const begin: Setup['begin'] = (input, attempt = 1, details) => {
    const env = new MockActivityEnvironment({ attempt, activityId: '7', heartbeatDetails: details });
    env.on('heartbeat', (d: unknown) => beats.push({ at: clock.ms(), details: d }));
    return { env, result: env.run((i: EvacuateInput) => acts.evacuateInstance(i), input) };
  };
  return {
    ...{ clock, cloud, acts, policy, asked, answer, beats, begin },
    evacuate: (input, attempt, details) => begin(input, attempt, details).result,
    input(i, change = {}, more = {}) {
      cloud.instances.set(i.id, i);
      const { id, name, projectId, userId, vmState, powerState } = i;
      const planned: Planned = {
        ...{ id, name, projectId, userId, vmState, powerState, decision: 'evacuate', reason: '', locked: false },
        ...{ priority: 0, rebuilding: false },
        ...change,
      };
      const row = cloud.nodes.get(NODE);
      return {
        ...{
          cloud: 'test',
          node: NODE,
          serviceId: `service-${NODE}`,
          marker: MARKER,
          updatedAt: row?.updatedAt ?? null,
        },
        ...{ workflowId: `test/${NODE}`, runId: 'run', instance: planned, lastEvacuationId: 100, policy },
        ...more,
      };
    },
  };
}
