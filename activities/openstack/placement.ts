// Placement: where is room? Asked before a POST, because Nova's NoValidHost comes after it.
import { z } from 'zod';
import type { Hypervisors } from './hypervisors.ts';
import type { Time } from './retry.ts';
import type { Service } from './service.ts';
import type { CallOptions, Candidate, Placement } from './types.ts';

const VERSIONS = { from: '1.29', to: '1.29', why: 'nested providers' };
const KEEP_MS = 10 * 60_000;
const MOST = '1000';

const amounts = z.record(z.string(), z.number());
const CANDIDATES = z.object({
  allocation_requests: z.array(z.object({ allocations: z.record(z.string(), z.object({ resources: amounts })) })),
  provider_summaries: z.record(
    z.string(),
    z.object({
      // `capacity` has the reserved part taken off and the allocation ratio applied already.
      resources: z.record(z.string(), z.object({ capacity: z.number(), used: z.number() })),
      root_provider_uuid: z.string(),
    }),
  ),
});
type Candidates = z.output<typeof CANDIDATES>;
const PROVIDERS = z.object({ resource_providers: z.array(z.object({ uuid: z.string(), name: z.string() })) });

export function createPlacement(placement: Service, hypervisors: Hypervisors, time: Time): Placement {
  const namesOf = createNames(placement, time);
  return {
    candidates: async (need, o) => {
      const query = { resources: resourcesOf(need), limit: MOST };
      const call = { method: 'GET', path: '/allocation_candidates', query, versions: VERSIONS } as const;
      const rooms = roomByNode(await placement.read(call, CANDIDATES, o));
      const names = await namesOf([...rooms.keys()], o);
      const out: Candidate[] = [];
      for (const [uuid, free] of rooms) {
        const provider = names.get(uuid);
        // Gone between the two calls.
        if (provider) out.push({ provider, host: await hypervisors.hostOf(provider), free });
      }
      return out;
    },
  };
}

/** Placement refuses an amount of zero (a flavor without disk). */
function resourcesOf(need: Parameters<Placement['candidates']>[0]): string {
  const all = { VCPU: need.vcpus, MEMORY_MB: need.ram, DISK_GB: need.disk, ...need.extra };
  return Object.entries(all)
    .filter(([, n]) => n > 0)
    .map(([k, n]) => `${k}:${Math.ceil(n)}`)
    .join(',');
}

/**
 * The free room of each compute node (root provider) that could take the request. A class may come from a child (a NUMA cell) or
 * from a sharing provider (a common disk pool, then counted for every node): the best of the alternatives, never their sum.
 */
function roomByNode(c: Candidates): Map<string, Record<string, number>> {
  const rooms = new Map<string, Record<string, number>>();
  for (const { allocations } of c.allocation_requests) {
    const node = nodeOf(c, allocations);
    if (!node) continue;
    const room = rooms.get(node) ?? {};
    for (const [provider, { resources }] of Object.entries(allocations)) {
      for (const name of Object.keys(resources)) {
        const has = c.provider_summaries[provider]?.resources[name];
        if (has) room[name] = Math.max(room[name] ?? 0, has.capacity - has.used);
      }
    }
    rooms.set(node, room);
  }
  return rooms;
}

/** The one that gives CPU or memory is the node; a disk may be somebody else's. */
function nodeOf(c: Candidates, allocations: Candidates['allocation_requests'][number]['allocations']): string | null {
  const gives = (...names: string[]) =>
    Object.entries(allocations).find(([, a]) => names.some((n) => n in a.resources))?.[0];
  const provider = gives('VCPU', 'PCPU') ?? gives('MEMORY_MB') ?? Object.keys(allocations)[0];
  return provider ? (c.provider_summaries[provider]?.root_provider_uuid ?? null) : null;
}

/** Names of providers, kept for 10 minutes and until one is asked that is not known: summaries have no names. */
function createNames(placement: Service, time: Time) {
  let names = new Map<string, string>();
  let readAt: number | null = null;
  return async (wanted: string[], o?: CallOptions): Promise<ReadonlyMap<string, string>> => {
    const fresh = readAt !== null && time.now() - readAt < KEEP_MS;
    if (wanted.length === 0 || (fresh && wanted.every((u) => names.has(u)))) return names;
    const call = { method: 'GET', path: '/resource_providers', versions: VERSIONS } as const;
    const got = await placement.read(call, PROVIDERS, o);
    names = new Map(got.resource_providers.map((p) => [p.uuid, p.name]));
    readAt = time.now();
    return names;
  };
}
