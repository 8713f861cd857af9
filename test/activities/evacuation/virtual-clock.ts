// A clock whose sleeps cost nothing: when all that runs has come to rest, it jumps to the next moment that somebody waits for.
import type { Clock } from '../../../activities/evacuation/clock.ts';

export interface VirtualClock extends Clock {
  /** Runs something at a moment from now. */
  after(ms: number, what: () => void): void;
  /** The machine slept: only the wall clock has moved. */
  jumpWall(ms: number): void;
}

export function virtualClock(): VirtualClock {
  const start = Date.parse('2026-08-01T12:00:00Z');
  const timers = new Set<{ at: number; fire: () => void }>();
  let now = 0;
  let slept = 0;
  let running = false;

  function turn(): void {
    let next: { at: number; fire: () => void } | null = null;
    for (const t of timers) if (next === null || t.at < next.at) next = t;
    running = next !== null;
    if (next === null) return;
    timers.delete(next);
    now = Math.max(now, next.at);
    next.fire();
    setImmediate(turn);
  }
  function add(ms: number, fire: () => void): { at: number; fire: () => void } {
    const timer = { at: now + ms, fire };
    timers.add(timer);
    if (!running) setImmediate(turn);
    running = true;
    return timer;
  }

  return {
    ms: () => now,
    wall: () => start + now + slept,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = (): void => {
          timers.delete(timer);
          reject(signal?.reason);
        };
        const timer = add(ms, () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        });
        signal?.addEventListener('abort', stop, { once: true });
      }),
    after: (ms, what) => void add(ms, what),
    jumpWall: (ms) => {
      slept += ms;
    },
  };
}
