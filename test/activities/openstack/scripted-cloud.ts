// A cloud of scripted answers on a free loopback port: Keystone, version documents, and what each test adds. It notes every request.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connectCloud, type ConnectOptions } from '../../../activities/openstack/cloud.ts';
import type { Time } from '../../../activities/openstack/retry.ts';
import type { OpenStack } from '../../../activities/openstack/types.ts';

export const PASSWORD = 'correct-horse-battery';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export type Reply =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string; after?: Promise<unknown> }
  /** The connection dies: before any answer, in the middle of one, or never. */
  | 'reset'
  | 'half'
  | 'hang';

/** The nth (from 1) request of a route. */
export type Route = Reply | ((seen: Seen, nth: number) => Reply);

export interface ScriptedCloud {
  url: string;
  /** `GET /compute/v2.1/os-services` → answer. Later ones win. */
  on(route: string, answer: Route): void;
  requests: Seen[];
  count(route: string): number;
  last(route: string): Seen;
  /** How long the client wanted to pause between tries (it never really does). */
  pauses: number[];
  /** Advances the client's clock. */
  later(ms: number): void;
  env: NodeJS.ProcessEnv;
  connect(options?: ConnectOptions): Promise<OpenStack>;
  close(): Promise<void>;
}

export const token = (n: number): string => `gAAAAABtoken-number-${n}-long-enough`;
const INTERFACES = ['public', 'internal'];

export async function startCloud(tls?: { key: string; cert: string }): Promise<ScriptedCloud> {
  const routes = new Map<string, Route>();
  const counts = new Map<string, number>();
  const requests: Seen[] = [];
  const opened: OpenStack[] = [];
  const handle: RequestListener = (req, res) => {
    void readAll(req).then((text) => {
      const url = new URL(req.url ?? '/', 'http://loopback');
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const seen = {
        method: req.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: req.headers,
        body,
      };
      requests.push(seen);
      const key = `${seen.method} ${seen.path}`;
      const nth = (counts.get(key) ?? 0) + 1;
      counts.set(key, nth);
      const route = routes.get(key);
      return answer(res, typeof route === 'function' ? route(seen, nth) : (route ?? { status: 404, json: NOT_HERE }));
    });
  };
  const server = tls ? createTlsServer(tls, handle) : createServer(handle);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let ahead = 0;
  const pauses: number[] = [];
  const time: Time = {
    now: () => performance.now() + ahead,
    pause: async (ms) => void pauses.push(ms),
  };
  const env = {
    OS_AUTH_URL: `${url}/identity`,
    ...{ OS_USERNAME: 'lifeboat', OS_PASSWORD: PASSWORD, OS_PROJECT_NAME: 'service', OS_REGION_NAME: 'one' },
    ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default', HOME: '/nonexistent' },
  };
  routes.set('POST /identity/v3/auth/tokens', (_, nth) => login(url, nth, 3_600_000));
  routes.set('GET /compute/v2.1/', { json: { version: { id: 'v2.1', version: '2.96', min_version: '2.1' } } });
  routes.set('GET /placement/', { json: { versions: [{ id: 'v1.0', max_version: '1.39', min_version: '1.0' }] } });
  routes.set('GET /compute/v2.1/os-hypervisors/detail', { json: { hypervisors: [] } });
  routes.set('GET /compute/v2.1/os-server-groups', { json: { server_groups: [] } });
  return {
    ...{ url, requests, pauses, env },
    on: (route, reply) => void routes.set(route, reply),
    count: (route) => counts.get(route) ?? 0,
    last: (route) => requests.filter((r) => `${r.method} ${r.path}` === route).at(-1)!,
    later: (ms) => void (ahead += ms),
    connect: async (options) => {
      const os = await connectCloud({ env, cwd: '/nonexistent', time, ...options });
      opened.push(os);
      return os;
    },
    close: async () => {
      for (const os of opened) await os.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const NOT_HERE = { itemNotFound: { code: 404, message: 'no such route in this test' } };

/** What Keystone answers to a login: the nth token, with a catalog of two regions. */
export function login(url: string, nth: number, lifeMs: number): Reply {
  const issued = Date.UTC(2026, 0, 1);
  const endpoints = (path: string) =>
    ['one', 'two'].flatMap((region) =>
      INTERFACES.map((i) => ({ interface: i, region, region_id: region, url: `${url}${path}` })),
    );
  const catalog = [
    { type: 'compute', endpoints: endpoints('/compute/v2.1') },
    { type: 'placement', endpoints: endpoints('/placement') },
    { type: 'image', endpoints: endpoints('/image') },
    { type: 'identity', endpoints: endpoints('/identity') },
    { type: 'network', endpoints: endpoints('/networking') },
  ];
  const user = { id: 'u-lifeboat', name: 'lifeboat' };
  const at = (ms: number) => new Date(ms).toISOString();
  return {
    status: 201,
    headers: { 'x-subject-token': token(nth) },
    json: {
      token: {
        ...{ issued_at: at(issued), expires_at: at(issued + lifeMs), user, catalog },
        ...{ roles: [{ name: 'admin' }], project: { id: 'p-service' } },
      },
    },
  };
}

async function answer(res: ServerResponse, reply: Reply): Promise<void> {
  if (reply === 'hang') return;
  if (reply === 'reset') return void res.socket?.destroy();
  if (reply === 'half') {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    res.write('{"services": [');
    // Let the part go out before the line dies.
    return void setImmediate(() => res.socket?.destroy());
  }
  await reply.after;
  const text = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
  const type = reply.text === undefined ? 'application/json' : 'text/html';
  res.writeHead(reply.status ?? 200, { 'content-type': type, ...reply.headers }).end(text);
}

async function readAll(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return text;
}
