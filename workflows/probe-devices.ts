// Started by a schedule: would every power device serve a fence? Reads all of them, a batch at a time, and tells the watch what has
// changed. A round that cannot be made says why and ends: the next one comes by itself.
import {
  ActivityFailure,
  TimeoutFailure,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { ProbeActivities } from '../activities/fencing/probe-contract.ts';
import {
  deviceName,
  reportOf,
  resting,
  taskQueues,
  watchId,
  type DeviceReport,
  type ProbeReading,
} from './contract.ts';
import { devicesProbedSignal } from './verbs.ts';

export interface ProbeInput {
  cloud: string;
  /** Between two rounds: by it is measured how long a device that refused us is left alone. */
  everyMs: number;
  /** Also those that refused us a while ago: by hand, after the password was mended. */
  all?: boolean;
}

export interface ProbeResult {
  /** Devices by health; null where the round could not be made. */
  counts: DeviceReport['counts'] | null;
  broken: number;
  well: number;
  /** Why there is no round, or nobody who heard of it. */
  trouble: string;
}

/** One activity reads so many nodes: three events of history each, and a worker that dies costs this much again. */
const BATCH = 64;

export async function probeDevices({ cloud, everyMs, all }: ProbeInput): Promise<ProbeResult> {
  try {
    const report = await round(cloud, everyMs, all === true);
    const { counts, broken, well } = report;
    show(report);
    const trouble = await handOver(cloud, report);
    return { counts, broken: broken.length, well: well.length, trouble };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const trouble = whyOf(error);
    setCurrentDetails(`No round: ${trouble}`);
    return { counts: null, broken: 0, well: 0, trouble };
  }
}

async function round(cloud: string, everyMs: number, all: boolean): Promise<DeviceReport> {
  const { fleetToProbe, readDevices } = probing(cloud);
  const fleet = await fleetToProbe.executeWithOptions({ summary: 'which nodes, and what is known of their devices' }, [
    cloud,
  ]);
  const rest = all ? [] : resting(fleet.known, Date.now(), everyMs);
  const busy = new Set(fleet.busy);
  const left = fleet.known.filter(({ node }) => busy.has(node)).map(deviceName);
  const reading: ProbeReading = { ok: [], broken: [], left, bare: 0 };
  for (let i = 0; i < fleet.nodes.length; i += BATCH) {
    const nodes = fleet.nodes.slice(i, i + BATCH);
    const summary = `reads the devices of ${nodes.length} nodes, ${nodes[0]} …`;
    const own = rest.filter((name) => nodes.some((node) => name.startsWith(`${node}/`)));
    const read = await readDevices.executeWithOptions({ summary }, [{ nodes, rest: own }]);
    reading.ok.push(...read.ok);
    reading.broken.push(...read.broken);
    reading.left.push(...read.left);
    reading.bare += read.bare;
  }
  return reportOf(new Date().toISOString(), reading, fleet.known);
}

function whyOf({ cause, message }: ActivityFailure): string {
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START')
    return 'no worker with the role fencing took it';
  return cause?.message || message;
}

/** The watch keeps what people were told: it says what is new, once. */
async function handOver(cloud: string, report: DeviceReport): Promise<string> {
  try {
    await getExternalWorkflowHandle(watchId(cloud)).signal(devicesProbedSignal, report);
    return '';
  } catch (error) {
    return `the watch did not hear of it: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function show({ counts, bare, broken, well }: DeviceReport): void {
  const numbers = Object.entries(counts).map(([health, n]) => `${n} ${health}`);
  const rows = broken.slice(0, 40).map((d) => `* **${d.node}** ${d.level}: ${d.health} ${d.detail}`);
  setCurrentDetails(
    [
      `Devices: ${numbers.join(', ') || 'none'}; nodes without one: ${bare}`,
      broken.length > 0 ? `New, or changed: ${broken.length}` : '',
      ...rows,
      well.length > 0 ? `Well again: ${well.length}` : '',
    ]
      .filter(Boolean)
      .join('\n\n'),
  );
}

const probing = (cloud: string) =>
  proxyActivities<ProbeActivities>({
    taskQueue: taskQueues(cloud).fencing,
    // A batch of devices that all hang: two readings of 18 s each for eight rounds of the lanes.
    startToCloseTimeout: '30m',
    // Nobody polls: the round is given up, and the next one comes by itself.
    scheduleToStartTimeout: '10m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 8 },
  });
