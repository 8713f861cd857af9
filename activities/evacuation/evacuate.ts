// Nova's own evacuation: the scheduler chooses the destination, or they are dealt out evenly, or a reserved host takes them all.
import { z } from 'zod';
import type { EvacuationDriver } from './driver.ts';

const options = z.strictObject({
  /**
   * `scheduler`: Nova chooses. `spread`: dealt out over the hosts where Placement has room. `reserved`: the reserved node that the recovery
   * has claimed (evacuation.reserve), and where it has no room Nova chooses. Anything else: the exact os-services host that every instance
   * goes to.
   */
  target: z.string().min(1).default('scheduler'),
});

/** POST /servers/{id}/action evacuate, microversion 2.68 to 2.94 (no `force`; the power state is kept). Not idempotent in Nova. */
export const evacuate: EvacuationDriver<typeof options> = {
  name: 'evacuate',
  options,
  create: ({ target }, { openstack }) => {
    const reserved = ['scheduler', 'spread', 'reserved'].includes(target) ? undefined : target;
    return {
      send: (instance, o, host) => openstack.compute.evacuate(instance.id, reserved ?? host, o),
      reaches: (host) => reserved === undefined || host === reserved,
      spreads: target === 'spread',
      prefersReserve: target === 'reserved',
    };
  },
};
