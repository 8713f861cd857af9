// The lab's cloud as the lane sees it: plain HTTP of its own, so that what Lifeboat says is judged by something else than
// Lifeboat's client.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { until } from '../support/until.ts';

export interface Server {
  id: string;
  name: string;
  status: string;
  tenant_id: string;
  locked: boolean;
  locked_reason: string | null;
  'OS-EXT-SRV-ATTR:host': string | null;
  'OS-EXT-STS:task_state': string | null;
}

export interface ServiceRow {
  id: string;
  host: string;
  status: string;
  state: string;
  forced_down: boolean;
  disabled_reason: string | null;
}

export interface Migration {
  id: number;
  status: string;
  instance_uuid: string;
  source_compute: string;
  dest_compute: string | null;
  created_at: string;
  updated_at: string | null;
}

/** Nova's times are UTC in whole seconds, without a zone; in ms. */
export const utc = (text: string): number => Date.parse(text.endsWith('Z') ? text : `${text}Z`);

interface Auth {
  auth_url: string;
  username: string;
  password: string;
  project_name: string;
}

type Answer = { status: number; body: unknown };

export interface LabCloud {
  projectId: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Of another service of the catalog. Rejects on anything but 2xx. */
  get<T>(service: string, path: string): Promise<T>;
  services(): Promise<ServiceRow[]>;
  servers(query?: string): Promise<Server[]>;
  server(id: string): Promise<Server>;
  evacuations(source: string): Promise<Migration[]>;
  liveMigrations(source: string): Promise<Migration[]>;
  /** `count` instances on that node, named `name` or `name-1` … Resolves when all are ACTIVE. */
  make(name: string, node: string, count?: number): Promise<Server[]>;
  act(id: string, action: Record<string, unknown>): Promise<void>;
  /** Deletes all whose name starts so; resolves when they are gone. */
  remove(prefix: string): Promise<void>;
}

export async function labCloud(cloudsYaml: string, name: string): Promise<LabCloud> {
  const clouds = (parse(readFileSync(cloudsYaml, 'utf8')) as { clouds: Record<string, { auth: Auth } | undefined> })
    .clouds;
  const entry = clouds[name];
  if (!entry) throw new Error(`${cloudsYaml}: there is no cloud ${name} (docs/lab.md)`);
  const { token, projectId, endpoint } = await logIn(entry.auth);
  const send = async (method: string, url: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(url, {
      method,
      headers: {
        'x-auth-token': token,
        'openstack-api-version': 'compute 2.94',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  const call: LabCloud['call'] = (method, path, body) => send(method, `${endpoint('compute')}${path}`, body);
  const get = async <T>(service: string, path: string): Promise<T> => {
    const { status, body } = await send('GET', `${endpoint(service)}${path}`);
    if (status >= 300) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    return body as T;
  };
  const write = async (method: string, path: string, body: unknown): Promise<Answer> => {
    const answer = await call(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`);
    return answer;
  };
  const servers: LabCloud['servers'] = async (query = 'all_tenants=1') =>
    (await get<{ servers: Server[] }>('compute', `/servers/detail?${query}`)).servers;
  const named = async (prefix: string): Promise<{ id: string; name: string }[]> =>
    (
      await get<{ servers: { id: string; name: string }[] }>('compute', `/servers?limit=1000&name=${prefix}`)
    ).servers.filter((s) => s.name.startsWith(prefix));
  const moved = async (type: string, source: string): Promise<Migration[]> => {
    const query = `migration_type=${type}&source_compute=${source}&limit=1000`;
    return (await get<{ migrations: Migration[] }>('compute', `/os-migrations?${query}`)).migrations;
  };
  return {
    ...{ projectId, call, get, servers },
    services: async () =>
      (await get<{ services: ServiceRow[] }>('compute', '/os-services?binary=nova-compute')).services,
    server: async (id) => (await get<{ server: Server }>('compute', `/servers/${id}`)).server,
    evacuations: (source) => moved('evacuation', source),
    liveMigrations: (source) => moved('live-migration', source),
    act: async (id, action) => void (await write('POST', `/servers/${id}/action`, action)),
    async make(serverName, node, count = 1) {
      const fresh = await rawServer({ get, projectId });
      for (let left = count; left > 0; left -= 25) {
        const n = Math.min(left, 25);
        const server = { ...fresh, name: serverName, host: node, min_count: n, max_count: n };
        await write('POST', '/servers', { server });
      }
      // Not by servers/detail, which costs Nova much more.
      const ready = async (): Promise<boolean> =>
        (await get<{ servers: unknown[] }>('compute', `/servers?limit=1000&status=ACTIVE&name=${serverName}`)).servers
          .length >= count;
      await until(ready, { what: `${count} instances run on ${node}`, timeoutMs: 600_000, everyMs: 500 + count * 40 });
      return (await servers('limit=1000')).filter((s) => s.name.startsWith(serverName));
    },
    async remove(prefix) {
      for (const { id } of await named(prefix)) await call('DELETE', `/servers/${id}`);
      const gone = async (): Promise<boolean> => (await named(prefix)).length === 0;
      await until(gone, { what: `${prefix} is deleted`, timeoutMs: 300_000, everyMs: 500 });
    },
  };
}

async function logIn(auth: Auth): Promise<{ token: string; projectId: string; endpoint: (service: string) => string }> {
  const answer = await fetch(`${auth.auth_url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: auth.username, domain: { id: 'default' }, password: auth.password } },
        },
        scope: { project: { name: auth.project_name, domain: { id: 'default' } } },
      },
    }),
  });
  const token = answer.headers.get('x-subject-token');
  if (!token) throw new Error(`no token for ${auth.username}: ${answer.status}`);
  const told = (await answer.json()) as {
    token: {
      project: { id: string };
      catalog: { type: string; endpoints: { interface: string; url: string }[] }[];
    };
  };
  const endpoint = (service: string): string => {
    if (service === 'identity') return auth.auth_url;
    const found = told.token.catalog.find((c) => c.type === service)?.endpoints.find((e) => e.interface === 'public');
    if (!found) throw new Error(`the catalog of the lab has no ${service}`);
    return found.url.replace(/\/$/, '');
  };
  return { token, projectId: told.token.project.id, endpoint };
}

/** The smallest flavor, the first image, the project's own network. */
async function rawServer({ get, projectId }: Pick<LabCloud, 'get' | 'projectId'>): Promise<Record<string, unknown>> {
  const { flavors } = await get<{ flavors: { id: string; ram: number }[] }>('compute', '/flavors/detail');
  const { images } = await get<{ images: { id: string }[] }>('image', '/v2/images');
  const { networks } = await get<{ networks: { id: string; project_id: string }[] }>('network', '/v2.0/networks');
  const flavor = flavors.sort((a, b) => a.ram - b.ram)[0];
  const network = networks.find((n) => n.project_id === projectId);
  if (!flavor || !images[0]) throw new Error('the lab has no flavor or no image');
  return {
    flavorRef: flavor.id,
    imageRef: images[0].id,
    networks: network ? [{ uuid: network.id }] : 'none',
  };
}

/** Mail addresses of the enabled users with a role on the project: the lane's own reading of Keystone. */
export async function membersOf(admin: LabCloud, projectId: string): Promise<string[]> {
  const { role_assignments: rows } = await admin.get<{ role_assignments: { user?: { id: string } }[] }>(
    'identity',
    `/role_assignments?effective=true&scope.project.id=${projectId}`,
  );
  const mails = new Set<string>();
  for (const id of new Set(rows.flatMap((r) => r.user?.id ?? []))) {
    const { user } = await admin.get<{ user: { enabled: boolean; email?: string } }>('identity', `/users/${id}`);
    if (user.enabled && user.email) mails.add(user.email);
  }
  return [...mails].sort();
}
