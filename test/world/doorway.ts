// A TCP address that can answer or be silent. Silent means that a connect times out, as with a machine that is off: on
// the loopback a closed port would refuse, and a refusal is a sign of life.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

// Small enough to be filled in a moment; large enough that a crowd at a living node loses no SYN (that costs a second).
const BACKLOG = 15;

// Runs in a thread of its own: a thread that blocks itself accepts nothing, while the kernel still holds its listening
// socket; once its accept queue is full, the kernel drops every further SYN. Plain JavaScript as text, because a thread
// under a TypeScript loader takes ten times longer to start.
const LISTENER = `
const net = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const flag = new Int32Array(workerData.shared);
const server = net.createServer((socket) => {
  Atomics.add(flag, 1, 1);
  socket.on('error', () => {});
  if (workerData.target === null) return socket.destroy();
  const inner = net.connect(workerData.target, '127.0.0.1');
  inner.on('error', () => socket.destroy());
  socket.on('close', () => inner.destroy());
  inner.on('close', () => socket.destroy());
  socket.pipe(inner).pipe(socket);
});
server.on('error', (error) => parentPort.postMessage({ error: error.message }));
parentPort.on('message', (what) => {
  if (what === 'listen') server.listen({ host: workerData.host, port: workerData.port, backlog: workerData.backlog }, () => parentPort.postMessage('listening'));
  if (what === 'block') {
    Atomics.store(flag, 1, 0);
    Atomics.store(flag, 0, 1);
    parentPort.postMessage('blocking');
    Atomics.wait(flag, 0, 1);
  }
});
parentPort.postMessage('ready');
`;

export interface Doorway {
  host: string;
  port: number;
  /** Idempotent; resolves once a connect would time out. */
  silence(): Promise<void>;
  /** Idempotent; resolves once it answers again. */
  answer(): Promise<void>;
  close(): Promise<void>;
}

/** How the address is served while nothing ever happened to it: a plain listener, of which a thousand are cheap. */
export interface PlainListener {
  /** Gives the address up; resolves when it is free. */
  release(): Promise<void>;
  /** The port on 127.0.0.1 that a converted doorway passes connections on to; null: accept and close. */
  target(): Promise<number | null>;
}

export function doorway(host: string, port: number, plain: PlainListener): Doorway {
  let worker: Worker | null = null;
  let fillers: net.Socket[] = [];
  let silent = false;
  let closed = false;
  // [0] 1 while the thread is to stay blocked, [1] how many connections it has accepted since.
  const flag = new Int32Array(new SharedArrayBuffer(8));
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => (last = last.then(work, work));

  // The address changes hands while its owner still lives: the refusals of that moment are true.
  const convert = async (): Promise<Worker> => {
    if (worker) return worker;
    const w = new Worker(LISTENER, {
      eval: true,
      execArgv: [],
      workerData: { host, port, target: await plain.target(), shared: flag.buffer, backlog: BACKLOG },
    });
    await heard(w, 'ready');
    await plain.release();
    w.postMessage('listen');
    await heard(w, 'listening');
    return (worker = w);
  };

  const silence = async () => {
    if (silent || closed) return;
    const w = await convert();
    const blocking = heard(w, 'blocking');
    w.postMessage('block');
    await blocking;
    fillers = await fillQueue(host, port);
    silent = true;
  };
  const answer = async () => {
    if (!silent) return;
    silent = false;
    wake(flag);
    const queued = fillers.length - 1;
    for (const socket of fillers) socket.destroy();
    fillers = [];
    // Until the queue is empty, a SYN may still be dropped: an address that answers answers everybody.
    while (Atomics.load(flag, 1) < queued) await sleep(1);
    await connects(host, port);
  };
  const close = async () => {
    if (closed) return;
    closed = true;
    for (const socket of fillers) socket.destroy();
    if (!worker) return plain.release();
    wake(flag);
    await worker.terminate();
  };
  return {
    host,
    port,
    silence: () => inTurn(silence),
    answer: () => inTurn(answer),
    close: () => inTurn(close),
  };
}

function wake(flag: Int32Array): void {
  Atomics.store(flag, 0, 0);
  Atomics.notify(flag, 0);
}

function heard(worker: Worker, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown) => {
      const error = (message as { error?: string }).error;
      if (message !== what && !error) return;
      worker.off('message', listen);
      if (error) reject(new Error(`listen ${what}: ${error}`));
      else resolve();
    };
    worker.on('message', listen);
    worker.once('error', reject);
  });
}

/** Connects until the queue of a blocked listener is full: the first that is not answered proves it. */
async function fillQueue(host: string, port: number): Promise<net.Socket[]> {
  const fillers: net.Socket[] = [];
  for (let i = 0; i < BACKLOG + 8; i++) {
    const socket = net.connect(port, host);
    socket.on('error', () => {});
    socket.unref();
    fillers.push(socket);
    if (!(await answered(socket, 40))) return fillers;
  }
  throw new Error(`silence ${host}:${port}: its accept queue does not fill`);
}

/** The kernel answers a connect on the loopback at once; a busy loop may only not have heard of it when the timer fires. */
function answered(socket: net.Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const polled = () => setImmediate(() => setImmediate(() => resolve(false)));
    const timer = setTimeout(polled, ms);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

async function connects(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
