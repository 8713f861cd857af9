// When a story may begin: the watch knows its fleet.
import type { World } from '../world/world.ts';
import { until } from './until.ts';

/**
 * Resolves once the watch has seen every node report regularly. The sweep learns a node's habit from two whole intervals; three moves
 * after its first look contain two.
 */
export async function lookout(world: World): Promise<void> {
  const isSweep = (): boolean => world.log.of('call').some((c) => c.service === 'nova' && /os-services/.test(c.path));
  await until(isSweep, { what: 'the watch sweeps' });
  const moves = new Map<string, Set<number>>();
  await until(
    () => {
      for (const n of world.centre.nodes.values()) {
        const seen = moves.get(n.name) ?? new Set();
        moves.set(n.name, seen.add(n.service.updatedAt));
      }
      return [...moves.values()].every((seen) => seen.size > 4);
    },
    { what: 'every node has reported three times' },
  );
}
