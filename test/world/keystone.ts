// Keystone v3: tokens by password and application credential, the catalog, people and their roles.
import type { Centre, Token } from './centre.ts';
import type { Assignment, Project, User } from './model.ts';
import type { Handler, Request, Response } from './web.ts';

const DOMAIN = { id: 'default', name: 'Default' };
/** Keystone's own implications: admin → manager → member → reader. */
const IMPLIED: Record<string, string[]> = {
  admin: ['manager', 'member', 'reader'],
  manager: ['member', 'reader'],
  member: ['reader'],
  service: [],
  reader: [],
};

export const keystoneError = (status: number, title: string, message: string): Response => ({
  status,
  body: { error: { code: status, message, title } },
});
const unauthorized = (origin: string): Response => ({
  ...keystoneError(401, 'Unauthorized', 'The request you have made requires authentication.'),
  headers: { 'www-authenticate': `Keystone uri="${origin}/v3"` },
});

export function rolesOf(centre: Centre, userId: string, projectId: string | null): string[] {
  const direct = effective(centre)
    .filter((a) => a.userId === userId && a.projectId === projectId)
    .map((a) => a.role);
  return [...new Set(direct)];
}

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
    return read(centre, request, path, token);
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

const roleId = (name: string): string => Buffer.from(name.padEnd(16, '.')).toString('hex');

function catalog(centre: Centre): object[] {
  const { keystone, nova, placement } = centre.endpoints;
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

/** Every assignment that works, as a user's on a project: groups, inheritance and implied roles resolved. */
export function effective(centre: Centre): (Assignment & { userId: string })[] {
  const out: (Assignment & { userId: string })[] = [];
  for (const a of centre.assignments) {
    const users = a.userId ? [a.userId] : (centre.userGroups.get(a.groupId ?? '')?.users ?? []);
    const projects = a.inherited
      ? [...centre.projects.values()].filter((p) => isBelow(centre, p, a.projectId)).map((p) => p.id)
      : [a.projectId];
    for (const userId of users)
      for (const projectId of projects)
        for (const role of [a.role, ...(IMPLIED[a.role] ?? [])]) out.push({ userId, projectId, role });
  }
  return out;
}

function isBelow(centre: Centre, project: Project, ancestor: string): boolean {
  if (project.parentId === ancestor) return true;
  const parent = centre.projects.get(project.parentId);
  return parent !== undefined && isBelow(centre, parent, ancestor);
}

function read(centre: Centre, request: Request, path: string, token: Token): Response {
  const { origin } = request;
  const admin = rolesOf(centre, token.userId, token.projectId).includes('admin');
  const [, , kind, id, sub] = path.split('/');
  if (kind === 'users' && id === token.userId) return one('user', showUser(centre.users.get(id)!, origin));
  if (!admin) return keystoneError(403, 'Forbidden', 'You are not authorized to perform the requested action.');
  if (kind === 'role_assignments') return assignments(centre, request);
  if (kind === 'users' && id) {
    const user = centre.users.get(id);
    return user ? one('user', showUser(user, origin)) : keystoneError(404, 'Not Found', `Could not find user: ${id}.`);
  }
  if (kind === 'users')
    return list(
      'users',
      [...centre.users.values()].map((u) => showUser(u, origin)),
      request,
    );
  if (kind === 'projects' && id) {
    const project = centre.projects.get(id);
    if (!project) return keystoneError(404, 'Not Found', `Could not find project: ${id}.`);
    return one('project', showProject(project, origin));
  }
  if (kind === 'projects')
    return list(
      'projects',
      [...centre.projects.values()].map((p) => showProject(p, origin)),
      request,
    );
  if (kind === 'groups' && id && sub === 'users') {
    const users = centre.userGroups.get(id)?.users ?? [];
    return list(
      'users',
      users.map((u) => showUser(centre.users.get(u)!, origin)),
      request,
    );
  }
  return keystoneError(404, 'Not Found', 'The resource could not be found.');
}

const one = (key: string, value: object): Response => ({ status: 200, body: { [key]: value } });
const list = (key: string, rows: object[], request: Request): Response => ({
  status: 200,
  list: key,
  body: { [key]: rows, links: { next: null, self: `${request.origin}${request.path}`, previous: null } },
});

function showUser(user: User, origin: string): object {
  return {
    id: user.id,
    name: user.name,
    domain_id: 'default',
    enabled: user.enabled,
    ...(user.email === null ? {} : { email: user.email }),
    password_expires_at: null,
    options: {},
    links: { self: `${origin}/v3/users/${user.id}` },
  };
}

function showProject(project: Project, origin: string): object {
  return {
    id: project.id,
    name: project.name,
    domain_id: 'default',
    description: '',
    enabled: true,
    parent_id: project.parentId,
    is_domain: false,
    tags: [],
    options: {},
    links: { self: `${origin}/v3/projects/${project.id}` },
  };
}

function assignments(centre: Centre, request: Request): Response {
  const { query, origin } = request;
  const asked = (name: string) => query.has(name) && !['0', 'false', 'False'].includes(query.get(name) ?? '');
  const rows = asked('effective') ? effective(centre) : centre.assignments;
  const wanted = rows.filter(
    (a) =>
      (!query.get('scope.project.id') || a.projectId === query.get('scope.project.id')) &&
      (!query.get('user.id') || a.userId === query.get('user.id')) &&
      (!query.get('group.id') || a.groupId === query.get('group.id')),
  );
  const named = (id: string, name: string | undefined) =>
    asked('include_names') ? { id, name, domain: DOMAIN } : { id };
  const shown = wanted.map((a) => ({
    links: {
      assignment: `${origin}/v3/projects/${a.projectId}/users/${a.userId ?? a.groupId}/roles/${roleId(a.role)}`,
    },
    scope: {
      project: named(a.projectId, centre.projects.get(a.projectId)?.name),
      ...(a.inherited ? { 'OS-INHERIT:inherited_to': 'projects' } : {}),
    },
    ...(a.userId
      ? { user: named(a.userId, centre.users.get(a.userId)?.name) }
      : { group: named(a.groupId ?? '', centre.userGroups.get(a.groupId ?? '')?.name) }),
    role: asked('include_names') ? { id: roleId(a.role), name: a.role } : { id: roleId(a.role) },
  }));
  return list('role_assignments', shown, request);
}
