// Time as the monitor uses it, injected so that tests need not wait. Durations come from the monotonic clock only: a wall
// clock that jumps never makes a node look dead.
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds of a monotonic clock; only differences mean something, and only within this process. */
  now(): number;
  /** ISO 8601 in UTC, for people and reports. */
  iso(): string;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  iso: () => new Date().toISOString(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {});
  },
};
