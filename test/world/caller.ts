// A small client for the world's own tests: raw calls, no retries, no opinions. Not what Lifeboat uses.
import type { World } from './world.ts';

export interface Reply {
  status: number;
  body: unknown;
  headers: Headers;
}

export interface Caller {
  get(path: string, microversion?: string): Promise<Reply>;
  /** PUT /os-services/<id>. */
  put(serviceId: string, change: object, microversion?: string): Promise<Reply>;
  /** POST /servers/<id>/action. */
  act(id: string, action: object, microversion?: string): Promise<Reply>;
  remove(path: string): Promise<Reply>;
  placement(path: string, version?: string): Promise<Reply>;
  keystone(path: string): Promise<Reply>;
  glance(path: string): Promise<Reply>;
  services(): Promise<{ host: string; state: string; status: string; updated_at: string; forced_down: boolean }[]>;
  token: string;
}

/** Logs in with a password; by default as the service user. */
export async function connectAs(
  world: World,
  user?: { name: string; project: string; password?: string },
): Promise<Caller> {
  const name = user?.name ?? world.env['OS_USERNAME'] ?? '';
  const password = user ? (user.password ?? `${user.name}-pass`) : world.env['OS_PASSWORD'];
  const project = user?.project ?? world.env['OS_PROJECT_NAME'];
  const domain = { id: 'default' };
  const reply = await call(
    `${world.endpoints.keystone}/v3/auth/tokens`,
    'POST',
    {},
    {
      auth: {
        identity: { methods: ['password'], password: { user: { name, domain, password } } },
        scope: { project: { name: project, domain } },
      },
    },
  );
  const token = reply.headers.get('x-subject-token');
  if (!token) throw new Error(`log in ${name}: ${reply.status}`);
  return caller(world, token);
}

function caller(world: World, token: string): Caller {
  const compute = (method: string, path: string, microversion = '2.94', body?: object) =>
    call(
      `${world.endpoints.nova}/v2.1${path}`,
      method,
      { 'x-auth-token': token, 'openstack-api-version': `compute ${microversion}` },
      body,
    );
  return {
    token,
    get: (path, microversion) => compute('GET', path, microversion),
    put: (id, change, microversion) => compute('PUT', `/os-services/${id}`, microversion, change),
    act: (id, action, microversion) => compute('POST', `/servers/${id}/action`, microversion, action),
    remove: (path) => compute('DELETE', path),
    placement: (path, version = '1.36') =>
      call(`${world.endpoints.placement}${path}`, 'GET', {
        'x-auth-token': token,
        'openstack-api-version': `placement ${version}`,
      }),
    keystone: (path) => call(`${world.endpoints.keystone}${path}`, 'GET', { 'x-auth-token': token }),
    glance: (path) => call(`${world.endpoints.glance}${path}`, 'GET', { 'x-auth-token': token }),
    async services() {
      const reply = await compute('GET', '/os-services?binary=nova-compute');
      return (reply.body as { services: Awaited<ReturnType<Caller['services']>> }).services;
    },
  };
}

async function call(url: string, method: string, headers: Record<string, string>, body?: object): Promise<Reply> {
  const init: RequestInit = { method, headers: { 'content-type': 'application/json', ...headers } };
  if (body) init.body = JSON.stringify(body);
  const response = await fetch(url, init);
  const text = await response.text();
  let parsed: unknown = text;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON: the text itself is the answer.
  }
  return { status: response.status, body: parsed, headers: response.headers };
}

export async function bmcCall(
  world: World,
  node: string,
  method: string,
  tail: string,
  body?: object,
  headers = {},
): Promise<Reply> {
  const { url, systemPath, user, password } = world.node(node).redfish;
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return call(`${url}${systemPath}${tail}`, method, { authorization: basic, ...headers }, body);
}

export async function powerOf(world: World, node: string): Promise<unknown> {
  const reply = await bmcCall(world, node, 'GET', '');
  return reply.status === 200 ? (reply.body as { PowerState?: unknown }).PowerState : reply.status;
}

export async function resetPower(world: World, node: string, type: string): Promise<number> {
  return (await bmcCall(world, node, 'POST', '/Actions/ComputerSystem.Reset', { ResetType: type })).status;
}
