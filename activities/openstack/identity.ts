// Keystone: who has to be told, and who are we.
import { z } from 'zod';
import type { Time } from './retry.ts';
import type { Page, Service } from './service.ts';
import type { Session } from './session.ts';
import type { CallOptions, Identity, Person } from './types.ts';

const KEEP_MS = 10 * 60_000;

const ASSIGNMENT = z.object({
  user: z.object({ id: z.string(), name: z.string().nullish() }).optional(),
  role: z.object({ name: z.string().nullish() }).optional(),
});
const ASSIGNMENTS = z
  .object({ role_assignments: z.array(ASSIGNMENT), links: z.object({ next: z.string().nullish() }).optional() })
  .transform((x): Page<z.output<typeof ASSIGNMENT>> => ({ rows: x.role_assignments, next: x.links?.next ?? null }));
const USER = z.object({
  user: z.object({ id: z.string(), name: z.string(), email: z.string().nullish(), enabled: z.boolean().default(true) }),
});
const PROJECT = z.object({ project: z.object({ name: z.string() }) });

export function createIdentity(keystone: Service, session: Session, time: Time): Identity {
  const person = createPeople(keystone, time);
  return {
    peopleOf: async (projectId, o) => {
      // `effective` expands groups, inheritance and implied roles into one row per user and role.
      const query = { effective: 'true', include_names: 'true', 'scope.project.id': projectId };
      const call = { method: 'GET', path: '/role_assignments', query } as const;
      const { rows } = await keystone.list(call, ASSIGNMENTS, o);
      const us = (await session.token(o?.signal)).userId;
      const users = new Map<string, { name: string; roles: Set<string> }>();
      for (const { user, role } of rows) {
        if (!user || user.id === us) continue;
        const known = users.get(user.id) ?? { name: user.name ?? '', roles: new Set() };
        if (role?.name) known.roles.add(role.name);
        users.set(user.id, known);
      }
      return Promise.all(
        [...users].map(async ([id, { name, roles }]) => ({ ...(await person(id, name, o)), roles: [...roles].sort() })),
      );
    },
    projectName: async (projectId, o) => {
      const path = `/projects/${encodeURIComponent(projectId)}`;
      return (await keystone.read({ method: 'GET', path }, PROJECT, o)).project.name;
    },
    whoAmI: async (o) => {
      const t = await session.token(o?.signal);
      return { userId: t.userId, userName: t.userName, roles: t.roles, projectId: t.projectId };
    },
  };
}

function createPeople(keystone: Service, time: Time) {
  const known = new Map<string, { person: Person; until: number }>();
  return async (id: string, name: string, o?: CallOptions): Promise<Person> => {
    const kept = known.get(id);
    if (kept && time.now() < kept.until) return kept.person;
    const found = await keystone.find({ method: 'GET', path: `/users/${encodeURIComponent(id)}` }, USER, o);
    // An assignment outlives its user where users come from a directory: told as somebody without an address.
    const person: Person = found
      ? { userId: id, name: found.user.name, email: found.user.email || null, enabled: found.user.enabled }
      : { userId: id, name: name || id, email: null, enabled: false };
    known.set(id, { person, until: time.now() + KEEP_MS });
    return person;
  };
}
