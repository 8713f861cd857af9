// Who is told. Users: everybody with an effective role on a project whose instances are concerned, once a person.
import type { Notice, Stage } from '../../workflows/contract.ts';
import type { Identity, Person } from '../openstack/types.ts';
import { usableAddress } from './address.ts';
import type { Recipient } from './contract.ts';

export interface Found {
  recipients: Recipient[];
  unreachable: string[];
}

/** What tenants are told of; the rest is the operators' business. */
export const USER_STAGES: readonly Stage[] = ['started', 'delayed', 'finished'];

export function findAdmins(admins: readonly { name: string; address: string }[]): Found {
  if (admins.length === 0)
    return { recipients: [], unreachable: ['no admin: the configuration names none (notification.admins)'] };
  const once = new Map(admins.map((a) => [a.address.toLowerCase(), a]));
  const recipients = [...once.values()].map(({ name, address }): Recipient => ({
    id: address,
    name,
    address,
    audience: 'admin',
    projects: [],
  }));
  return { recipients, unreachable: [] };
}

/** Reads Keystone; its errors reject, and the activity is tried again. No instance: nobody, and nothing is asked. */
export async function findUsers(notice: Notice, identity: Identity): Promise<Found> {
  const projects = [...new Set(notice.instances.map((i) => i.projectId))].sort();
  const found = await Promise.all(
    projects.map(async (id) => {
      const [people, name] = await Promise.all([identity.peopleOf(id), nameOf(id, identity)]);
      return { id, name, people: people.filter((p) => p.enabled) };
    }),
  );
  const byAddress = new Map<string, { people: Person[]; address: string; projects: Record<string, string> }>();
  const unreachable = new Set<string>();
  for (const project of found) {
    if (project.people.length === 0) unreachable.add(`project ${project.name}: nobody has a role on it`);
    for (const person of project.people) {
      const address = usableAddress(person.email);
      if (address === null) {
        unreachable.add(`${person.name} (project ${project.name}): ${person.email ? 'unusable' : 'no'} address`);
        continue;
      }
      const entry = byAddress.get(address.toLowerCase()) ?? { people: [], address, projects: {} };
      entry.people.push(person);
      entry.projects[project.id] = project.name;
      byAddress.set(address.toLowerCase(), entry);
    }
  }
  return { recipients: [...byAddress.values()].map(asRecipient), unreachable: [...unreachable] };
}

/** Two users with one address (a team's mailbox) get one message; the first id speaks for both, the same at each repeat. */
function asRecipient(e: { people: Person[]; address: string; projects: Record<string, string> }): Recipient {
  const first = e.people.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))[0]!;
  const names = [...new Set(e.people.map((p) => p.name))];
  return {
    id: first.userId,
    name: names.length === 1 ? names[0]! : '',
    address: e.address,
    audience: 'user',
    projects: Object.keys(e.projects),
    projectNames: e.projects,
  };
}

/** A project that is gone from Keystone must not keep the others' people from being told. */
async function nameOf(id: string, identity: Identity): Promise<string> {
  try {
    return await identity.projectName(id);
  } catch (error) {
    if ((error as { kind?: unknown }).kind === 'notFound') return id;
    throw error;
  }
}
