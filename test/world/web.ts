// An HTTP server of the world: reads the request, lets scripted faults have their way, logs every call.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultEffect, Faults } from './faults.ts';
import type { LogEntry, ServiceName, WorldLog } from './log.ts';

export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  raw: string;
  /** The JSON body, or undefined. */
  body: unknown;
  /** http://host:port as the caller wrote it. */
  origin: string;
  /** What the log says of this call besides; handlers fill it in. */
  facts: Pick<CallEntry, 'by' | 'instance' | 'action' | 'microversion'>;
}
type CallEntry = Extract<LogEntry, { kind: 'call' }>;

export interface Response {
  status: number;
  /** An object is sent as JSON, a string as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Key of the list in the body, so that half a page can be sent. */
  list?: string;
}

export type Handler = (request: Request) => Response | Promise<Response>;

export interface WebOptions {
  service: ServiceName;
  log: WorldLog;
  faults: Faults;
  handler: Handler;
  node?: string;
  host?: string;
  port?: number;
}

export interface Web {
  server: http.Server;
  port: number;
  close(): Promise<void>;
}

export async function serveWeb(options: WebOptions): Promise<Web> {
  const server = http.createServer((req, res) => {
    exchange(options, req, res).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' });
      res.end(String(error));
    });
  });
  await listenOn(server, options.port ?? 0, options.host ?? '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  return { server, port, close: () => closeServer(server) };
}

export function listenOn(server: http.Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function exchange(o: WebOptions, req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
  const startedAt = o.log.now();
  req.on('error', () => {});
  const raw = await bodyOf(req);
  const request = parse(req, raw);
  const path = req.url ?? '/';
  const effect = o.faults.take({ service: o.service, method: request.method, path, body: raw, node: o.node });
  let handled: Promise<Response> | null = null;
  const handle = () => (handled ??= Promise.resolve(o.handler(request)));
  const status = await act(effect, handle, res);
  o.log.add({
    kind: 'call',
    service: o.service,
    method: request.method,
    path,
    status,
    startedAt,
    ...request.facts,
    ...(o.node ? { node: o.node } : {}),
    ...(request.method !== 'GET' && o.service === 'nova' ? { body: raw.slice(0, 400) } : {}),
    ...(effect ? { fault: effect.do } : {}),
  });
}

/** Answers the status as the caller saw it; 0 where there was no answer. */
async function act(
  effect: FaultEffect | null,
  handle: () => Promise<Response>,
  res: http.ServerResponse,
): Promise<number> {
  switch (effect?.do) {
    case undefined:
      return send(res, await handle());
    case 'status':
      return send(res, faulty(effect));
    case 'delay':
      await sleep(effect.ms, undefined, { ref: false });
      return send(res, await handle());
    case 'slow-answer': {
      const answer = await handle();
      await sleep(effect.ms, undefined, { ref: false });
      return send(res, answer);
    }
    case 'effect-then-drop':
      await handle();
      return drop(res);
    case 'drop':
      return drop(res);
    case 'drop-then-effect':
      drop(res);
      await sleep(effect.ms, undefined, { ref: false });
      await handle();
      return 0;
    case 'hang':
      await new Promise((resolve) => res.once('close', resolve));
      return 0;
    case 'half-page':
      return send(res, half(await handle()));
    case 'cut-body':
      return cut(res, await handle());
  }
}

function faulty(effect: Extract<FaultEffect, { do: 'status' }>): Response {
  const headers: Record<string, string> = {};
  if (effect.retryAfter !== undefined) headers['retry-after'] = String(effect.retryAfter);
  if (effect.contentType) headers['content-type'] = effect.contentType;
  const body = effect.body ?? { error: { code: effect.status, message: effect.message ?? 'scripted fault' } };
  return { status: effect.status, body, headers };
}

function half(answer: Response): Response {
  const body = answer.body as Record<string, unknown>;
  if (!answer.list) return answer;
  const rows = body[answer.list] as unknown[];
  return { ...answer, body: { [answer.list]: rows.slice(0, Math.floor(rows.length / 2)) } };
}

function text(answer: Response): string {
  if (answer.body === undefined) return '';
  return typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
}

function send(res: http.ServerResponse, answer: Response): number {
  if (res.destroyed) return 0;
  res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  res.end(text(answer));
  return answer.status;
}

function cut(res: http.ServerResponse, answer: Response): number {
  const body = text(answer);
  res.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': String(body.length) });
  res.write(body.slice(0, Math.floor(body.length / 2)), () => res.destroy());
  return answer.status;
}

function drop(res: http.ServerResponse): number {
  res.destroy();
  return 0;
}

async function bodyOf(req: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parse(req: http.IncomingMessage, raw: string): Request {
  const origin = `http://${req.headers.host ?? '127.0.0.1'}`;
  const url = new URL(req.url ?? '/', origin);
  let body: unknown;
  try {
    body = raw === '' ? undefined : JSON.parse(raw);
  } catch {
    body = undefined;
  }
  return {
    method: req.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: req.headers,
    raw,
    body,
    origin,
    facts: { by: req.headers['user-agent'] ?? 'unknown' },
  };
}
