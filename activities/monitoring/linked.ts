// An abort controller that also follows a parent. Not AbortSignal.any: Node 20 keeps what that makes for as long as the parent
// lives, and a sweep's parent lives for weeks.
import { setMaxListeners } from 'node:events';

export interface Linked {
  signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Aborts, and lets the parent forget it. Call it when the work is over. */
  end(): void;
}

export function linked(parent: AbortSignal): Linked {
  const own = new AbortController();
  // Hundreds of sockets may listen to one look.
  setMaxListeners(0, own.signal);
  const follow = (): void => own.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: own.signal,
    abort: (reason) => own.abort(reason),
    end: () => {
      parent.removeEventListener('abort', follow);
      own.abort();
    },
  };
}
