// Would the power devices serve a fence? All of them are read on a schedule: one that is broken is told of today, not found out on the
// day. Reads only (`status`), and what it finds goes to people, never into a verdict.
import { Context } from '@temporalio/activity';
import { deviceName, readMarker, watchId, type BrokenDevice, type ProbeReading } from '../../workflows/contract.ts';
import type { DeviceFault, NodeView } from '../../workflows/domain.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import type { FencingDeps } from './activities.ts';
import { systemClock, type Clock } from '../monitoring/clock.ts';
import { linked } from '../monitoring/linked.ts';
import { readDevice } from './ask-device.ts';
import type { FenceDevice, PowerReading } from './driver.ts';
import type { FleetToProbe, ProbeActivities } from './probe-contract.ts';

/** ipmitool is a process for each. */
const AT_ONCE = 16;
const WATCH_LIMIT_MS = 10_000;
/** A second reading would say the same, or cost a login more. */
const CERTAIN: readonly DeviceFault[] = ['auth', 'privilege', 'mismatch', 'misconfigured'];

export interface ProbeDeps extends FencingDeps {
  /** What the watch knows; by default it is asked by the client that the worker gives its activities. */
  askWatch?: (cloud: string) => Promise<WatchKnows>;
}

export interface WatchKnows {
  open: readonly { node: string }[];
  maintenance?: Readonly<Record<string, unknown>>;
  devices?: { broken: FleetToProbe['known'] } | null;
}

export function createProbeActivities(deps: ProbeDeps): ProbeActivities {
  const { openstack, timings, clock = systemClock } = deps;
  return {
    fleetToProbe: async (cloud) => {
      const signal = Context.current().cancellationSignal;
      const watch = await (deps.askWatch ?? askWatch)(cloud);
      const rows = await openstack.compute.services({ signal, timeoutMs: timings.novaReadMs });
      const busy = new Set([...watch.open.map(({ node }) => node), ...Object.keys(watch.maintenance ?? {})]);
      for (const { host, disabledReason } of rows) if (isOpen(disabledReason)) busy.add(host);
      return {
        nodes: rows.map(({ host }) => host).filter((host) => !busy.has(host)),
        busy: [...busy],
        known: (watch.devices?.broken ?? []).map((device) => ({ ...device, detail: '', byHand: '' })),
      };
    },
    readDevices: async (input) => {
      const reads = linked(Context.current().cancellationSignal);
      try {
        return await readDevices(deps, clock, input, reads.signal);
      } finally {
        reads.end();
      }
    },
  };
}

async function askWatch(cloud: string): Promise<WatchKnows> {
  const { client } = Context.current();
  const handle = client.workflow.getHandle(watchId(cloud));
  return client.withDeadline(Date.now() + WATCH_LIMIT_MS, () => handle.query(watchStateQuery));
}

/** A BMC has few sessions: where a recovery is open, the fence and the guard have them. */
function isOpen(disabledReason: string | null): boolean {
  const mark = readMarker(disabledReason);
  return mark !== null && mark.outcome === null;
}

interface Visit {
  node: string;
  level: string;
  device: FenceDevice;
  name: string;
  reading: PowerReading | null;
  /** It says off of a node that goes on reporting. */
  stranger: boolean;
}

async function readDevices(
  deps: FencingDeps,
  clock: Clock,
  { nodes, rest }: { nodes: string[]; rest: string[] },
  signal: AbortSignal,
): Promise<ProbeReading> {
  const all = nodes.flatMap((node) => visitsOf(deps, node));
  const resting = new Set(rest);
  const asked = all.filter(({ name }) => !resting.has(name));
  const read = async (visit: Visit): Promise<void> => {
    visit.reading = await readDevice(visit.device, deps.timings.powerStatusMs, clock, signal);
  };
  await inLanes(asked, read);
  // What is silent for a moment is no news.
  await inLanes(asked.filter(isUncertain), read);
  await findStrangers(deps, clock, asked, read, signal);
  signal.throwIfAborted();
  const sound = (visit: Visit): boolean => visit.reading?.power !== 'unknown' && !visit.stranger;
  const covered = new Set(all.map(({ node }) => node));
  return {
    ok: asked.filter(sound).map(({ name }) => name),
    broken: asked.filter((visit) => !sound(visit)).map(brokenOf),
    left: all.filter(({ name }) => resting.has(name)).map(({ name }) => name),
    bare: nodes.filter((node) => !covered.has(node)).length,
  };
}

const visitsOf = ({ fencing }: FencingDeps, node: string): Visit[] =>
  fencing.levelsOf(node).flatMap(({ name: level, devices }) =>
    devices.map((device) => {
      const name = deviceName({ node, level, label: device.label });
      return { node, level, device, name, reading: null, stranger: false };
    }),
  );

const isUncertain = ({ reading }: Visit): boolean =>
  reading?.power === 'unknown' && !(reading.fault !== undefined && CERTAIN.includes(reading.fault));

function brokenOf({ node, level, device, reading, stranger }: Visit): BrokenDevice {
  const said = reading?.detail ?? '';
  const detail = stranger ? `it says off while ${node} goes on reporting to Nova (${said})` : said;
  const health = stranger ? 'contradiction' : (reading?.fault ?? 'unknown');
  return { node, level, label: device.label, health, detail, byHand: device.confirmCommand() };
}

/**
 * Off is no fault: a node may have died this minute, and Nova calls it up for a while. Only a node that reported after its device had said off,
 * and of which the device says off once more, has somebody else's device.
 */
async function findStrangers(
  { openstack, timings }: FencingDeps,
  clock: Clock,
  asked: readonly Visit[],
  read: (visit: Visit) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const rows = async (): Promise<Map<string, NodeView>> => {
    const list = await openstack.compute.services({ signal, timeoutMs: timings.novaReadMs }).catch(() => []);
    return new Map(list.map((row) => [row.host, row]));
  };
  const off = asked.filter(({ reading }) => reading?.power === 'off');
  if (off.length === 0) return;
  const before = await rows();
  const odd = off.filter(({ node }) => before.get(node)?.state === 'up');
  if (odd.length === 0) return;
  await clock.sleep(timings.reportIntervalMs, signal);
  const after = await rows();
  const reported = odd.filter(({ node }) => {
    const row = after.get(node);
    return row !== undefined && row.updatedAt !== null && row.updatedAt !== before.get(node)?.updatedAt;
  });
  await inLanes(reported, read);
  for (const visit of reported) visit.stranger = visit.reading?.power === 'off';
}

/** Lanes, not one after the other in chunks: one that hangs holds up its own lane alone. */
async function inLanes(visits: readonly Visit[], work: (visit: Visit) => Promise<void>): Promise<void> {
  const rest = [...visits];
  const lane = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, visits.length) }, lane));
}
