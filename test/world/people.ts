// The people of the world: users, projects, roles, groups, and Lifeboat's own service user.
import type { Centre } from './centre.ts';

export const SERVICE_USER = { name: 'lifeboat', password: 'lifeboat-pass', project: 'service' };
export function addPerson(
  centre: Centre,
  name: string,
  project: string,
  role = 'member',
  email?: string | null,
): string {
  const { random } = centre;
  let home = [...centre.projects.values()].find((p) => p.name === project);
  if (!home) {
    home = { id: random.hex(32), name: project, parentId: 'default' };
    centre.projects.set(home.id, home);
  }
  let user = [...centre.users.values()].find((u) => u.name === name);
  if (!user) {
    const address = email === undefined ? `${name}@${project}.example` : email;
    user = { id: random.hex(32), name, password: `${name}-pass`, email: address, enabled: true };
    centre.users.set(user.id, user);
  }
  centre.assignments.push({ userId: user.id, projectId: home.id, role });
  const { email: shown, enabled } = user;
  centre.log.add({ kind: 'person', user: name, address: shown, projects: [home.id], enabled });
  return user.id;
}

export function foundPeople(centre: Centre): void {
  const id = addPerson(centre, SERVICE_USER.name, SERVICE_USER.project, 'admin', null);
  addPerson(centre, SERVICE_USER.name, SERVICE_USER.project, 'service', null);
  centre.users.get(id)!.password = SERVICE_USER.password;
  const projectId = [...centre.projects.values()][0]!.id;
  const secret = centre.random.hex(40);
  const appId = centre.random.hex(32);
  centre.appCredentials.set(appId, { id: appId, secret, userId: id, projectId });
  addPerson(centre, 'operator', 'admin', 'admin', 'operator@cloud.example');
  for (const project of centre.settings.projects)
    for (const user of project.users ?? [`${project.name}-user`]) addPerson(centre, user, project.name);
}

export function addUserGroup(
  centre: Centre,
  name: string,
  users: string[],
  project: string,
  o: { role?: string; inherited?: boolean } = {},
): string {
  const id = centre.random.hex(32);
  const projectId = [...centre.projects.values()].find((p) => p.name === project)?.id;
  if (!projectId) throw new Error(`add group ${name}: the world has no project ${project}`);
  const members = [...centre.users.values()].filter((u) => users.includes(u.name));
  centre.userGroups.set(id, { name, users: members.map((u) => u.id) });
  const { role = 'member', inherited = false } = o;
  centre.assignments.push({ groupId: id, projectId, role, ...(inherited ? { inherited } : {}) });
  const below = [...centre.projects.values()].filter((p) => p.parentId === projectId).map((p) => p.id);
  const projects = inherited ? below : [projectId];
  for (const { name: user, email: address, enabled } of members)
    centre.log.add({ kind: 'person', user, address, projects, enabled });
  return id;
}
