// A clock that leaps to the next sleeper as soon as nothing else can happen: a minute of fencing takes a millisecond.
import type { Clock } from '../../../activities/monitoring/clock.ts';

interface Sleeper {
  at: number;
  wake(): void;
}

export class VirtualClock implements Clock {
  #now = 1_000_000;
  #sleepers: Sleeper[] = [];

  now(): number {
    return this.#now;
  }

  iso(): string {
    return new Date(Date.UTC(2026, 10, 23) + this.#now).toISOString();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Lets time pass until the work is done. Throws when the work waits for something that time does not bring. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = work.finally(() => (done = true));
    settled.catch(() => undefined);
    for (let idle = 0; !done && idle < 100;) {
      // Everything that needs no time happens first.
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      if (done) break;
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      idle = next ? 0 : idle + 1;
      if (!next) continue;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    if (!done) throw new Error('The work waits for something that time does not bring');
    return settled;
  }

  /** Lets this much time pass for whatever is going on. */
  pass(ms: number): Promise<void> {
    return this.run(this.sleep(ms));
  }
}
