// A bounded number of calls at a time, first come first served; and one time limit made of a caller's signal and a duration.

export interface Limiter {
  /** Waits for a place; rejects with the signal's reason when it fires first. The answer gives the place back, once. */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createLimiter(width: number): Limiter {
  let free = width;
  const waiting = new Set<() => void>();
  const leave = () => {
    const next = waiting.values().next().value;
    if (next) {
      waiting.delete(next);
      next();
    } else free += 1;
  };
  const place = () => {
    let held = true;
    return () => {
      if (held) leave();
      held = false;
    };
  };
  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return place();
      }
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', stop);
          resolve();
        };
        const stop = () => {
          waiting.delete(go);
          reject(signal.reason);
        };
        waiting.add(go);
        signal.addEventListener('abort', stop, { once: true });
      });
      return place();
    },
  };
}

/** The reason with which a time limit aborts; everything else that aborts is the caller's. */
export const TIME_IS_UP = new Error('time is up');

/** A signal that fires with the caller's, or after `ms`. `release` it, or the timer and the listener stay. */
export function timeLimit(ms: number, parent?: AbortSignal): { signal: AbortSignal; release: () => void } {
  // Not AbortSignal.any/timeout: in Node 20 those can be collected before they fire, and pile up on a long-lived parent.
  const own = new AbortController();
  const onParent = () => own.abort(parent?.reason);
  const timer = setTimeout(() => own.abort(TIME_IS_UP), Math.max(0, ms));
  if (parent?.aborted) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  return {
    signal: own.signal,
    release: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', onParent);
    },
  };
}

/** The promise, or the signal's reason if that fires first; what is shared goes on for the others. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
