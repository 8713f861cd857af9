// Scripted faults at any call of any service: which call, and what becomes of it.
import type { ServiceName } from './log.ts';

export interface FaultMatch {
  service?: ServiceName;
  method?: string;
  /** Against the path with its query. */
  path?: RegExp;
  /** Against the request's body. */
  body?: RegExp;
  /** A BMC's node. */
  node?: string;
  /** Skip so many matching calls first. */
  after?: number;
  /** How many matching calls are hit. Default: all. */
  times?: number;
}

export type FaultEffect =
  /** Answer this without doing anything. 429 and 503 may carry Retry-After (seconds). */
  | { do: 'status'; status: number; message?: string; retryAfter?: number; body?: string; contentType?: string }
  /** Wait, then do it and answer. The effect comes also if the caller has gone meanwhile. Real ms. */
  | { do: 'delay'; ms: number }
  /** Do it, then wait before the answer. */
  | { do: 'slow-answer'; ms: number }
  /** Do it, then cut the connection without an answer. */
  | { do: 'effect-then-drop' }
  /** Cut the connection at once, do nothing. */
  | { do: 'drop' }
  /** Cut the connection at once, and do it later (real ms): the caller's retry overtakes it. */
  | { do: 'drop-then-effect'; ms: number }
  /** Never answer. */
  | { do: 'hang' }
  /** A list comes with half of its rows and no link to the next page. */
  | { do: 'half-page' }
  /** The body ends in its middle. */
  | { do: 'cut-body' };

export interface Fault {
  match: FaultMatch;
  effect: FaultEffect;
  /** How many calls it has hit. */
  hits: number;
  remove(): void;
}

export interface CallFacts {
  service: ServiceName;
  method: string;
  path: string;
  body: string;
  node?: string;
}

export class Faults {
  #faults: (Fault & { seen: number })[] = [];

  add(match: FaultMatch, effect: FaultEffect): Fault {
    const fault = {
      match,
      effect,
      hits: 0,
      seen: 0,
      remove: () => {
        this.#faults = this.#faults.filter((f) => f !== fault);
      },
    };
    this.#faults.push(fault);
    return fault;
  }

  /** The first fault that applies to this call, counted as a hit. */
  take(call: CallFacts): FaultEffect | null {
    for (const fault of this.#faults) {
      if (!matches(fault.match, call)) continue;
      fault.seen += 1;
      if (fault.seen <= (fault.match.after ?? 0)) continue;
      if (fault.hits >= (fault.match.times ?? Infinity)) continue;
      fault.hits += 1;
      return fault.effect;
    }
    return null;
  }

  clear(): void {
    this.#faults = [];
  }
}

function matches(match: FaultMatch, call: CallFacts): boolean {
  if (match.service && match.service !== call.service) return false;
  if (match.method && match.method !== call.method) return false;
  if (match.node && match.node !== call.node) return false;
  if (match.path && !match.path.test(call.path)) return false;
  if (match.body && !match.body.test(call.body)) return false;
  return true;
}
