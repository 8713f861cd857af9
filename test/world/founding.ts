// How a data centre begins: people, nodes with their addresses and BMCs, instances laid out and running.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import type { Centre } from './centre.ts';
import { doorway } from './doorway.ts';
import type { Doorway, PlainListener } from './doorway.ts';
import { startGuest } from './guests.ts';
import type { Flavor, Instance, Node } from './model.ts';
import { allocate } from './scheduler.ts';
import { redfish } from './redfish.ts';
import { closeServer, listenOn, serveWeb } from './web.ts';

export const SERVICE_USER = { name: 'lifeboat', password: 'lifeboat-pass', project: 'service' };
export const FLAVORS: Flavor[] = [
  { name: 'tiny', vcpus: 1, ram: 512, disk: 1, ephemeral: 0, swap: 0, extraSpecs: {} },
  { name: 'small', vcpus: 1, ram: 2_048, disk: 10, ephemeral: 0, swap: 0, extraSpecs: {} },
  { name: 'large', vcpus: 4, ram: 8_192, disk: 40, ephemeral: 0, swap: 0, extraSpecs: {} },
];

export function addPerson(
  centre: Centre,
  name: string,
  project: string,
  role = 'member',
  email?: string | null,
): string {
  const { random } = centre;
  let home = [...centre.projects.values()].find((p) => p.name === project);
  if (!home) {
    home = { id: random.hex(32), name: project, parentId: 'default' };
    centre.projects.set(home.id, home);
  }
  let user = [...centre.users.values()].find((u) => u.name === name);
  if (!user) {
    const address = email === undefined ? `${name}@${project}.example` : email;
    user = { id: random.hex(32), name, password: `${name}-pass`, email: address, enabled: true };
    centre.users.set(user.id, user);
  }
  centre.assignments.push({ userId: user.id, projectId: home.id, role });
  const { email: shown, enabled } = user;
  centre.log.add({ kind: 'person', user: name, address: shown, projects: [home.id], enabled });
  return user.id;
}

export function foundPeople(centre: Centre): void {
  const id = addPerson(centre, SERVICE_USER.name, SERVICE_USER.project, 'admin', null);
  addPerson(centre, SERVICE_USER.name, SERVICE_USER.project, 'service', null);
  centre.users.get(id)!.password = SERVICE_USER.password;
  const projectId = [...centre.projects.values()][0]!.id;
  const secret = centre.random.hex(40);
  const appId = centre.random.hex(32);
  centre.appCredentials.set(appId, { id: appId, secret, userId: id, projectId });
  addPerson(centre, 'operator', 'admin', 'admin', 'operator@cloud.example');
  for (const project of centre.settings.projects)
    for (const user of project.users ?? [`${project.name}-user`]) addPerson(centre, user, project.name);
}

export async function foundNodes(centre: Centre): Promise<void> {
  const { settings } = centre;
  const block = 64 + (settings.seed % 60);
  let port = 0;
  let bmcPort = 0;
  for (let i = 0; i < settings.nodes; i++) {
    const node = newNode(centre, i, `127.${block}.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`);
    // Every node listens on the same port of its own address, as sshd does: one port in the monitor's configuration.
    node.door = await openDoor(node.address, port);
    port = node.door.port;
    if (settings.bmcs === 'all') {
      const address = `127.${block}.${128 + Math.floor(i / 250)}.${1 + (i % 250)}`;
      node.bmc.door = await openBmc(centre, node, address, bmcPort);
      bmcPort = node.bmc.door.port;
      node.bmc.url = `http://${address}:${bmcPort}`;
    }
    centre.nodes.set(node.name, node);
    const { name, serviceId, zone } = node;
    centre.log.add({ kind: 'node', node: name, serviceId, zone });
  }
}

function newNode(centre: Centre, index: number, address: string): Node {
  const { random, settings } = centre;
  const zone = settings.zones[Math.floor((index * settings.zones.length) / settings.nodes)] ?? 'nova';
  const name = `compute-${index + 1}`;
  const now = centre.now();
  return {
    name,
    index,
    serviceId: random.uuid(),
    hypervisorId: random.uuid(),
    hypervisorHostname: `${name}.dc1.example`,
    address,
    zone,
    aggregates: [],
    cell: 'cell1',
    capacity: { ...settings.capacity },
    power: 'on',
    os: 'up',
    agent: 'up',
    busCut: false,
    networkCut: false,
    door: undefined as unknown as Doorway,
    guests: new Set(),
    disks: new Set(),
    inbox: [],
    service: {
      disabled: false,
      disabledReason: null,
      forcedDown: false,
      lastSeenUp: now,
      updatedAt: now,
      disabledTrait: false,
    },
    bmc: {
      url: '',
      systemPath: '/redfish/v1/Systems/1',
      user: 'admin',
      password: `bmc-pass-${index + 1}`,
      uuid: random.uuid(),
      serial: `SN-${1_000 + index}`,
      door: null,
      powered: true,
      faults: {},
      sessions: new Map(),
      tasks: new Map(),
    },
    spawnDelayMs: 0,
    failSpawn: null,
    timers: new Set(),
  };
}

async function openDoor(address: string, port: number): Promise<Doorway> {
  const server = net.createServer((socket) => socket.on('error', () => {}).destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve());
  });
  const plain: PlainListener = {
    release: () => new Promise((resolve) => server.close(() => resolve())),
    target: () => Promise.resolve(null),
  };
  return doorway(address, (server.address() as AddressInfo).port, plain);
}

// The BMC serves its address itself until it has to be silent; then it moves behind a doorway.
async function openBmc(centre: Centre, node: Node, address: string, port: number): Promise<Doorway> {
  const handler = redfish(centre, node);
  const { log, faults } = centre;
  const web = await serveWeb({ service: 'bmc', log, faults, handler, node: node.name, host: address, port });
  let inner: http.Server | null = null;
  const plain: PlainListener = {
    release: () => web.close(),
    target: async () => {
      inner = http.createServer((req, res) => web.server.emit('request', req, res));
      await listenOn(inner, 0, '127.0.0.1');
      return (inner.address() as AddressInfo).port;
    },
  };
  const door = doorway(address, web.port, plain);
  return {
    ...door,
    close: async () => {
      await door.close();
      if (inner) await closeServer(inner);
    },
  };
}

export interface NewInstance {
  name?: string;
  project?: string;
  host?: string;
  flavor?: string | Flavor;
  vmState?: string;
  taskState?: string | null;
  powerState?: number;
  launched?: boolean;
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
  const projects = [...centre.projects.values()].filter((p) => !['service', 'admin'].includes(p.name));
  const project = projects.find((p) => p.name === o.project) ?? projects[centre.instances.size % projects.length];
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
