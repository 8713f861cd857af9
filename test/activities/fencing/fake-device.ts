// A machine and its power device as a fence sees them, on a virtual clock. The machine is the truth; the device may lie.
import type { CommandResult, FenceDevice, PowerReading } from '../../../activities/fencing/driver.ts';
import type { Clock } from '../../../activities/monitoring/clock.ts';
import type { DeviceFault, PowerState } from '../../../workflows/domain.ts';

export interface Behaviour {
  power: 'on' | 'off';
  identityConfirmed: boolean;
  /** How long a status takes; Infinity: it never answers. */
  statusMs: number;
  /** The effect of an off comes so much later; Infinity: never. */
  offAfterMs: number;
  /** It comes back on by itself so long after it went off. */
  onAgainAfterMs: number | null;
  /** What a status says instead of the truth. */
  says: PowerState | null;
  /** Why the status cannot be told. */
  statusFault: DeviceFault | null;
  /** How the off is answered; its effect is `offAfterMs`'s affair. */
  offFault: DeviceFault | null;
}

export interface FakeDevice extends FenceDevice {
  behaviour: Behaviour;
  /** Every call with its time, in order. */
  calls: { at: number; what: 'status' | 'off' | 'on'; said?: PowerState }[];
  offs(): number;
}

export function fakeDevice(clock: Clock, given: Partial<Behaviour> = {}, label = 'fake 1'): FakeDevice {
  const behaviour: Behaviour = {
    power: 'on',
    identityConfirmed: false,
    statusMs: 100,
    offAfterMs: 1_000,
    onAgainAfterMs: null,
    says: null,
    statusFault: null,
    offFault: null,
    ...given,
  };
  const calls: FakeDevice['calls'] = [];
  const never = new AbortController().signal;
  const later = (ms: number, act: () => void): void => {
    if (Number.isFinite(ms)) void clock.sleep(ms, never).then(act);
  };
  return {
    label,
    behaviour,
    calls,
    offs: () => calls.filter(({ what }) => what === 'off').length,
    async status(signal): Promise<PowerReading> {
      const call: FakeDevice['calls'][number] = { at: clock.now(), what: 'status' };
      calls.push(call);
      if (!Number.isFinite(behaviour.statusMs)) await new Promise(() => undefined);
      await clock.sleep(behaviour.statusMs, signal).catch(() => undefined);
      const fault = behaviour.statusFault;
      call.said = fault ? 'unknown' : (behaviour.says ?? behaviour.power);
      const detail = `${label}: ${fault ?? call.said}`;
      if (fault) return { power: 'unknown', fault, detail, identityConfirmed: false };
      return { power: call.said, detail, identityConfirmed: behaviour.identityConfirmed };
    },
    async off(signal): Promise<CommandResult> {
      calls.push({ at: clock.now(), what: 'off' });
      later(behaviour.offAfterMs, () => {
        behaviour.power = 'off';
        if (behaviour.onAgainAfterMs !== null) later(behaviour.onAgainAfterMs, () => (behaviour.power = 'on'));
      });
      await clock.sleep(200, signal).catch(() => undefined);
      const fault = behaviour.offFault;
      if (fault) return { accepted: false, fault, detail: `${label}: off ${fault}` };
      return { accepted: true, detail: `${label}: took the off` };
    },
    on(): Promise<CommandResult> {
      calls.push({ at: clock.now(), what: 'on' });
      behaviour.power = 'on';
      return Promise.resolve({ accepted: true, detail: `${label}: took the on` });
    },
    confirmCommand: () => `look ${label}`,
  };
}
