// The fencing and the guard activities (contract.ts): Temporal's side of fence-level.ts and guard.ts.
import { Context, activityInfo, ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { beating } from '../monitoring/beating.ts';
import { systemClock } from '../monitoring/clock.ts';
import type { Clock } from '../monitoring/clock.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Timings } from '../../workflows/defaults.ts';
import { readDevice } from './ask-device.ts';
import type {
  FenceInput,
  FenceResult,
  FencingActivities,
  GuardActivities,
  GuardInput,
  GuardResult,
} from './contract.ts';
import type { FenceDevice } from './driver.ts';
import { fenceByDevices } from './fence-level.ts';
import { guardByReading, RunGone } from './guard.ts';
import type { GuardMemory } from './guard-mind.ts';
import type { Fencing, FencingLevel } from './levels.ts';
import { awaitDumpEnd, sawDump } from './await-dump.ts';
import { switchOn } from './power-on.ts';
import { temporalRunLine } from './run-line.ts';
import type { RunLine } from './run-line.ts';
import { witnessOf } from './witness.ts';

export interface FencingDeps {
  fencing: Fencing;
  openstack: Pick<OpenStack, 'compute'>;
  /** Tried on host_ip; empty: the witness is Nova's row alone. */
  tcpPorts: readonly number[];
  /** For the reads that no run asks for; a run's own timings come with its input. */
  timings: Timings;
  clock?: Clock;
  runs?: RunLine;
}

/** Learning the fleet's names must not hold up a fence. */
const LEARN_LIMIT_MS = 3_000;

export function createFencingActivities(deps: FencingDeps): FencingActivities {
  const { fencing, openstack, timings } = deps;
  const clock = deps.clock ?? systemClock;
  // From the start on: what was said before a fence began counts.
  const dumps = fencing.dumps?.() ?? null;
  return {
    fencingPlan: async (node) =>
      fencing.levelsOf(node).map(({ name, kind, devices }) => ({
        level: name,
        kind,
        devices: devices.map((device) => ({ label: device.label, confirmCommand: device.confirmCommand() })),
      })),

    fenceLevel: (input) => fenceLevel(deps, clock, input),

    awaitDumpEnd: (input) => awaitDumpEnd(dumps, clock, input),

    readPower: async (node) => {
      const signal = Context.current().cancellationSignal;
      const asked = fencing.levelsOf(node).flatMap(({ name, devices }) =>
        devices.map(async (device) => {
          const { power, detail } = await readDevice(device, timings.powerStatusMs, clock, signal);
          return { level: name, label: device.label, power, detail };
        }),
      );
      return Promise.all(asked);
    },

    powerOn: async ({ node, timings: given }) => {
      const { cancellationSignal: signal } = Context.current();
      const pulse = beating(clock, () => null);
      try {
        return await switchOn(fencing.levelsOf(node), { timings: given, clock, signal });
      } finally {
        pulse.stop();
      }
    },

    // Knowing all nodes, the configuration knows whether two of them have one device, before any off.
    readyFencing: async () => {
      const nodes = await openstack.compute.services({ signal: AbortSignal.timeout(LEARN_LIMIT_MS) }).catch(() => []);
      const hosts = nodes.map(({ host }) => host);
      const problems = fencing.problems(hosts);
      if (problems.length) return `fencing: ${problems.join('; ')}`;
      const deaf = dumps?.trouble();
      if (deaf) Context.current().log.warn(`${deaf}; no fence waits for one`);
      return `fencing: ready (${fencing.nodesWithDevices(hosts).length} of ${hosts.length} nodes have a device${deaf ? `; ${deaf}` : ''})`;
    },
  };
}

export function createGuardActivities(deps: FencingDeps): GuardActivities {
  const clock = deps.clock ?? systemClock;
  return {
    guardNode: (input) => guardNode(deps, clock, input),
    readyGuard: () => Promise.resolve('guard: ready'),
  };
}

async function fenceLevel(deps: FencingDeps, clock: Clock, input: FenceInput): Promise<FenceResult> {
  const { cancellationSignal: signal } = Context.current();
  const { devices } = findLevel(deps.fencing, input.node, input.level);
  let offSent = wasSent(activityInfo().heartbeatDetails);
  const pulse = beating(clock, () => ({ offSent }));
  try {
    return await fenceByDevices(input, {
      devices,
      look: witnessOf(deps.openstack, deps.tcpPorts, input, input.timings),
      mayFence: () => (deps.runs ?? temporalRunLine).mayFence(input, input.level, input.timings.permissionMs),
      clock,
      signal,
      offSentBefore: offSent,
      dumping: () => sawDump(deps.fencing.dumps?.() ?? null, input),
      sending: () => {
        offSent = true;
        pulse.beat();
      },
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    const reason: unknown = signal.reason;
    // Asked to stop: what was sent is said. A worker that shuts down leaves the rest to another one.
    if (reason instanceof CancelledFailure && reason.message === 'CANCELLED')
      return { kind: 'forbidden', why: 'cancelled', offSent };
    throw reason;
  } finally {
    pulse.stop();
  }
}

async function guardNode(deps: FencingDeps, clock: Clock, input: GuardInput): Promise<GuardResult> {
  const { cancellationSignal: signal } = Context.current();
  const { level, timings } = input;
  let memory = recall(activityInfo().heartbeatDetails);
  const devices = level === null ? [] : findLevel(deps.fencing, input.node, level).devices;
  const stuckAfterMs = 2 * (timings.guardEveryMs + timings.powerStatusMs + timings.novaReadMs);
  const pulse = beating(clock, () => memory, stuckAfterMs);
  try {
    return await guardByReading(input, {
      devices,
      look: witnessOf(deps.openstack, deps.tcpPorts, input, timings),
      tell: (sight) => (deps.runs ?? temporalRunLine).guardSaw(input, sight),
      clock,
      signal,
      memory,
      remember: (newest) => {
        memory = newest;
      },
      progress: () => pulse.beat(),
    });
  } catch (error) {
    if (error instanceof RunGone)
      throw ApplicationFailure.nonRetryable(`guard of ${input.node}: ${error.message}`, 'NotFound');
    throw signal.aborted ? signal.reason : error;
  } finally {
    pulse.stop();
  }
}

function findLevel(fencing: Fencing, node: string, level: string): { devices: FenceDevice[] } {
  const found: FencingLevel | undefined = fencing.levelsOf(node).find(({ name }) => name === level);
  if (found) return found;
  const why = `fencing level ${level} of ${node}: not in this worker's configuration (do all fencing workers have the same file?)`;
  throw ApplicationFailure.nonRetryable(why, 'ConfigError');
}

const wasSent = (details: unknown): boolean =>
  typeof details === 'object' && details !== null && 'offSent' in details && details.offSent === true;

function recall(details: unknown): GuardMemory | null {
  return typeof details === 'object' && details !== null && 'unseenMs' in details ? (details as GuardMemory) : null;
}
