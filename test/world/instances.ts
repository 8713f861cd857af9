// Instances as they are put into the world.
import { imageOf } from './glance.ts';
import type { Centre } from './centre.ts';
import { startGuest } from './guests.ts';
import type { Flavor, Instance } from './model.ts';
import { allocate } from './scheduler.ts';

export const FLAVORS: Flavor[] = [
  { name: 'tiny', vcpus: 1, ram: 512, disk: 1, ephemeral: 0, swap: 0, extraSpecs: {} },
  { name: 'small', vcpus: 1, ram: 2_048, disk: 10, ephemeral: 0, swap: 0, extraSpecs: {} },
  { name: 'large', vcpus: 4, ram: 8_192, disk: 40, ephemeral: 0, swap: 0, extraSpecs: {} },
];

export interface NewInstance {
  name?: string;
  project?: string;
  host?: string;
  flavor?: string | Flavor;
  vmState?: string;
  taskState?: string | null;
  powerState?: number;
  launched?: boolean;
  /** Name or id of an image of `image()`. */
  image?: string;
  disk?: Instance['disk'];
  requestedZone?: string | null;
  metadata?: Record<string, string>;
  tags?: string[];
  group?: string;
  locked?: { reason: string | null };
}

const RUNS = new Set(['active', 'rescued', 'resized']);
const POWER: Record<string, number> = {
  active: 1,
  stopped: 4,
  paused: 3,
  suspended: 7,
  rescued: 1,
  resized: 1,
  error: 1,
};

/** Puts an instance into the world as it is, with its guest, disk and allocation. */
export function addInstance(centre: Centre, o: NewInstance): Instance {
  const everyone = [...centre.projects.values()];
  const projects = everyone.filter((p) => !['service', 'admin'].includes(p.name));
  const project = everyone.find((p) => p.name === o.project) ?? projects[centre.instances.size % projects.length];
  if (!project) throw new Error(`add instance ${o.name}: the world has no project`);
  const owner = centre.assignments.find((a) => a.projectId === project.id)?.userId ?? '';
  const host = centre.nodes.get(o.host ?? '') ?? [...centre.nodes.values()][centre.instances.size % centre.nodes.size]!;
  const vmState = o.vmState ?? 'active';
  const launched = o.launched ?? vmState !== 'building';
  const flavor = typeof o.flavor === 'object' ? o.flavor : FLAVORS.find((f) => f.name === (o.flavor ?? 'small'));
  if (!flavor) throw new Error(`add instance ${o.name}: no flavor ${String(o.flavor)}`);
  const now = centre.now();
  const instance: Instance = {
    id: centre.random.uuid(),
    name: o.name ?? `${project.name}-vm-${centre.instances.size + 1}`,
    projectId: project.id,
    userId: owner,
    host: vmState === 'shelved_offloaded' ? null : host.name,
    vmState,
    taskState: o.taskState ?? null,
    powerState: o.powerState ?? POWER[vmState] ?? 0,
    launchedAt: launched ? now - 3_600_000 : null,
    createdAt: now - 3_700_000,
    updatedAt: now,
    locked: o.locked !== undefined,
    lockedBy: o.locked ? 'owner' : null,
    lockedReason: o.locked?.reason ?? null,
    imageId: imageOf(centre, o.image).id,
    disk: o.disk ?? centre.settings.imageBackedDisks,
    requestedZone: o.requestedZone ?? null,
    zone: host.zone,
    flavor,
    metadata: o.metadata ?? {},
    tags: o.tags ?? [],
    group: o.group ?? null,
    fault: null,
    deleted: false,
    dataLost: false,
  };
  centre.instances.set(instance.id, instance);
  if (instance.group) centre.groups.get(instance.group)?.members.push(instance.id);
  const { id, name, projectId } = instance;
  centre.log.add({
    kind: 'instance',
    instance: id,
    name,
    project: projectId,
    what: instance.locked ? 'added locked' : 'added',
    host: instance.host,
    vmState,
    taskState: instance.taskState,
  });
  if (!instance.host) return instance;
  allocate(centre, instance, host);
  host.disks.add(id);
  if (launched && host.power === 'on' && (RUNS.has(vmState) || (vmState === 'error' && instance.powerState === 1)))
    startGuest(centre, host, id, 'added');
  return instance;
}

export function foundInstances(centre: Centre): void {
  for (let i = 0; i < centre.settings.instances; i++)
    addInstance(centre, {
      flavor: ['small', 'tiny', 'small', 'large'][i % 4],
      disk: i % 3 === 2 ? 'volume' : centre.settings.imageBackedDisks,
      metadata: i % 2 === 0 ? { HA_Enabled: 'True' } : {},
    });
}
