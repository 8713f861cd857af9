// Ports on the loopback that behave like a dead machine: the kernel drops what arrives, because the queue of a listener whose
// thread never accepts is full. No firewall and no root needed.
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/** The worker's loop is blocked by Atomics.wait after listen, so nothing is ever accepted. */
const BLOCKED = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ port: 0, host: workerData.host, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

export interface Port {
  port: number;
  close(): Promise<void>;
}

export async function silentPort(host = '127.0.0.1'): Promise<Port> {
  const worker = new Worker(BLOCKED, { eval: true, workerData: { host } });
  const [port] = (await once(worker, 'message')) as [number];
  const fill: Socket[] = [];
  // Full when a connection stays pending: the kernel takes backlog + 1, and completes some late.
  for (let pending = 0; pending < 2;) {
    const socket = createConnection({ host, port });
    socket.on('error', () => {});
    fill.push(socket);
    const connected = await Promise.race([once(socket, 'connect').then(() => true), later(150)]);
    pending = connected ? 0 : pending + 1;
  }
  return {
    port,
    close: async () => {
      for (const socket of fill) socket.destroy();
      await worker.terminate();
    },
  };
}

const later = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(resolve, ms, false));

export async function openPort(host = '127.0.0.1'): Promise<Port & { connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    socket.resume();
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    connections: () => connections,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** A port that was free a moment ago: refused. */
export async function refusedPort(host = '127.0.0.1'): Promise<number> {
  const { port, close } = await openPort(host);
  await close();
  return port;
}
