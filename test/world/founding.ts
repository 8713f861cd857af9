// How nodes begin: each with a TCP port on its own address, and a BMC.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import type { Centre } from './centre.ts';
import { doorway } from './doorway.ts';
import type { Doorway, PlainListener } from './doorway.ts';
import type { Node } from './model.ts';
import { redfish } from './redfish.ts';
import { closeServer, listenOn, serveWeb } from './web.ts';

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
    heldSpawns: null,
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
