// Ironic: the power of a machine as its conductor knows it.
import { z } from 'zod';
import { failed } from './exchange.ts';
import type { Service } from './service.ts';
import type { Baremetal, BaremetalNode } from './types.ts';

/** 1.31 shows the power interface; an older Ironic is asked all the same. */
const VERSIONS = { from: '1.5', to: '1.31', why: 'nodes by name' };

const NODE = z
  .object({
    uuid: z.string(),
    name: z.string().nullish(),
    instance_uuid: z.string().nullish(),
    power_state: z.string().nullish(),
    target_power_state: z.string().nullish(),
    maintenance: z.boolean().default(false),
    maintenance_reason: z.string().nullish(),
    power_interface: z.string().nullish(),
    reservation: z.string().nullish(),
    last_error: z.string().nullish(),
  })
  .transform((n): BaremetalNode => ({
    id: n.uuid,
    name: n.name ?? null,
    instanceId: n.instance_uuid ?? null,
    power: n.power_state ?? null,
    target: n.target_power_state ?? null,
    maintenance: n.maintenance,
    maintenanceReason: n.maintenance_reason ?? null,
    powerInterface: n.power_interface ?? null,
    lockedBy: n.reservation ?? null,
    lastError: n.last_error ?? null,
  }));
const NODES = z.object({ nodes: z.array(NODE) });

export function createBaremetal(ironic: Service): Baremetal {
  return {
    node: (ident, o) => {
      const path = `/nodes/${encodeURIComponent(ident)}`;
      return ironic.find({ method: 'GET', path, versions: VERSIONS }, NODE, o);
    },
    nodeOfInstance: async (instanceId, o) => {
      const path = '/nodes/detail';
      const call = { method: 'GET', path, query: { instance_uuid: instanceId }, versions: VERSIONS } as const;
      const { nodes } = await ironic.read(call, NODES, o);
      const own = nodes.filter((node) => node.instanceId === instanceId);
      if (own.length < 2) return own[0] ?? null;
      const message = `${own.length} nodes with the instance ${instanceId}`;
      throw failed({ service: 'baremetal', method: 'GET', path }, { kind: 'conflict', message, status: 200 });
    },
    setPower: async (id, target, o) => {
      const path = `/nodes/${encodeURIComponent(id)}/states/power`;
      await ironic.write({ method: 'PUT', path, body: { target }, versions: VERSIONS }, o);
    },
  };
}
