// Whose lane is free? The run knows; an evacuation that ends in this worker is a good moment to ask it, and no other is told.
import type { EvacuateInput } from './contract.ts';
import type { Clock } from './clock.ts';

type Of = Pick<EvacuateInput, 'workflowId' | 'runId'>;

export interface Turns {
  /** An evacuation of this run has ended here. */
  ended(of: Of): void;
  /** Resolves when one of this run ends, true, or after `ms`, false; rejects with the signal's reason. */
  next(of: Of, ms: number, signal: AbortSignal): Promise<boolean>;
}

/** One set per worker process. */
export function createTurns(clock: Clock): Turns {
  const waiting = new Map<string, Set<AbortController>>();
  const keyOf = ({ workflowId, runId }: Of): string => `${workflowId} ${runId}`;
  return {
    ended: (of) => waiting.get(keyOf(of))?.forEach((w) => w.abort()),
    async next(of, ms, signal) {
      const key = keyOf(of);
      const woken = new AbortController();
      const others = waiting.get(key) ?? new Set();
      waiting.set(key, others.add(woken));
      try {
        await clock.sleep(ms, AbortSignal.any([signal, woken.signal]));
        return false;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!woken.signal.aborted) throw error;
        return true;
      } finally {
        others.delete(woken);
        if (others.size === 0) waiting.delete(key);
      }
    },
  };
}
