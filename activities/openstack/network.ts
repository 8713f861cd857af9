// Neutron: are the agents of the nodes alive?
import { z } from 'zod';
import type { Page, Service } from './service.ts';
import type { Network, NetworkAgent } from './types.ts';

const AGENTS = z
  .object({
    agents: z.array(z.object({ host: z.string(), binary: z.string(), alive: z.boolean() })),
    agents_links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
  })
  .transform((x): Page<NetworkAgent> => ({
    rows: x.agents,
    next: x.agents_links.find((l) => l.rel === 'next')?.href ?? null,
  }));

export function createNetwork(neutron: Service): Network {
  return {
    agents: async (o) => {
      // Its configurations are most of an agent; `id` is what pages are marked by.
      const query = { fields: ['id', 'host', 'binary', 'alive'] };
      return (await neutron.list({ method: 'GET', path: '/agents', query }, AGENTS, o)).rows;
    },
  };
}
