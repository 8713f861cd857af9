// A device asked within a time limit of ours: one that hangs, or breaks the rules of driver.ts, delays only itself.
import type { Clock } from '../monitoring/clock.ts';
import { linked } from '../monitoring/linked.ts';
import type { DeviceFault } from '../../workflows/domain.ts';
import type { CommandResult, FenceDevice, PowerReading } from './driver.ts';
import { oneLine } from './options.ts';

/** A driver keeps its own limit and can tell at which stage it was; ours is a little longer. */
const SLACK = 1.2;

export function readDevice(
  device: FenceDevice,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<PowerReading> {
  return within<PowerReading>(device, 'status', limitMs, clock, signal, (fault, detail) => ({
    power: 'unknown',
    fault,
    detail,
    identityConfirmed: false,
  }));
}

export function switchDevice(
  device: FenceDevice,
  to: 'off' | 'on',
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<CommandResult> {
  return within<CommandResult>(device, to, limitMs, clock, signal, (fault, detail) => ({
    accepted: false,
    fault,
    detail,
  }));
}

async function within<T extends PowerReading | CommandResult>(
  device: FenceDevice,
  what: 'status' | 'off' | 'on',
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
  fail: (fault: DeviceFault, detail: string) => T,
): Promise<T> {
  const call = linked(signal);
  try {
    const answer = (device[what](call.signal) as Promise<unknown> as Promise<T>).catch((error: unknown) =>
      fail('protocol', `${device.label}: its driver failed: ${oneLine(String(error))}`),
    );
    const late = clock.sleep(limitMs * SLACK, call.signal).then(
      () => fail('timeout', `${device.label}: no answer to ${what} in time`),
      () => fail('timeout', `${device.label}: ${what} was cancelled`),
    );
    return await Promise.race([answer, late]);
  } finally {
    call.end();
  }
}
