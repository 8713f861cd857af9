// A real Temporal dev server of our own on free loopback ports, for the demo and the tests. Production brings its own cluster.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../workflows/contract.ts';
import { locateBinary, TEMPORAL_CLI } from './temporal-binaries.ts';

export interface DevServerOptions {
  /** SQLite file; kept over restarts. Absent: in memory. */
  db?: string;
  ui: boolean;
  /** Fixed port, to come back on the same one after a kill. */
  port?: number;
  uiPort?: number;
  log?: (line: string) => void;
  /** False: the namespace knows no search attributes of ours. */
  searchAttributes?: boolean;
  /** Settings of the server by name, as `limit.historyCount.suggestContinueAsNew`. */
  settings?: Record<string, string | number>;
}

export interface DevServer {
  address: string;
  /** Null without the UI. */
  uiUrl: string | null;
  pid: number;
  /** SIGTERM, SIGKILL after 5 s. Twice: no change. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. Resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Resolves when the process ends, whoever ended it. */
  ended: Promise<void>;
}

/** Resolves when the server answers a real call for its namespace. Rejects with the server's own last words. */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const log = options.log ?? (() => undefined);
  const binary = await locateBinary(TEMPORAL_CLI, options.log ? { log: options.log } : {});
  // A free port may be taken by another process before the server binds it: try again with others.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(binary, options, log);
    } catch (error) {
      if (options.port || attempt === 3) throw error;
    }
  }
}

async function startOnce(binary: string, options: DevServerOptions, log: (line: string) => void): Promise<DevServer> {
  const port = options.port ?? (await freePort());
  const uiPort = options.ui ? (options.uiPort ?? (await freePort())) : null;
  const attributes = options.searchAttributes === false ? [] : Object.values(SEARCH_ATTRIBUTES);
  const child = spawn(
    binary,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'],
      ...(uiPort ? ['--ui-port', String(uiPort)] : ['--headless']),
      ...(options.db ? ['--db-filename', options.db] : []),
      ...Object.entries(options.settings ?? {}).flatMap(([k, v]) => [
        '--dynamic-config-value',
        `${k}=${JSON.stringify(v)}`,
      ]),
      ...attributes.flatMap((key) => ['--search-attribute', `${key.name}=Keyword`]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: process.env.HOME } },
  );
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2_000);
      for (const line of chunk.toString().split('\n').filter(Boolean)) log(line);
    });
  }
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      words += error.message;
      resolve();
    });
  });
  const dieWithUs = () => child.kill('SIGKILL');
  process.once('exit', dieWithUs);
  void ended.then(() => process.off('exit', dieWithUs));

  const address = `127.0.0.1:${port}`;
  if (!(await answers(address, child, ended))) {
    child.kill('SIGKILL');
    await ended;
    throw new Error(
      `Cannot start the Temporal server at ${address}: ${words.trim().split('\n').at(-1) || 'no answer in 30 s'}`,
    );
  }
  return {
    address,
    uiUrl: uiPort ? `http://127.0.0.1:${uiPort}` : null,
    pid: child.pid!,
    ended,
    stop: () => end(child, ended, 'SIGTERM'),
    kill9: () => end(child, ended, 'SIGKILL'),
  };
}

/** Asks until the namespace is there: the port answers earlier than the server can start a workflow. */
async function answers(address: string, child: ChildProcess, ended: Promise<void>): Promise<boolean> {
  const deadline = performance.now() + 30_000;
  let gone = false;
  void ended.then(() => (gone = true));
  while (!gone && child.exitCode === null && performance.now() < deadline) {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 }).catch(() => null);
    const there = await connection?.workflowService.describeNamespace({ namespace: 'default' }).catch(() => null);
    await connection?.close();
    if (there) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

async function end(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  const last = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(last);
}

/** A port that was free on loopback a moment ago. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
