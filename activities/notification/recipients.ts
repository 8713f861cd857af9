// Who is told. Users: who has to do with a project or an instance that is concerned, once a person. Admins: a list, and who has a role.
import type { Notice, Stage } from '../../workflows/contract.ts';
import type { Compute, Identity, Person } from '../openstack/types.ts';
import { usableAddress } from './address.ts';
import type { Recipient } from './contract.ts';
import type { Told } from './instance-lines.ts';

export interface Found {
  recipients: Recipient[];
  unreachable: string[];
}

export interface Rules {
  admins: readonly { name: string; address: string }[];
  /** Who has this role on `adminProject` (by default the project that our own user works in) is an admin too. */
  adminRole?: string | undefined;
  adminProject?: string | undefined;
  /** Who has one of these on an instance's project is told. Absent: who has any; empty: nobody by a role. */
  tenantRoles?: readonly string[] | undefined;
  /** Who made an instance is told of it, if they still have a role on its project. */
  creator?: boolean | undefined;
  /** An instance's metadata key that holds an address. */
  metadataKey?: string | undefined;
}

export interface Sources {
  identity: Identity;
  /** Asked only with `metadataKey`. */
  compute?: Pick<Compute, 'instance'>;
}

/** What tenants are told of; the rest is the operators' business. */
export const USER_STAGES: readonly Stage[] = ['started', 'delayed', 'finished'];

/** Reads Keystone only where a role is configured; its errors reject, and the activity is tried again. */
export async function findAdmins(rules: Rules, identity: Identity): Promise<Found> {
  const unreachable: string[] = [];
  const byRole = rules.adminRole === undefined ? [] : await peopleByRole(rules, identity, unreachable);
  const named = [...rules.admins, ...byRole];
  if (named.length === 0)
    unreachable.push('no admin: the configuration names none (notification.admins, notification.adminRole)');
  // The first one counts: the list before the role.
  const once = new Map(named.toReversed().map((a) => [a.address.toLowerCase(), a]));
  const recipients = [...once.values()].toReversed().map(({ name, address }): Recipient => ({
    ...{ id: address, name, address, audience: 'admin', projects: [] },
  }));
  return { recipients, unreachable };
}

async function peopleByRole(
  { adminRole: role, adminProject }: Rules,
  identity: Identity,
  unreachable: string[],
): Promise<{ name: string; address: string }[]> {
  const project = adminProject ?? (await identity.whoAmI()).projectId;
  if (project === null) {
    unreachable.push(`admins by role ${role}: our own login has no project (name one: notification.adminProject)`);
    return [];
  }
  const people = (await identity.peopleOf(project)).filter((p) => p.enabled && p.roles?.includes(role!) === true);
  if (people.length === 0) unreachable.push(`admins by role ${role}: nobody has it on project ${project}`);
  return people.flatMap((p) => {
    const address = usableAddress(p.email);
    if (address === null) unreachable.push(`${p.name} (admin by role ${role}): ${p.email ? 'unusable' : 'no'} address`);
    return address === null ? [] : [{ name: p.name, address }];
  });
}

/** One address: whose it is, and what they may be told of. */
interface Entry {
  people: Person[];
  address: string;
  projects: Set<string>;
  instances: Set<string>;
}

interface Search {
  rules: Rules;
  entries: Map<string, Entry>;
  unreachable: Set<string>;
  contacts: Map<string, string>;
}

/** Reads Keystone; its errors reject, and the activity is tried again. No instance: nobody, and nothing is asked. */
export async function findUsers(notice: Notice, rules: Rules, { identity, compute }: Sources): Promise<Found> {
  const ids = [...new Set(notice.instances.map((i) => i.projectId))].sort();
  const [projects, contacts] = await Promise.all([
    Promise.all(
      ids.map(async (id) => {
        const [people, name] = await Promise.all([identity.peopleOf(id), nameOf(id, identity)]);
        return { id, name, people: people.filter((p) => p.enabled) };
      }),
    ),
    contactsOf(notice, rules, compute),
  ]);
  const search: Search = { rules, entries: new Map(), unreachable: new Set(), contacts };
  for (const project of projects)
    searchProject(
      search,
      project,
      notice.instances.filter((i) => i.projectId === project.id),
    );
  const names = Object.fromEntries(projects.map(({ id, name }) => [id, name]));
  const projectOf = new Map(notice.instances.map((i) => [i.id, i.projectId]));
  const recipients = [...search.entries.values()].map((e) => asRecipient(e, names, projectOf));
  return { recipients, unreachable: [...search.unreachable] };
}

function searchProject(search: Search, project: { id: string; name: string; people: Person[] }, instances: Told[]) {
  const { rules, unreachable, contacts } = search;
  const { id, name } = project;
  const byRole = project.people.filter((p) => !rules.tenantRoles || hasOne(p, rules.tenantRoles));
  for (const person of byRole) entryOf(search, person, name)?.projects.add(id);
  const creators = new Map(project.people.map((p) => [p.userId, p]));
  const uncovered = instances.filter((i) => {
    const maker = rules.creator ? creators.get(i.userId) : undefined;
    if (maker) entryOf(search, maker, name)?.instances.add(i.id);
    const contact = contacts.get(i.id);
    const address = usableAddress(contact);
    if (contact !== undefined && address === null)
      unreachable.add(`${i.name} (project ${name}): its ${rules.metadataKey} is no usable address`);
    if (address !== null) entryAt(search, address).instances.add(i.id);
    return !maker && address === null;
  });
  if (byRole.length > 0 || uncovered.length === 0) return;
  unreachable.add(
    rules.tenantRoles
      ? `project ${name}: nobody to tell of ${uncovered.map((i) => i.name).join(', ')} (notification.tenantRoles, creator, metadataKey)`
      : `project ${name}: nobody has a role on it`,
  );
}

const hasOne = (person: Person, roles: readonly string[]): boolean => roles.some((r) => person.roles?.includes(r));

/** Null: nobody can write to them, and that is noted. */
function entryOf(search: Search, person: Person, projectName: string): Entry | null {
  const address = usableAddress(person.email);
  if (address === null) {
    search.unreachable.add(`${person.name} (project ${projectName}): ${person.email ? 'unusable' : 'no'} address`);
    return null;
  }
  const entry = entryAt(search, address);
  if (!entry.people.some((p) => p.userId === person.userId)) entry.people.push(person);
  return entry;
}

function entryAt({ entries }: Search, address: string): Entry {
  const key = address.toLowerCase();
  const entry = entries.get(key) ?? { people: [], address, projects: new Set(), instances: new Set() };
  entries.set(key, entry);
  return entry;
}

/** Two users with one address (a team's mailbox) get one message; the first id speaks for both, the same at each repeat. */
function asRecipient(e: Entry, names: Record<string, string>, projectOf: Map<string, string>): Recipient {
  const first = e.people.toSorted((a, b) => (a.userId < b.userId ? -1 : 1))[0];
  const called = [...new Set(e.people.map((p) => p.name))];
  const own = [...e.instances].filter((id) => !e.projects.has(projectOf.get(id)!));
  const known = [...new Set([...e.projects, ...own.map((id) => projectOf.get(id)!)])];
  return {
    id: first?.userId ?? `contact:${e.address.toLowerCase()}`,
    name: called.length === 1 ? called[0]! : '',
    address: e.address,
    audience: 'user',
    projects: [...e.projects],
    projectNames: Object.fromEntries(known.map((id) => [id, names[id] ?? id])),
    ...(own.length > 0 && { instances: own }),
  };
}

/** By instance id. One read each: a tenant writes the key when they like. An instance that is gone has none. */
async function contactsOf(
  { instances }: Notice,
  { metadataKey }: Rules,
  compute: Sources['compute'],
): Promise<Map<string, string>> {
  if (metadataKey === undefined || !compute) return new Map();
  const read = await Promise.all(
    instances.map(async ({ id }) => [id, (await compute.instance(id))?.metadata[metadataKey]] as const),
  );
  return new Map(read.filter((entry): entry is [string, string] => entry[1] !== undefined));
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
