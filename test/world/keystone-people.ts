// Keystone's people: users, projects, groups, and which roles work where.
import type { Centre, Token } from './centre.ts';
import type { Assignment, Project, User } from './model.ts';
import type { Request, Response } from './web.ts';

export const DOMAIN = { id: 'default', name: 'Default' };
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
export const roleId = (name: string): string => Buffer.from(name.padEnd(16, '.')).toString('hex');

export function rolesOf(centre: Centre, userId: string, projectId: string | null): string[] {
  const direct = effective(centre)
    .filter((a) => a.userId === userId && a.projectId === projectId)
    .map((a) => a.role);
  return [...new Set(direct)];
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

export function readPeople(centre: Centre, request: Request, path: string, token: Token): Response {
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
    email: user.email,
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
