// Which instances could be moved back to a node that is home again. A proposal in the report: moving what runs is a person's to decide.
import type { MoveBack } from '../contract.ts';
import type { MigrationRecord } from '../domain.ts';
import { brief } from '../proxies.ts';
import type { Way } from './way.ts';

/** States that a live (`active`) or a cold migration takes. */
const MOVABLE = ['active', 'stopped'];

/**
 * `records`: what was evacuated from it, read before it came up. Those that are still where their evacuation had put them: what its owner or
 * a person moved since is where somebody wants it. Changes nothing.
 */
export async function proposeMoves(way: Way, records: readonly MigrationRecord[]): Promise<MoveBack[]> {
  const newest = new Map<string, MigrationRecord>();
  for (const r of records) if ((newest.get(r.instanceId)?.id ?? 0) < r.id) newest.set(r.instanceId, r);
  if (newest.size === 0) return [];
  const seen = await brief(way.cloud).openstack.observe.executeWithOptions(
    { summary: 'where are its instances now?' },
    [{ node: way.node, instances: [...newest.keys()] }],
  );
  return [...newest.values()].flatMap(({ instanceId, destCompute }) => {
    const view = seen[instanceId]?.view;
    const there = view && view.host !== null && view.host === destCompute && view.host !== way.node;
    if (!there || view.taskState !== null || !MOVABLE.includes(view.vmState)) return [];
    return [{ instance: instanceId, from: view.host!, live: view.vmState === 'active' }];
  });
}
