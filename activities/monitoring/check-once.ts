// A verdict now, without Temporal: what `watch --once` prints.
import type { Policy } from '../../workflows/defaults.ts';
import type { Suspicion } from '../../workflows/domain.ts';
import type { FleetSight } from './contract.ts';
import { EMPTY_MEMORY, intervalOf } from './judge.ts';
import { sweepOnce } from './sweep.ts';
import type { Eyes, NodeLook, Sweep } from './sweep.ts';

export interface Checked {
  sight: FleetSight;
  /** Failed in `samples` looks in a row. Empty where the last look was not whole. */
  failed: Suspicion[];
  looks: NodeLook[];
}

/**
 * Looks `policy.samples` times at the policy's interval. So short a watch cannot know how a healthy node's `updated_at` moves: a node
 * counts as failed here once Nova itself calls it down (60 s by default) and the other channels agree. Changes nothing.
 */
export async function checkOnce(
  eyes: Eyes,
  policy: Policy,
  signal: AbortSignal,
  onSample: (sight: FleetSight, sample: number) => void = () => {},
): Promise<Checked> {
  let sweep: Sweep | null = null;
  let readAt: number | null = null;
  for (let n = 1; n <= policy.samples; n++) {
    const begun = eyes.clock.now();
    const before = readAt;
    const since = (): number | null => {
      readAt = eyes.clock.now();
      return before === null ? null : readAt - before;
    };
    sweep = await sweepOnce(eyes, policy, sweep?.memory ?? EMPTY_MEMORY, since, signal);
    onSample(sweep.sight, n);
    const rest = begun + intervalOf(policy.timings, sweep.sight.nodes) - eyes.clock.now();
    if (n < policy.samples) await eyes.clock.sleep(Math.max(0, rest), signal);
  }
  if (!sweep) throw new Error('check of the fleet: no sample was wanted (policy.samples is at least 1)');
  return { sight: sweep.sight, failed: failedIn(sweep, policy.samples), looks: [...sweep.looks.values()] };
}

function failedIn({ looks, memory }: Sweep, samples: number): Suspicion[] {
  return [...looks.values()].flatMap(({ node, verdict, evidence }) => {
    const ages = memory.nodes.get(node.host)!;
    if (verdict !== 'failed' || ages.failed < samples) return [];
    return [{ node, evidence, samples: ages.failed, silentMs: Math.floor(ages.silentMs) }];
  });
}
