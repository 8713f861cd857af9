// servers: lists (paged) and one, in the shape of the asked microversion.
import { createHash } from 'node:crypto';
import type { Centre } from './centre.ts';
import { novaTime, novaZulu, serviceIsUp } from './centre.ts';
import type { Instance } from './model.ts';
import { Refusal } from './nova-evacuate.ts';
import { page } from './paging.ts';
import type { Call } from './nova.ts';
import type { Response } from './web.ts';

/** What Nova shows of an image's properties (2.98): those that it knows by name (nova/objects/image_meta.py), a few of them. */
const STANDARD = /^(hw|os|img|cinder|traits|base_image|mappings|min)_|^(architecture|instance_uuid)$/;

export function listServers(centre: Centre, call: Call, detail: boolean): Response {
  const { query } = call.request;
  const everybody = ['1', 'true', 'True', ''].includes(query.get('all_tenants') ?? 'no');
  if (everybody && !call.admin)
    throw new Refusal(403, "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.");
  // Nova lets only admins filter by these; for others they are ignored.
  const filter = (key: string) => (call.admin ? query.get(key) : null);
  const filtered = ['host', 'status', 'name', 'locked', 'limit', 'marker'].some((key) => query.has(key));
  const stubs: object[] = [];
  const rows = [...centre.instances.values()]
    .filter((i) => !i.deleted && (everybody || i.projectId === call.projectId))
    .filter((i) => {
      if (!inDownCell(centre, i)) return true;
      // A cell that does not answer: a stub from 2.69 on, but none in a filtered or paged list.
      if (call.minor >= 69 && !filtered) stubs.push(stub(i, call));
      return false;
    })
    .filter((i) => filter('host') === null || i.host === filter('host'))
    .filter((i) => !['true', 'false'].includes(filter('locked') ?? '') || String(i.locked) === filter('locked'))
    .filter((i) => !query.get('status') || statusOf(i) === query.get('status')?.toUpperCase())
    .filter((i) => !query.get('name') || i.name.includes(query.get('name') ?? ''))
    .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const { rows: shown, links } = page(
    centre,
    call,
    rows,
    (i) => i.id,
    (m) => `marker [${m}] not found`,
  );
  const servers = [...shown.map((i) => (detail ? show(centre, i, call) : brief(i, call))), ...stubs];
  return { status: 200, list: 'servers', body: { servers, ...(links ? { servers_links: links } : {}) } };
}

/** 404 also for another project's, as Nova says it to a member. */
export function findServer(centre: Centre, call: Call, id: string): Instance {
  const instance = centre.instances.get(id);
  if (!instance || instance.deleted || (!call.admin && instance.projectId !== call.projectId))
    throw new Refusal(404, `Instance ${id} could not be found.`);
  return instance;
}

export function showServer(centre: Centre, call: Call, id: string): Response {
  const instance = findServer(centre, call, id);
  call.request.facts.instance = id;
  if (!inDownCell(centre, instance)) return { status: 200, body: { server: show(centre, instance, call) } };
  if (call.minor < 69) throw new Refusal(500, 'Unexpected API Error.');
  return { status: 200, body: { server: stub(instance, call) } };
}

function inDownCell(centre: Centre, instance: Instance): boolean {
  const node = instance.host ? centre.nodes.get(instance.host) : undefined;
  return node !== undefined && centre.downCells.has(node.cell);
}

const linksOf = (id: string, call: Call) => [
  { rel: 'self', href: `${call.request.origin}/v2.1/servers/${id}` },
  { rel: 'bookmark', href: `${call.request.origin}/servers/${id}` },
];
const brief = (i: Instance, call: Call): object => ({ id: i.id, name: i.name, links: linksOf(i.id, call) });
const stub = (i: Instance, call: Call): object => ({
  id: i.id,
  tenant_id: i.projectId,
  created: novaZulu(i.createdAt),
  status: 'UNKNOWN',
  links: linksOf(i.id, call),
});

/** The API's word for vm_state and task_state (nova/api/openstack/common.py). */
export function statusOf(i: Instance): string {
  if (i.taskState?.startsWith('rebuild') && ['active', 'stopped', 'error'].includes(i.vmState)) return 'REBUILD';
  if (i.taskState === 'migrating') return 'MIGRATING';
  if (i.taskState?.startsWith('resize') && i.vmState === 'active') return 'RESIZE';
  const names: Record<string, string> = {
    active: 'ACTIVE',
    error: 'ERROR',
    building: 'BUILD',
    stopped: 'SHUTOFF',
    paused: 'PAUSED',
    suspended: 'SUSPENDED',
    rescued: 'RESCUE',
    resized: 'VERIFY_RESIZE',
    shelved: 'SHELVED',
    shelved_offloaded: 'SHELVED_OFFLOADED',
    'soft-delete': 'SOFT_DELETED',
    deleted: 'DELETED',
  };
  return names[i.vmState] ?? 'UNKNOWN';
}

function show(centre: Centre, i: Instance, call: Call): object {
  const { minor, request, admin } = call;
  const hostId = i.host
    ? createHash('sha224')
        .update(i.projectId + i.host)
        .digest('hex')
    : '';
  const image = i.disk === 'volume' ? '' : showImage(centre, i, minor, request.origin);
  return {
    id: i.id,
    name: i.name,
    status: statusOf(i),
    tenant_id: i.projectId,
    user_id: i.userId,
    metadata: i.metadata,
    hostId,
    image,
    flavor: showFlavor(i, minor, request.origin),
    created: novaZulu(i.createdAt),
    updated: novaZulu(i.updatedAt),
    addresses: {
      net: [
        { version: 4, addr: '10.0.0.2', 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01' },
      ],
    },
    accessIPv4: '',
    accessIPv6: '',
    links: linksOf(i.id, call),
    'OS-DCF:diskConfig': 'MANUAL',
    ...(i.fault && ['ERROR', 'DELETED'].includes(statusOf(i))
      ? { fault: { code: i.fault.code, created: novaZulu(i.fault.created), message: i.fault.message } }
      : { progress: 0 }),
    'OS-EXT-AZ:availability_zone': i.host ? i.zone : '',
    ...(minor >= 96 ? { pinned_availability_zone: i.requestedZone } : {}),
    config_drive: '',
    key_name: null,
    'OS-SRV-USG:launched_at': i.launchedAt === null ? null : novaTime(i.launchedAt),
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-STS:task_state': i.taskState,
    'OS-EXT-STS:vm_state': i.vmState,
    'OS-EXT-STS:power_state': i.powerState,
    'os-extended-volumes:volumes_attached':
      i.disk === 'volume' ? [{ id: volumeOf(i), ...(minor >= 3 ? { delete_on_termination: false } : {}) }] : [],
    security_groups: [{ name: 'default' }],
    ...(admin ? adminOnly(centre, i, minor) : {}),
    ...(minor >= 9 ? { locked: i.locked } : {}),
    ...(minor >= 19 ? { description: null } : {}),
    ...(minor >= 26 ? { tags: i.tags } : {}),
    ...(minor >= 63 ? { trusted_image_certificates: null } : {}),
    ...(minor >= 71 && !request.path.endsWith('/detail') ? { server_groups: i.group ? [i.group] : [] } : {}),
    ...(minor >= 73 ? { locked_reason: i.lockedReason } : {}),
  };
}

const volumeOf = (i: Instance): string => i.id.replace(/^......../, 'da7ab10c');

function adminOnly(centre: Centre, i: Instance, minor: number): object {
  const node = i.host ? centre.nodes.get(i.host) : undefined;
  return {
    'OS-EXT-SRV-ATTR:host': i.host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${i.id.slice(0, 8)}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': node?.hypervisorHostname ?? null,
    ...(minor >= 3 ? bootFacts(i) : {}),
    ...(minor >= 16 ? { host_status: hostStatus(centre, i) } : {}),
  };
}

const bootFacts = (i: Instance): object => ({
  'OS-EXT-SRV-ATTR:hostname': i.name,
  'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
  'OS-EXT-SRV-ATTR:kernel_id': '',
  'OS-EXT-SRV-ATTR:ramdisk_id': '',
  'OS-EXT-SRV-ATTR:launch_index': 0,
  'OS-EXT-SRV-ATTR:reservation_id': `r-${i.id.slice(0, 8)}`,
  'OS-EXT-SRV-ATTR:user_data': null,
});

function hostStatus(centre: Centre, i: Instance): string {
  const node = i.host ? centre.nodes.get(i.host) : undefined;
  if (!node) return '';
  if (node.service.forcedDown) return 'DOWN';
  if (node.service.disabled) return 'MAINTENANCE';
  return serviceIsUp(centre, node) ? 'UP' : 'UNKNOWN';
}

/** Also of an image that is gone: Nova keeps what it was made from (nova/api/openstack/compute/views/servers.py). */
function showImage(centre: Centre, i: Instance, minor: number, origin: string): object {
  const links = [{ rel: 'bookmark', href: `${origin}/images/${i.imageId}` }];
  const known = Object.entries(centre.images.get(i.imageId)?.properties ?? {}).filter(([key]) => STANDARD.test(key));
  return { id: i.imageId, links, ...(minor >= 98 ? { properties: Object.fromEntries(known) } : {}) };
}

function showFlavor(i: Instance, minor: number, origin: string): object {
  const { name, vcpus, ram, disk, ephemeral, swap, extraSpecs } = i.flavor;
  if (minor < 47) return { id: name, links: [{ rel: 'bookmark', href: `${origin}/flavors/${name}` }] };
  return { vcpus, ram, disk, ephemeral, swap, original_name: name, extra_specs: extraSpecs };
}
