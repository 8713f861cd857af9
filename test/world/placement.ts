// Placement: what room there is. It knows nothing of up and down, zones or groups: those are Nova's.
import type { Centre, Resources } from './centre.ts';
import { tokenOf } from './keystone.ts';
import { rolesOf } from './keystone-people.ts';
import type { Node } from './model.ts';
import { capacityOf, fits, usedOf } from './scheduler.ts';
import type { Handler, Request, Response } from './web.ts';

const placementError = (centre: Centre, status: number, title: string, detail: string): Response => ({
  status,
  body: {
    errors: [{ status, title, detail, request_id: `req-${centre.random.uuid()}`, code: 'placement.undefined_code' }],
  },
});

export function placement(centre: Centre): Handler {
  return (request) => {
    const path = request.path.replace(/\/+$/, '');
    const max = centre.settings.placementMax;
    if (path === '')
      return {
        status: 200,
        body: {
          versions: [
            { id: 'v1.0', max_version: max, min_version: '1.0', status: 'CURRENT', links: [{ rel: 'self', href: '' }] },
          ],
        },
      };
    const asked = /placement\s+(\S+)/.exec(String(request.headers['openstack-api-version'] ?? ''))?.[1] ?? '1.0';
    const version = asked === 'latest' ? max : asked;
    const minor = Number(version.split('.')[1]);
    if (!/^1\.\d+$/.test(version) || minor > Number(max.split('.')[1]))
      return placementError(
        centre,
        406,
        'Not Acceptable',
        `Invalid microversion: Unacceptable version header: ${version}`,
      );
    const token = tokenOf(centre, request);
    if (!token)
      return {
        status: 401,
        body: {
          error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
        },
      };
    if (!rolesOf(centre, token.userId, token.projectId).some((r) => r === 'admin' || r === 'service'))
      return placementError(centre, 403, 'Forbidden', 'Access was denied to this resource.');
    const headers = { 'openstack-api-version': `placement ${version}`, vary: 'openstack-api-version' };
    const answer = route(centre, request, path, minor);
    return { ...answer, headers: { ...answer.headers, ...headers } };
  };
}

function route(centre: Centre, request: Request, path: string, minor: number): Response {
  if (request.method !== 'GET')
    return placementError(centre, 405, 'Method Not Allowed', 'The world is read only here.');
  const [, room, id, sub] = path.split('/');
  if (room === 'allocation_candidates') return listCandidates(centre, request, minor);
  if (room === 'allocations' && id) return showAllocations(centre, id);
  if (room !== 'resource_providers')
    return placementError(centre, 404, 'Not Found', 'The resource could not be found.');
  const { query } = request;
  if (!id) {
    const nodes = [...centre.nodes.values()]
      .filter((n) => !query.get('name') || n.hypervisorHostname === query.get('name'))
      .filter((n) => !query.get('uuid') || n.hypervisorId === query.get('uuid'));
    return { status: 200, list: 'resource_providers', body: { resource_providers: nodes.map(showProvider) } };
  }
  const node = [...centre.nodes.values()].find((n) => n.hypervisorId === id);
  if (!node) return placementError(centre, 404, 'Not Found', `No resource provider with uuid ${id} found`);
  if (sub === 'usages') return { status: 200, body: { resource_provider_generation: 1, usages: usedOf(centre, node) } };
  if (sub === 'traits') return { status: 200, body: { resource_provider_generation: 1, traits: traitsOf(node) } };
  if (sub === 'inventories')
    return { status: 200, body: { resource_provider_generation: 1, inventories: inventories(node) } };
  if (sub === 'allocations')
    return { status: 200, body: { resource_provider_generation: 1, allocations: on(centre, node) } };
  return { status: 200, body: showProvider(node) };
}

const traitsOf = (node: Node): string[] => [
  'COMPUTE_NODE',
  ...(node.service.disabledTrait ? ['COMPUTE_STATUS_DISABLED'] : []),
];

const showProvider = (node: Node): object => ({
  uuid: node.hypervisorId,
  name: node.hypervisorHostname,
  generation: 1,
  parent_provider_uuid: null,
  root_provider_uuid: node.hypervisorId,
  links: ['', '/inventories', '/usages', '/aggregates', '/traits', '/allocations'].map((tail) => ({
    rel: tail === '' ? 'self' : tail.slice(1),
    href: `/resource_providers/${node.hypervisorId}${tail}`,
  })),
});

const inventories = (node: Node): object =>
  Object.fromEntries(
    Object.entries(capacityOf(node)).map(([name, total]) => [
      name,
      { total, reserved: 0, min_unit: 1, max_unit: total, step_size: 1, allocation_ratio: 1.0 },
    ]),
  );

function on(centre: Centre, node: Node): object {
  const out: Record<string, { resources: Resources }> = {};
  for (const [consumer, byProvider] of centre.allocations) {
    const resources = byProvider.get(node.hypervisorId);
    if (resources) out[consumer] = { resources };
  }
  return out;
}

const CLASSES = ['VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB', 'VGPU', 'PCI_DEVICE'];
const MALFORMED = 'The server could not comply with the request since it is either malformed or otherwise incorrect.';

function listCandidates(centre: Centre, request: Request, minor: number): Response {
  const { query } = request;
  const need: Resources = {};
  const malformed = (what: string): Response =>
    placementError(centre, 400, 'Bad Request', `${MALFORMED}\n\n ${what}  `);
  if (!query.get('resources')) return malformed('There must be at least one resources or resources[$S] parameter.');
  for (const part of (query.get('resources') ?? '').split(',')) {
    const [name, amount] = part.split(':');
    if (!name || !/^[1-9]\d*$/.test(amount ?? ''))
      return placementError(
        centre,
        400,
        'Bad Request',
        `Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: ${part}.`,
      );
    if (!CLASSES.includes(name) && !name.startsWith('CUSTOM_'))
      return malformed(`Invalid resource class in resources parameter: No such resource class ${name}.`);
    need[name] = Number(amount);
  }
  const traits = (query.get('required') ?? '').split(',').filter((t) => t !== '');
  const able = [...centre.nodes.values()]
    .filter((node) =>
      traits.every((t) => (t.startsWith('!') ? !traitsOf(node).includes(t.slice(1)) : traitsOf(node).includes(t))),
    )
    .filter((node) => !query.get('in_tree') || query.get('in_tree') === node.hypervisorId)
    .filter((node) => fits(centre, node, need));
  const limited = query.get('limit') ? able.slice(0, Number(query.get('limit'))) : able;
  const requests = limited.map((node) => ({
    allocations: { [node.hypervisorId]: { resources: need } },
    ...(minor >= 34 ? { mappings: { '': [node.hypervisorId] } } : {}),
  }));
  const summaries = Object.fromEntries(limited.map((node) => [node.hypervisorId, summary(centre, node, need, minor)]));
  return { status: 200, body: { allocation_requests: requests, provider_summaries: summaries } };
}

// From 1.27 on all of a provider's classes are told, before that only those that were asked for.
function summary(centre: Centre, node: Node, need: Resources, minor: number): object {
  const used = usedOf(centre, node);
  const resources = Object.fromEntries(
    Object.entries(capacityOf(node))
      .filter(([name]) => minor >= 27 || name in need)
      .map(([name, capacity]) => [name, { capacity, used: used[name] ?? 0 }]),
  );
  return {
    resources,
    ...(minor >= 17 ? { traits: traitsOf(node) } : {}),
    ...(minor >= 29 ? { parent_provider_uuid: null, root_provider_uuid: node.hypervisorId } : {}),
  };
}

function showAllocations(centre: Centre, consumer: string): Response {
  const byProvider = centre.allocations.get(consumer);
  const instance = centre.instances.get(consumer);
  if (!byProvider || !instance || byProvider.size === 0) return { status: 200, body: { allocations: {} } };
  const allocations = Object.fromEntries([...byProvider].map(([id, resources]) => [id, { resources, generation: 1 }]));
  return {
    status: 200,
    body: { allocations, project_id: instance.projectId, user_id: instance.userId, consumer_generation: 1 },
  };
}
