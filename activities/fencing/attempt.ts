// What one try at one level knows, and what both halves of it (fence-level.ts, hold-off.ts) do with it.
import type { Clock } from '../monitoring/clock.ts';
import type { DeviceFault } from '../../workflows/domain.ts';
import { readDevice } from './ask-device.ts';
import type { FenceInput, FenceResult } from './contract.ts';
import type { CommandResult, FenceDevice, PowerReading } from './driver.ts';
import type { Look, Sign, Silence } from './witness.ts';

type Dumping = Extract<FenceResult, { kind: 'dumping' }>;

export interface FenceTools {
  devices: readonly FenceDevice[];
  look: Look;
  /** Asks the run, right before an off. No answer is a no. */
  mayFence(): Promise<{ ok: boolean; why: string }>;
  clock: Clock;
  signal: AbortSignal;
  /** An attempt before this one sent an off, as far as it could tell. */
  offSentBefore: boolean;
  /** Does the node say that it writes its memory dump? Absent: nobody listens. */
  dumping?(): Omit<Dumping, 'kind' | 'offSent'> | null;
  /** Called right before the first off. */
  sending(): void;
}

/** One try at one level. */
export interface Attempt {
  input: FenceInput;
  tools: FenceTools;
  startedAt: number;
  silence: Silence;
  offSent: boolean;
  /** What each off came to, by the device's place. */
  commands: (CommandResult | undefined)[];
}

/**
 * More of the same does not mend these within a level, nothing reached the machine, and a wrong password that is tried again
 * locks the account.
 */
const HOPELESS: ReadonlySet<DeviceFault> = new Set(['auth', 'privilege', 'mismatch', 'misconfigured']);

export const allOff = (readings: readonly PowerReading[]): boolean => readings.every(({ power }) => power === 'off');
export const isHopeless = (fault: DeviceFault | undefined): boolean => fault !== undefined && HOPELESS.has(fault);

/** Side by side: a device that hangs costs its own time limit, not the others'. */
export async function readAll({ tools, input }: Attempt): Promise<PowerReading[]> {
  const { devices, clock, signal } = tools;
  const readings = devices.map((device) => readDevice(device, input.timings.powerStatusMs, clock, signal));
  const all = await Promise.all(readings);
  signal.throwIfAborted();
  return all;
}

export function refuseAnotherService(attempt: Attempt, sign: Sign): FenceResult | null {
  if (!sign.anotherService) return null;
  return { kind: 'forbidden', why: `the node was registered anew: ${sign.saw}`, offSent: attempt.offSent };
}

/** Every device with what it read last and what its off came to. */
export function unproven(attempt: Attempt, readings: readonly PowerReading[], prefix = ''): FenceResult {
  const devices = attempt.tools.devices.map(({ label }, i) => {
    const reading = readings[i]!;
    const command = attempt.commands[i];
    const fault = reading.fault ?? (reading.power === 'off' ? undefined : command?.fault);
    const off = command && reading.power !== 'off' ? ` (its off: ${command.accepted ? 'taken' : command.detail})` : '';
    const detail = reading.detail + off;
    return { label, power: reading.power, ...(fault ? { fault } : {}), detail };
  });
  const wrong = devices.filter(({ power }) => power !== 'off').map(({ detail }) => detail);
  const why = [prefix, ...wrong].filter(Boolean).join('; ');
  return { kind: 'unproven', offSent: attempt.offSent, devices, why };
}
