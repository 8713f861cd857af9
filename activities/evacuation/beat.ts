// The heartbeat of a long activity: a ticker of its own, which falls silent when the work itself is stuck, so that another
// worker takes over.
import { heartbeat } from '@temporalio/activity';
import type { Clock } from './clock.ts';

const EVERY_MS = 1_000;

export interface Beat {
  /** The loop went on: a call came back, a poll ended. */
  progress(): void;
  stop(): void;
}

/**
 * Heartbeats `details()` every second, until `stop`, or until nothing made progress for `limitMs`. The first one after `firstMs`:
 * what is over before it costs the server none.
 */
export function startBeat(clock: Clock, limitMs: number, details: () => unknown, firstMs = 0): Beat {
  const over = new AbortController();
  let last = clock.ms();
  void tick();
  return {
    progress: () => {
      last = clock.ms();
    },
    stop: () => over.abort(),
  };

  async function tick(): Promise<void> {
    if (firstMs > 0) await clock.sleep(firstMs, over.signal).catch(() => undefined);
    while (!over.signal.aborted) {
      if (clock.ms() - last <= limitMs) heartbeat(details());
      await clock.sleep(EVERY_MS, over.signal).catch(() => undefined);
    }
  }
}
