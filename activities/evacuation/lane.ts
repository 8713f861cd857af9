// What got ready ahead waits here until the run gives it a lane: no attempt of it can have sent anything before that.
import type { Attempt } from './attempt.ts';
import type { EvacuateResult } from './contract.ts';
import { askRun } from './permit.ts';

/** How often the run is asked at least: where evacuations take minutes nothing is lost by it. */
const MAX_WAIT_MS = 1_000;
/** The end of an evacuation is known here before the run knows it. */
const SOON_MS = 25;

/**
 * Null: go on. The run gives no permission before it gives a lane, so whoever has to wait for one needs no horizon, whichever attempt it
 * is. A no ends it only where nothing can have been sent.
 */
export async function awaitLane(a: Attempt): Promise<EvacuateResult | null> {
  const mostMs = Math.min(a.watch.intervalMs() / 2, MAX_WAIT_MS);
  let waitMs = mostMs;
  for (;;) {
    const word = askRun(a);
    const said = await word.answer;
    if (said.ok) a.word = word;
    if (!said.wait) return said.ok || !a.first ? null : { kind: 'notPosted', why: said.why };
    Object.assign(a, { first: true, quiet: null });
    a.beat.progress();
    const ended = await a.deps.turns.next(a.input, waitMs, a.signal);
    waitMs = ended ? SOON_MS : Math.min(2 * waitMs, mostMs);
  }
}
