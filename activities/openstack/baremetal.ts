// Ironic: the power of a machine as its conductor knows it.
import { z } from 'zod';
import { failed } from './exchange.ts';
import type { Page, Service } from './service.ts';
import type { Baremetal, BaremetalMachine, BaremetalNode } from './types.ts';

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

const INFO = z.record(z.string(), z.unknown()).nullish();
const MACHINE = z
  .object({
    uuid: z.string(),
    name: z.string().nullish(),
    driver: z.string().nullish(),
    power_interface: z.string().nullish(),
    resource_class: z.string().nullish(),
    driver_info: INFO,
    properties: INFO,
    extra: INFO,
    instance_info: INFO,
  })
  .transform(({ uuid, driver, power_interface, driver_info, ...facts }): BaremetalMachine => ({
    id: uuid,
    name: facts.name ?? null,
    driver: driver ?? null,
    powerInterface: power_interface ?? null,
    access: withoutSecrets(driver_info ?? {}),
    facts,
  }));
const MACHINES = z
  .object({ nodes: z.array(MACHINE), next: z.string().nullish() })
  .transform((x): Page<BaremetalMachine> => ({ rows: x.nodes, next: x.next ?? null }));

/** To who may see passwords Ironic shows them: they end here. */
const withoutSecrets = (info: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(info).filter(([key]) => /^(ipmi|redfish)_/.test(key) && !/pass|key|secret|token/.test(key)),
  );

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
    machines: async (o) => {
      const call = { method: 'GET', path: '/nodes/detail', versions: VERSIONS } as const;
      return (await ironic.list(call, MACHINES, o)).rows;
    },
    setPower: async (id, target, o) => {
      const path = `/nodes/${encodeURIComponent(id)}/states/power`;
      await ironic.write({ method: 'PUT', path, body: { target }, versions: VERSIONS }, o);
    },
  };
}
