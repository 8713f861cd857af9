// Time, injected: tests live through ten minutes in a millisecond.
import { setTimeout as wait } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds that only grow. Never compared between processes. */
  ms(): number;
  /** Wall clock in milliseconds; only to notice that this machine slept. */
  wall(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  ms: () => performance.now(),
  wall: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

/** A moment to measure from. A machine that slept moves only the wall clock; a person who sets the clock moves it too. */
export interface Moment {
  ms: number;
  wall: number;
}
export const moment = (clock: Clock): Moment => ({ ms: clock.ms(), wall: clock.wall() });
/** How old what was read then may be by now: the larger counts. For permissions and looks, which must be young. */
export const ageMs = (clock: Clock, m: Moment): number => Math.max(clock.ms() - m.ms, clock.wall() - m.wall);
/** How long it has surely lasted: a clock that was set ahead does not shorten a wait. For the horizon and for what is stuck. */
export const lastedMs = (clock: Clock, m: Moment): number => clock.ms() - m.ms;
export const isoNow = (clock: Clock): string => new Date(clock.wall()).toISOString();
