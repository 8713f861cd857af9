// OpenStack: every kind of read that a recovery needs, once. What is written in an incident (the service's PUT, locks, evacuate) is
// not tried: only the roles of our token speak for it.
import type { NodeView } from '../../workflows/domain.ts';
import type { OpenStack } from '../../activities/openstack/types.ts';
import { probe, some, type Probing, type Row, type Saying } from './row.ts';

const part = 'openstack';
const ADMIN = 'the user needs the role admin (or a policy that allows this call), see docs/configuration.md';

/** `nodes`: null where the list could not be read. */
export async function checkOpenStack(probing: Probing): Promise<{ rows: Row[]; nodes: NodeView[] | null }> {
  let cloud: OpenStack | null = null;
  let project: string | null = null;
  const todo = 'look at clouds.yaml (or OS_*): auth_url, user, password, project; then: openstack token issue';
  const login = await probe(probing, { part, what: 'login', todo }, async (signal) => {
    const found = await probing.source.get('openstack');
    const me = await found.identity.whoAmI({ signal });
    [cloud, project] = [found, me.projectId];
    const region = found.region ? `, region ${found.region}` : '';
    return `${me.userName} at ${found.identityUrl}${region}; roles: ${me.roles.join(', ') || 'none'}`;
  });
  // Without a token every other line would say the same again.
  return cloud ? reads(probing, cloud, project, login) : { rows: [login], nodes: null };
}

async function reads(
  probing: Probing,
  cloud: OpenStack,
  project: string | null,
  login: Row,
): Promise<{ rows: Row[]; nodes: NodeView[] | null }> {
  let nodes: NodeView[] | null = null;
  const services = await probe(probing, { part, what: 'services', todo: ADMIN }, async (signal) => {
    nodes = await cloud.compute.services({ signal });
    return servicesText(nodes);
  });
  const found: NodeView[] = nodes ?? [];
  const host = found.find((n) => n.state === 'up')?.host ?? found[0]?.host;
  const look = (what: string, f: (signal: AbortSignal) => Promise<Saying | string>): Promise<Row> =>
    probe(probing, { part, what, todo: ADMIN }, f);
  const ofNode = host === undefined ? [] : readsOfNode(cloud, host, look);
  const rows = await Promise.all([
    ...(found.length > 0 ? [look('hypervisors', () => Promise.resolve(addresses(probing, found)))] : []),
    ...ofNode,
    look('placement', async (signal) => {
      const room = await cloud.placement.candidates({ vcpus: 1, ram: 1, disk: 1 }, { signal });
      return room.length > 0
        ? `${room.length} providers have room`
        : { verdict: 'warn', says: 'no provider has room for anything', todo: 'evacuations would wait for capacity' };
    }),
    look('role assignments', async (signal) => {
      if (!project)
        return {
          verdict: 'warn',
          says: 'not tried: our token has no project',
          todo: 'write project_name in clouds.yaml',
        };
      const people = await cloud.identity.peopleOf(project, { signal });
      return `readable (${people.length} people with a role on our own project, beside us)`;
    }),
  ]);
  return { rows: [login, services, ...rows], nodes };
}

function readsOfNode(
  { compute }: OpenStack,
  host: string,
  look: (what: string, f: (signal: AbortSignal) => Promise<Saying | string>) => Promise<Row>,
): Promise<Row>[] {
  return [
    look('servers of all projects', async (signal) => {
      const instances = await compute.instances(host, { signal });
      const projects = new Set(instances.map((i) => i.projectId)).size;
      return `${instances.length} on ${host}, of ${projects} projects`;
    }),
    look('one server', async (signal) => {
      const [first] = await compute.instances(host, { signal });
      if (!first) return `not tried: no instance on ${host}`;
      // A policy that hides other projects' servers answers 404 here, and every instance would look deleted.
      if (!(await compute.instance(first.id, { signal })))
        return {
          verdict: 'fail',
          says: `${first.id} is in the list of ${host} but answers 404 by itself`,
          todo: 'the policy context_is_admin must hold for our user: every instance would look deleted, see docs/openstack.md',
        };
      return `readable (${first.id})`;
    }),
    look('migrations', async (signal) => {
      const records = await compute.migrations({ sourceCompute: host, type: 'evacuation' }, { signal });
      return `readable (${records.length} evacuations from ${host})`;
    }),
  ];
}

function servicesText(nodes: NodeView[]): Saying {
  const by = (state: NodeView['state']): string[] => nodes.filter((n) => n.state === state).map((n) => n.host);
  const says = `${nodes.length} compute nodes, ${by('up').length} up`;
  if (nodes.length === 0) return { verdict: 'fail', says: 'no compute node', todo: 'is the region right?' };
  const unwell = [...by('down').map((h) => `${h} down`), ...by('unknown').map((h) => `${h} unknown`)];
  if (unwell.length > 0) return { verdict: 'warn', says: `${says}; ${some(unwell)}`, todo: 'npm run watch -- --once' };
  if (nodes.length === 1)
    return { verdict: 'warn', says, todo: 'a fleet of one node is only observed: there is nowhere to evacuate to' };
  return { says };
}

/** Without an address the tcp channel and the guard's witness cannot look. */
function addresses({ config }: Probing, nodes: NodeView[]): Saying | string {
  const without = nodes.filter((n) => n.hostIp === null).map((n) => n.host);
  if (without.length === 0) return 'Nova tells the address of every node';
  const uses = config.monitoring.channels.some((c) => c.driver === 'tcp');
  const todo = 'look at: openstack hypervisor list --long';
  return { verdict: uses ? 'fail' : 'warn', says: `Nova tells no address of ${some(without)}`, todo };
}
