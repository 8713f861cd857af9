// Nova's own evacuation: the scheduler chooses the destination, or the one reserved host takes them all.
import { z } from 'zod';
import type { EvacuationDriver } from './driver.ts';

const options = z.strictObject({
  /** Exact os-services host that every instance goes to; absent: Nova's scheduler chooses. */
  target: z.string().min(1).optional(),
});

/** POST /servers/{id}/action evacuate, microversion 2.68 to 2.94 (no `force`; the power state is kept). Not idempotent in Nova. */
export const evacuate: EvacuationDriver<typeof options> = {
  name: 'evacuate',
  options,
  create: ({ target }, { openstack }) => ({
    send: (instance, o) => openstack.compute.evacuate(instance.id, target, o),
    reaches: (host) => target === undefined || host === target,
  }),
};
