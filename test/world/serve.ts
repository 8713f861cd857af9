// The world as a process of its own: `npx tsx test/world/serve.ts '{"nodes":8,"timeScale":0.05}'`. Its first line of output
// tells, as JSON, where everything is and the address of its control API (loopback only):
//   GET /facts, /truth, /log?since=<seq>, /mails      POST /<verb> with a JSON array of arguments, e.g. /crash ["compute-3"]
//   POST /fault [match, effect] (path and body as text of a regular expression)      POST /audit [options]      POST /stop
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { audit } from './audit.ts';
import type { AuditOptions } from './audit.ts';
import type { FaultEffect, FaultMatch } from './faults.ts';
import { VERBS } from './hands.ts';
import type { WorldOptions } from './settings.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

export interface Served {
  world: World;
  control: string;
  close(): Promise<void>;
}

export async function serveWorld(options: WorldOptions): Promise<Served> {
  const world = await startWorld(options);
  const server = http.createServer((req, res) => {
    answer(world, req)
      .then(
        (body) => ({ status: 200, body }),
        (error: unknown) => ({ status: 400, body: { error: (error as Error).message } }),
      )
      .then(
        ({ status, body }) => {
          res.writeHead(status, { 'content-type': 'application/json' });
          res.end(JSON.stringify(body ?? null));
          if (req.url === '/stop') void close();
        },
        () => res.destroy(),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let closing: Promise<void> | null = null;
  const close = () =>
    (closing ??= (async () => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await world.stop();
    })());
  return { world, control: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

export function factsOf(world: World): object {
  const { env, endpoints, smtp, nodes, appCredential, settings } = world;
  return { env, endpoints, smtp, nodes, appCredential, timeScale: settings.timeScale };
}

async function answer(world: World, req: http.IncomingMessage): Promise<unknown> {
  const url = new URL(req.url ?? '/', 'http://world');
  const verb = url.pathname.slice(1);
  if (req.method === 'GET') {
    if (verb === 'facts') return factsOf(world);
    if (verb === 'truth') return world.truth();
    if (verb === 'mails') return world.mailbox.mails;
    if (verb === 'log') return world.log.entries.slice(Number(url.searchParams.get('since') ?? 0));
    throw new Error(`read ${verb}: there is facts, truth, log and mails`);
  }
  const given = await argumentsOf(req);
  if (verb === 'stop') return null;
  if (verb === 'audit') return audit(world, (given[0] ?? {}) as AuditOptions);
  if (verb === 'note')
    return world.note(String(given[0]), given[1] as string | undefined, given[2] as string | undefined);
  if (verb === 'fault') return void world.fault(matchOf(given[0]), given[1] as FaultEffect);
  const name = VERBS.find((v) => v === verb);
  if (!name) throw new Error(`do ${verb}: no such verb (one of ${VERBS.join(', ')})`);
  return (world[name] as (...args: unknown[]) => unknown)(...given);
}

async function argumentsOf(req: http.IncomingMessage): Promise<unknown[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const given: unknown = text === '' ? [] : JSON.parse(text);
  if (!Array.isArray(given)) throw new Error('read the arguments: not a JSON array');
  return given;
}

function matchOf(given: unknown): FaultMatch {
  const { path, body, ...rest } = given as Record<string, unknown>;
  const match = rest as FaultMatch;
  if (path !== undefined) match.path = new RegExp(String(path));
  if (body !== undefined) match.body = new RegExp(String(body));
  return match;
}

async function main(): Promise<void> {
  const served = await serveWorld(JSON.parse(process.argv[2] ?? '{}') as WorldOptions);
  process.stdout.write(`${JSON.stringify({ control: served.control, ...factsOf(served.world) })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void served.close());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
