// One fresh look by all channels, for the gates and for the last look before an off.
import type { NodeView } from '../../workflows/domain.ts';
import type { FleetSight, MonitoringActivities } from './contract.ts';
import type { Look } from './driver.ts';
import { lookLimitMs } from './each-node.ts';
import { HABIT_NEEDS, troubleOf } from './judge.ts';
import type { Memory } from './judge.ts';
import { controlTrouble, lostOf, referenceTrouble, sightOf, withDomains } from './sight.ts';
import { askChannels, listNodes } from './sweep.ts';
import type { Eyes, NodeLook } from './sweep.ts';

type Input = Parameters<MonitoringActivities['lookAtFleet']>[0];
type Result = Awaited<ReturnType<MonitoringActivities['lookAtFleet']>>;

/**
 * Keeps nothing and needs no history: what the sweep saw standing still comes in as `unmoved`. All nodes are looked at by all
 * channels, so that `sight` counts by the same rule as the sweep; only those of `closely` are answered one by one, and one
 * that Nova does not list is missing there. A Nova that does not answer is a sight that is not whole, never an error.
 */
export async function lookAtFleet(
  eyes: Eyes,
  input: Input,
  signal: AbortSignal,
  memory: Memory | null = null,
): Promise<Result> {
  const { policy, closely } = input;
  // Our own sweep may have seen more than the watch has heard of: it hears of findings only.
  const lastWholeCount = Math.max(input.lastWholeCount, memory?.lastWholeCount ?? 0);
  const { nodes, error } = await listNodes(eyes, policy, signal);
  const readAt = eyes.clock.iso();
  const trouble = error || troubleOf(nodes, lastWholeCount);
  if (trouble) return { sight: sightOf(nodes, new Map(), trouble, readAt), looks: {} };

  const look: Look = { nodes, ...standingStill(nodes, input, memory), readAt, signal };
  const [looks, control, references] = await Promise.all([
    askChannels(eyes.channels, look, policy, lookLimitMs(policy.timings)),
    controlTrouble(eyes, policy, signal),
    referenceTrouble(eyes, policy, signal),
  ]);
  const asked = closely.flatMap((host) => looks.get(host) ?? []);
  const seen = { ...sightOf(nodes, looks, '', readAt, eyes.channels), control, references };
  const lost = memory ? { lost: lostOf(looks, memory, policy.timings) } : {};
  const sight: FleetSight = await withDomains(eyes, policy, nodes, { ...seen, ...lost }, signal);
  return { sight, looks: Object.fromEntries(asked.map((l: NodeLook) => [l.node.host, l])) };
}

/**
 * The sweep judged by ages: what it called still and is still the same is stale, and its habit was known. Of the others, what this
 * worker's own sweep knows: a row that has not moved since stood still for at least so long.
 */
function standingStill(
  nodes: readonly NodeView[],
  { policy, unmoved }: Input,
  memory: Memory | null,
): Pick<Look, 'unmovedMs' | 'habitMs'> {
  const { staleMs, reportIntervalMs } = policy.timings;
  const unmovedMs = new Map<string, number>();
  const habitMs = new Map<string, number>();
  for (const { host, updatedAt } of nodes) {
    const known = memory?.nodes.get(host);
    if (known?.updatedAt === updatedAt) {
      unmovedMs.set(host, known.unmovedMs);
      if (known.intervals >= HABIT_NEEDS) habitMs.set(host, known.habitMs);
    }
    if (unmoved[host] === undefined || unmoved[host] !== updatedAt) continue;
    unmovedMs.set(host, Math.max(staleMs, unmovedMs.get(host) ?? 0));
    habitMs.set(host, reportIntervalMs);
  }
  return { unmovedMs, habitMs };
}
