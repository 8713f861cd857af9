// The monitoring activities, made of what the worker gives them.
import { Context, activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Policy } from '../../workflows/defaults.ts';
import type { OpenStack } from '../openstack/types.ts';
import { watchId } from '../../workflows/contract.ts';
import { drillBasisQuery } from '../../workflows/verbs.ts';
import { askAdmission } from './ask-admission.ts';
import { beating } from './beating.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { openRunsOf } from './closed-runs.ts';
import type { MonitoringActivities } from './contract.ts';
import type { DrillActivities } from './drill-contract.ts';
import { lookAtFleet } from './look-at-fleet.ts';
import { resolveName } from './resolve-node.ts';
import { makeSweepFleet } from './sweep-fleet.ts';
import type { NamedChannel } from './sweep.ts';
import { tellRuns } from './tell-runs.ts';

export interface MonitoringDeps {
  openstack: OpenStack;
  channels: readonly NamedChannel[];
  /** Addresses that always answer, of this worker's own file. */
  references?: readonly { host: string; port: number }[];
  /** Of this worker's own file: what a watch that `askAdmission` has to start begins with. */
  policy: Policy;
  policyHash: string;
  cloud: string;
  /** As of SweepDeps. */
  before?: { hash: string | null };
  replaced?: AbortSignal;
  /** Who we are, in findings and in a watch that we start. */
  worker: string;
  searchAttributes: boolean;
  /** Of a watch that we start. By default the Keystone URL and the region of the OpenStack client. */
  memo?: Record<string, unknown>;
  /** By default the client that the worker gives its activities. */
  client?: Client;
  clock?: Clock;
}

const WORKFLOW_TASK_MS = 5_000;
const ANSWER_MS = 10_000;

export function createMonitoringActivities(deps: MonitoringDeps): MonitoringActivities & DrillActivities {
  const { openstack, channels, policy, policyHash, cloud, worker, clock = systemClock } = deps;
  const eyes = { openstack, channels, clock, references: deps.references ?? [] };
  // Now, not at the first look: a worker that only stands by has to hear what is told meanwhile.
  for (const { channel } of channels) void channel.open?.();
  const client = (): Client => deps.client ?? Context.current().client;
  const { sweepFleet, memory } = makeSweepFleet({
    ...{ ...eyes, policyHash, worker, runs: () => openRunsOf(client()) },
    ...(deps.before && { before: deps.before }),
    ...(deps.replaced && { replaced: deps.replaced }),
  });
  return {
    sweepFleet,

    lookAtFleet: (input) => whileBeating(clock, (signal) => lookAtFleet(eyes, input, signal, memory())),

    resolveNode: (name) =>
      whileBeating(clock, async (signal) =>
        resolveName(name, await openstack.compute.services({ signal, timeoutMs: policy.timings.novaReadMs })),
      ),

    askAdmission: (request) =>
      whileBeating(clock, (signal) => {
        const input = { cloud, policy, policyHash, configuredBy: worker, searchAttributes: deps.searchAttributes };
        const memo = deps.memo ?? { keystone: openstack.identityUrl, region: openstack.region ?? '' };
        const watch = { input, memo, workflowTaskTimeoutMs: WORKFLOW_TASK_MS };
        return askAdmission(client(), watch, request, oncePerQuestion(), signal);
      }),

    tellRuns: (input) =>
      whileBeating(clock, (signal) =>
        tellRuns(client(), input, oncePerQuestion(), Math.max(10_000, 5 * policy.timings.permissionMs), signal),
      ),

    drillBasis: () =>
      client().withDeadline(Date.now() + ANSWER_MS, () =>
        client().workflow.getHandle(watchId(cloud)).query(drillBasisQuery),
      ),

    readyMonitoring: () => Promise.resolve(`${worker} watches ${cloud} by ${channels.map((c) => c.name).join(', ')}`),
  };
}

/** The same for every attempt of one scheduled activity, another for the next. */
function oncePerQuestion(): string {
  const { workflowExecution, activityId } = activityInfo();
  return `${workflowExecution?.runId ?? 'no-run'}/${activityId}`;
}

/** Heartbeats until it is done, so that a cancel arrives and a dead worker is noticed. */
async function whileBeating<T>(clock: Clock, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { cancelled, cancellationSignal } = Context.current();
  const pulse = beating(clock, () => undefined);
  try {
    return await act(cancellationSignal);
  } catch (error) {
    if (cancellationSignal.aborted) await cancelled;
    throw error;
  } finally {
    pulse.stop();
  }
}
