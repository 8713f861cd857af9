// Keystone v3: tokens by password and application credential, the catalog, people and their roles.
import type { Centre, Token } from './centre.ts';
import { DOMAIN, keystoneError, readPeople, roleId, rolesOf } from './keystone-people.ts';
import type { User } from './model.ts';
import type { Handler, Request, Response } from './web.ts';

const unauthorized = (origin: string): Response => ({
  ...keystoneError(401, 'Unauthorized', 'The request you have made requires authentication.'),
  headers: { 'www-authenticate': `Keystone uri="${origin}/v3"` },
});

/** The token of a request, if it is valid now. */
export function tokenOf(centre: Centre, request: Request): Token | null {
  const id = request.headers['x-auth-token'];
  const token = typeof id === 'string' ? centre.tokens.get(id) : undefined;
  if (!token || token.expiresAt <= Date.now()) return null;
  const user = centre.users.get(token.userId);
  if (!user?.enabled) return null;
  request.facts.by = user.name;
  return token;
}

export function keystone(centre: Centre): Handler {
  return (request) => {
    const path = request.path.replace(/\/+$/, '');
    if (path === '') return { status: 300, body: { versions: { values: [version(request)] } } };
    if (path === '/v3') return { status: 200, body: { version: version(request) } };
    if (path === '/v3/auth/tokens' && request.method === 'POST') return logIn(centre, request);
    const token = tokenOf(centre, request);
    if (!token) return unauthorized(request.origin);
    if (path === '/v3/auth/tokens') return aboutToken(centre, request, token);
    if (request.method !== 'GET') return keystoneError(403, 'Forbidden', 'You are not authorized.');
    if (path === '/v3/auth/catalog') return { status: 200, body: { catalog: catalog(centre) } };
    return readPeople(centre, request, path, token);
  };
}

function version(request: Request): object {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${request.origin}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
}

function logIn(centre: Centre, request: Request): Response {
  const found = identify(centre, request);
  if (!found || !found.user.enabled) return unauthorized(request.origin);
  request.facts.by = found.user.name;
  if (found.projectId && rolesOf(centre, found.user.id, found.projectId).length === 0)
    return unauthorized(request.origin);
  const id = `gAAAAAB${centre.random.hex(60)}`;
  const expiresAt = Date.now() + centre.settings.tokenSeconds * 1_000;
  const token: Token = { userId: found.user.id, projectId: found.projectId, expiresAt, method: found.method };
  centre.tokens.set(id, token);
  return { status: 201, body: { token: describe(centre, token) }, headers: { 'x-subject-token': id } };
}

interface AuthBody {
  auth?: {
    identity?: {
      methods?: string[];
      password?: { user?: { id?: string; name?: string; password?: string } };
      application_credential?: { id?: string; secret?: string };
      token?: { id?: string };
    };
    scope?: 'unscoped' | { project?: { id?: string; name?: string } };
  };
}

function identify(centre: Centre, request: Request): { user: User; projectId: string | null; method: string } | null {
  const auth = (request.body as AuthBody | undefined)?.auth;
  const methods = auth?.identity?.methods ?? [];
  if (methods.includes('application_credential')) {
    const given = auth?.identity?.application_credential;
    const known = centre.appCredentials.get(given?.id ?? '');
    const user = known && known.secret === given?.secret ? centre.users.get(known.userId) : undefined;
    return user && known ? { user, projectId: known.projectId, method: 'application_credential' } : null;
  }
  const scope = typeof auth?.scope === 'object' ? auth.scope.project : undefined;
  const project = [...centre.projects.values()].find((p) => p.id === scope?.id || p.name === scope?.name);
  if (scope && !project) return null;
  if (methods.includes('token')) {
    const old = centre.tokens.get(auth?.identity?.token?.id ?? '');
    const user = old ? centre.users.get(old.userId) : undefined;
    return user ? { user, projectId: project?.id ?? null, method: 'token' } : null;
  }
  const given = auth?.identity?.password?.user;
  const user = [...centre.users.values()].find((u) => u.id === given?.id || u.name === given?.name);
  if (!user || user.password !== given?.password) return null;
  return { user, projectId: project?.id ?? null, method: 'password' };
}

function describe(centre: Centre, token: Token): object {
  const user = centre.users.get(token.userId)!;
  const project = token.projectId ? centre.projects.get(token.projectId) : undefined;
  const micro = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z/, '.000000Z');
  return {
    methods: [token.method],
    user: { domain: DOMAIN, id: user.id, name: user.name, password_expires_at: null },
    audit_ids: [centre.random.hex(22)],
    expires_at: micro(token.expiresAt),
    issued_at: micro(token.expiresAt - centre.settings.tokenSeconds * 1_000),
    ...(project
      ? {
          project: { domain: DOMAIN, id: project.id, name: project.name },
          is_domain: false,
          roles: rolesOf(centre, user.id, project.id).map((name) => ({ id: roleId(name), name })),
          catalog: catalog(centre),
        }
      : {}),
  };
}

function catalog(centre: Centre): object[] {
  const { keystone, nova, placement, glance } = centre.endpoints;
  const region = centre.settings.region;
  const entry = (type: string, name: string, url: string) => ({
    id: roleId(name),
    type,
    name,
    endpoints: ['public', 'internal', 'admin'].map((face) => ({
      id: roleId(name + face),
      interface: face,
      region_id: region,
      region,
      url,
    })),
  });
  return [
    entry('identity', 'keystone', `${keystone}/v3`),
    entry('compute', 'nova', `${nova}/v2.1`),
    entry('placement', 'placement', placement),
    entry('image', 'glance', glance),
  ];
}

function aboutToken(centre: Centre, request: Request, own: Token): Response {
  const id = request.headers['x-subject-token'];
  if (typeof id !== 'string') return keystoneError(404, 'Not Found', 'No token in the request');
  const token = centre.tokens.get(id);
  if (!token) return keystoneError(404, 'Not Found', `Could not find token.`);
  if (request.method === 'DELETE') {
    centre.tokens.delete(id);
    return { status: 204 };
  }
  void own;
  return { status: 200, body: { token: describe(centre, token) }, headers: { 'x-subject-token': id } };
}
