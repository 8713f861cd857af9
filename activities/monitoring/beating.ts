// Heartbeats of an activity that runs for weeks: every second by a timer, but only while its loop gets somewhere.
import { Context } from '@temporalio/activity';
import type { Clock } from './clock.ts';

const EVERY_MS = 1_000;

export interface Pulse {
  /** The loop got somewhere: heartbeats at once, and may go on. */
  beat(): void;
  stop(): void;
}

/** A loop that does not call `beat` for `stuckAfterMs` gets no more heartbeats, so that the server gives its work to another worker. */
export function beating(clock: Clock, details: () => unknown, stuckAfterMs = Infinity): Pulse {
  const context = Context.current();
  let movedAt = clock.now();
  context.heartbeat(details());
  const timer = setInterval(() => {
    if (clock.now() - movedAt < stuckAfterMs) context.heartbeat(details());
  }, EVERY_MS);
  return {
    beat: () => {
      movedAt = clock.now();
      context.heartbeat(details());
    },
    stop: () => clearInterval(timer),
  };
}
