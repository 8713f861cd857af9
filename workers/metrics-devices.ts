// Every power device is read on a schedule: one that is broken is an alert today, not a surprise on the day. Reads only. Runs where the
// fencing role does, since only there are the credentials.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@temporalio/worker';
import { readDevice } from '../activities/fencing/ask-device.ts';
import type { FenceDevice, PowerReading } from '../activities/fencing/driver.ts';
import type { Fencing } from '../activities/fencing/levels.ts';
import { systemClock, type Clock } from '../activities/monitoring/clock.ts';
import { readMarker } from '../workflows/contract.ts';
import type { NodeView } from '../workflows/domain.ts';
import type { Meter } from './metrics.ts';

export interface DeviceGaugesOptions {
  fencing: Pick<Fencing, 'levelsOf'>;
  /** The fleet, as Nova lists it now. */
  nodes(signal: AbortSignal): Promise<NodeView[]>;
  cloud: string;
  meter: Meter;
  logger: Pick<Logger, 'warn'>;
  redact: (text: string) => string;
  signal: AbortSignal;
  statusMs: number;
  everyMs?: number;
  /** Before the first round: workers that start together do not ask together. */
  firstAfterMs?: number;
  clock?: Clock;
}

export const DEVICES_EVERY_MS = 3_600_000;
/** The share of an interval within which the first round begins. */
const FIRST_WITHIN = 1 / 60;
/** ipmitool is a process for each. */
const AT_ONCE = 8;
/** A BMC locks an account after some wrong passwords, also ours: one that refused us is asked again after so many rounds. */
const PATIENCE = 6;

/** `contradiction`: it says off of a node that Nova has up, so it is most likely another machine's. */
export const HEALTHS = [
  ...(['ok', 'contradiction', 'unknown', 'auth', 'unreachable', 'timeout', 'privilege'] as const),
  ...(['refused', 'mismatch', 'misconfigured', 'protocol'] as const),
];
export type DeviceHealth = (typeof HEALTHS)[number];

interface Place {
  node: NodeView;
  level: string;
  device: FenceDevice;
}

/** Until the signal. Never rejects: where Nova does not tell the fleet, the numbers stay as they were, and it is asked again soon. */
export async function gaugeDevices(options: DeviceGaugesOptions): Promise<void> {
  const { signal, everyMs = DEVICES_EVERY_MS, firstAfterMs = Math.random() * FIRST_WITHIN * everyMs } = options;
  const wait = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);
  const round = makeRound(options);
  await wait(firstAfterMs);
  while (!signal.aborted) {
    const done = await round().then(
      () => true,
      () => false,
    );
    await wait(done ? everyMs : everyMs / 60);
  }
}

function makeRound(options: DeviceGaugesOptions): () => Promise<void> {
  const { fencing, cloud, signal, logger, redact } = options;
  const set = deviceGauges(options.meter.withTags({ cloud }));
  const refused = new Map<string, number>();
  return async () => {
    const nodes = (await options.nodes(signal)).filter(isQuiet);
    signal.throwIfAborted();
    const places = nodes.flatMap((node) =>
      fencing
        .levelsOf(node.host)
        .flatMap(({ name, devices }) => devices.map((device) => ({ node, level: name, device }))),
    );
    const healths: DeviceHealth[] = [];
    const readOne = async (place: Place): Promise<void> => {
      const key = `${place.node.host}/${place.level}/${place.device.label}`;
      const waits = refused.get(key) ?? 0;
      refused.set(key, waits - 1);
      if (waits > 0) return void healths.push('auth');
      const reading = await readDevice(place.device, options.statusMs, options.clock ?? systemClock, signal);
      const health = judge(reading, place.node);
      if (health === 'auth') refused.set(key, PATIENCE - 1);
      else refused.delete(key);
      healths.push(health);
      const about = { cloud, node: place.node.host, fenceLevel: place.level, health };
      if (health !== 'ok' && !signal.aborted)
        logger.warn(`a fence device of ${place.node.host} would not serve: ${redact(reading.detail)}`, about);
    };
    for (let i = 0; i < places.length; i += AT_ONCE) await Promise.all(places.slice(i, i + AT_ONCE).map(readOne));
    if (signal.aborted) return;
    const covered = new Set(places.map(({ node }) => node.host));
    set(healths, nodes.filter(({ host }) => !covered.has(host)).length);
  };
}

/** A BMC has few sessions: where a recovery is open, the fence and the guard have them. */
function isQuiet({ disabledReason }: NodeView): boolean {
  const mark = readMarker(disabledReason);
  return mark === null || mark.outcome !== null;
}

function judge({ power, fault }: PowerReading, node: NodeView): DeviceHealth {
  if (power === 'unknown') return fault ?? 'unknown';
  return power === 'off' && node.state === 'up' ? 'contradiction' : 'ok';
}

function deviceGauges(meter: Meter): (healths: readonly DeviceHealth[], bare: number) => void {
  const devices = meter.createGauge(
    'lifeboat_fence_devices',
    'int',
    '1',
    'Fence devices by what their last reading said',
  );
  const without = meter.createGauge(
    'lifeboat_nodes_without_fence_device',
    'int',
    '1',
    'Compute nodes that no fence device is configured for',
  );
  const at = meter.createGauge('lifeboat_fence_devices_read_timestamp_seconds', 'int', 's', 'When all were read last');
  return (healths, bare) => {
    for (const health of HEALTHS) devices.set(healths.filter((h) => h === health).length, { health });
    without.set(bare);
    at.set(Math.round(Date.now() / 1_000));
  };
}
