// What is true now, as a plain value: what no API of the cloud tells in one place.
import type { Centre } from './centre.ts';
import { serviceIsUp } from './centre.ts';

export interface Truth {
  nodes: Record<
    string,
    {
      power: 'on' | 'off';
      os: string;
      agent: string;
      up: boolean;
      disabled: boolean;
      reason: string | null;
      forcedDown: boolean;
      guests: string[];
    }
  >;
  instances: Record<
    string,
    {
      name: string;
      project: string;
      host: string | null;
      vmState: string;
      taskState: string | null;
      locked: boolean;
      lockedReason: string | null;
      /** Nodes on which its guest runs now: more than one is a split brain. */
      runsOn: string[];
      dataLost: boolean;
      deleted: boolean;
    }
  >;
  /** Instances that run on two nodes now. */
  split: string[];
  records: { id: number; instance: string; type: string; status: string; source: string; dest: string | null }[];
}

export function truthOf(centre: Centre): Truth {
  const nodes: Truth['nodes'] = {};
  const runsOn = new Map<string, string[]>();
  for (const n of centre.nodes.values()) {
    const { power, os, agent, service, guests } = n;
    const { disabled, disabledReason: reason, forcedDown } = service;
    const up = serviceIsUp(centre, n);
    nodes[n.name] = { power, os, agent, up, disabled, reason, forcedDown, guests: [...guests] };
    for (const id of guests) runsOn.set(id, [...(runsOn.get(id) ?? []), n.name]);
  }
  const instances: Truth['instances'] = {};
  for (const i of centre.instances.values()) {
    const { name, projectId: project, host, vmState, taskState, locked, lockedReason, dataLost, deleted } = i;
    const at = runsOn.get(i.id) ?? [];
    instances[i.id] = { name, project, host, vmState, taskState, locked, lockedReason, runsOn: at, dataLost, deleted };
  }
  return {
    nodes,
    instances,
    split: [...runsOn].filter(([, at]) => at.length > 1).map(([id]) => id),
    records: centre.records.map(({ id, instanceId: instance, type, status, source, dest }) => ({
      id,
      instance,
      type,
      status,
      source,
      dest,
    })),
  };
}
