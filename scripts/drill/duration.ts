// How long a recovery would take at most, and how that is known.
import { LARGE_FLEET, type Policy } from '../../workflows/defaults.ts';
import { deathToFirstPost, widthOf } from '../../workflows/policy.ts';
import { ago } from '../cli/print.ts';

/** How long one evacuation takes here. */
export interface Pace {
  eachMs: number;
  /** For people: where it is from. */
  from: string;
}

export interface Estimate {
  firstMs: number;
  /** Null: nothing would be moved. */
  allMs: number | null;
  how: string;
}

const ASSUMED: Pace = { eachMs: 60_000, from: 'assumed: no recovery is in the history' };

/** `took`: of evacuations that were watched to their end (ms). The slowest counts: at most is asked. */
export function paceOf(took: readonly number[], recoveries: number): Pace {
  if (took.length === 0) return ASSUMED;
  const from = `the slowest of ${took.length} in the last ${recoveries === 1 ? 'recovery' : `${recoveries} recoveries`}`;
  return { eachMs: Math.max(...took), from };
}

/**
 * To the first evacuation as `status` computes it, where the power device answers at once; then so many rounds as its lanes need, each as
 * long as one evacuation. `open`: recoveries that share the width, this one among them.
 */
export function estimate(
  policy: Policy,
  fleet: { nodes: number; destinations: number; open: number },
  fits: number,
  pace: Pace,
): Estimate {
  const firstMs = deathToFirstPost(policy, fleet.nodes, LARGE_FLEET);
  if (fits === 0) return { firstMs, allMs: null, how: 'nothing would be moved' };
  const lanes = Math.max(
    1,
    Math.min(widthOf(policy.evacuation, fleet.open), policy.evacuation.perDestination * fleet.destinations),
  );
  const rounds = Math.ceil(fits / lanes);
  const how = `${fits} that fit, ${lanes} at a time: ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${ago(pace.eachMs)} (${pace.from})`;
  return { firstMs, allMs: firstMs + rounds * pace.eachMs, how };
}
