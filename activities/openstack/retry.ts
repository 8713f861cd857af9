// How often and how long a call is tried. Time is monotonic; both clock and pause can be given by a test.
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenStackError } from './errors.ts';
import { unlessAborted } from './limit.ts';

export interface Time {
  /** Milliseconds, monotonic. */
  now(): number;
  pause(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

export const realTime: Time = {
  now: () => performance.now(),
  pause: async (ms, signal) => {
    await unlessAborted(sleep(ms, undefined, { signal }), signal);
  },
};

const ATTEMPTS = 4;
const FIRST_MS = 250;

/** What the server asked for in Retry-After, in ms: seconds, or a date by our own wall clock. Null: nothing usable. */
export function retryAfterMs(value: string | null, wallNow: number): number | null {
  if (value === null || value.trim() === '') return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - wallNow);
}

/** Carries Retry-After from the answer to the loop; it is no part of the failure that others see. */
const asked = new WeakMap<OpenStackError, number>();
export function withRetryAfter(e: OpenStackError, ms: number | null): OpenStackError {
  if (ms !== null) asked.set(e, ms);
  return e;
}

/**
 * Tries until it succeeds: at most 4 times, and never past `deadline` (on `time.now()`). Only for what changes nothing, or may be
 * asked twice. Waits between tries are jittered, so that many callers do not come back together, and at least Retry-After.
 */
export async function retrying<T>(
  time: Time,
  deadline: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (e) {
      if (!(e instanceof OpenStackError) || !worthAgain(e) || n >= ATTEMPTS) throw e;
      const backoff = FIRST_MS * 2 ** (n - 1) * (0.5 + Math.random() / 2);
      const wait = Math.max(backoff, asked.get(e) ?? 0);
      // No time left for another try: the caller learns now, with the true reason.
      if (time.now() + wait >= deadline) throw e;
      await time.pause(wait, signal);
    }
  }
}

function worthAgain(e: OpenStackError): boolean {
  if (e.kind === 'unreachable' || e.kind === 'rateLimited') return true;
  // status 0: the connection broke. A time limit is also one, but leaves no time for another try.
  if (e.kind === 'timeout') return true;
  return e.kind === 'server' && e.status >= 500;
}
