// Nova. Microversions and what they bring: recovery.md's list, checked against nova 33 (2026.1).
import type { InstanceView, NodeView } from '../../workflows/domain.ts';
import * as view from './compute-views.ts';
import { configError, OpenStackError } from './errors.ts';
import { failed } from './exchange.ts';
import type { Hypervisors } from './hypervisors.ts';
import type { Call, Service } from './service.ts';
import type { CallOptions, Compute, InstanceOptions } from './types.ts';

const V = {
  services: { from: '2.53', to: '2.69', why: 'services by UUID' },
  update: { from: '2.53', to: '2.53', why: 'one PUT disables and forces down' },
  servers: { from: '2.73', to: '2.73', why: 'the reason of a lock' },
  // 2.96: the zone that it was asked for; on an older cloud nobody knows it.
  server: { from: '2.73', to: '2.96', why: 'the reason of a lock' },
  // Properties of images that Nova knows by name are shown from 2.98 on; an older cloud shows none, and nothing else changes for us.
  serversWithImages: { from: '2.73', to: '2.98', why: 'the reason of a lock' },
  migrations: { from: '2.59', to: '2.59', why: 'paging and changes-since of os-migrations' },
  groups: { from: '2.64', to: '2.64', why: 'the policy of a server group' },
  // From 2.95 on an evacuated server ends stopped.
  evacuate: { from: '2.68', to: '2.94', why: 'evacuation without force' },
  // 2.34: no checks before the answer; 2.68: no force.
  liveMigrate: { from: '2.34', to: '2.68', why: 'live migration that decides by itself what to copy' },
};

export function createCompute(nova: Service, hypervisors: Hypervisors): Compute {
  const services = createServices(nova, hypervisors);
  const act = async (id: string, body: unknown, versions: Call['versions'], o?: CallOptions): Promise<void> => {
    await nova.write({ method: 'POST', path: `/servers/${encodeURIComponent(id)}/action`, body, versions }, o);
  };
  return {
    ...services,
    instances: (host, o) => instances(nova, services.service, host, o),
    unlocked: async (host, o) => {
      const query = { all_tenants: '1', host, locked: 'false' };
      const { rows } = await nova.list({ method: 'GET', path: '/servers', query, versions: V.servers }, view.IDS, o);
      return new Set(rows.map((r) => r.id));
    },
    instance: async (id, o) => {
      const path = `/servers/${encodeURIComponent(id)}`;
      const found = await nova.find({ method: 'GET', path, versions: V.server }, view.ONE_SERVER, o);
      return found ? usable(found.server, path) : null;
    },
    migrations: (f, o) => migrations(nova, services.service, f, o),
    evacuate: (id, target, o) => act(id, { evacuate: target === undefined ? {} : { host: target } }, V.evacuate, o),
    liveMigrate: (id, o) => act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } }, V.liveMigrate, o),
    lock: async (id, reason, o) =>
      act(id, { lock: { locked_reason: fits(reason, 'the reason of a lock') } }, V.servers, o),
    unlock: (id, o) => act(id, { unlock: null }, V.servers, o),
    start: (id, o) => act(id, { 'os-start': null }, V.servers, o),
    stop: (id, o) => act(id, { 'os-stop': null }, V.servers, o),
    resetState: (id, state, o) => act(id, { 'os-resetState': { state } }, V.servers, o),
    serverGroup: async (id, o) => {
      const path = `/os-server-groups/${encodeURIComponent(id)}`;
      const found = await nova.find({ method: 'GET', path, versions: V.groups }, view.ONE_GROUP, o);
      return found?.server_group ?? null;
    },
  };
}

/** What every Nova has beside its nodes; one that is not listed is as bad as one that is down. */
const CONTROLLERS = ['nova-scheduler', 'nova-conductor'] as const;

function createServices(
  nova: Service,
  hypervisors: Hypervisors,
): Pick<Compute, 'services' | 'service' | 'updateService' | 'controllers' | 'aggregates' | 'aggregateList'> {
  const list = async (query: Record<string, string>, o?: CallOptions): Promise<NodeView[]> => {
    const call = { method: 'GET', path: '/os-services', versions: V.services } as const;
    const got = await nova.read({ ...call, query: { binary: 'nova-compute', ...query } }, view.SERVICES, o);
    const rows = got.services.filter((r) => r.binary === 'nova-compute');
    return withAddresses(rows, o);
  };
  const withAddresses = async (rows: view.ServiceRow[], o?: CallOptions): Promise<NodeView[]> => {
    const addresses = await hypervisors.addresses(
      rows.map((r) => r.host),
      o?.signal,
    );
    return rows.map((r) => view.nodeView(r, addresses.get(r.host) ?? null));
  };
  const aggregateList: Compute['aggregateList'] = async (o) =>
    (await nova.read({ method: 'GET', path: '/os-aggregates', versions: V.services }, view.AGGREGATES, o)).aggregates;
  return {
    services: (o) => list({}, o),
    service: async (host, o) => {
      // Compared again: a node that was taken for another is the mistake that nobody can mend.
      const rows = (await list({ host }, o)).filter((r) => r.host === host);
      if (rows.length > 1) {
        const message = `${rows.length} nova-compute services are named ${host} (delete the stale one)`;
        throw failed({ service: 'compute', method: 'GET', path: '/os-services' }, { kind: 'conflict', message });
      }
      return rows[0] ?? null;
    },
    controllers: async (o) => {
      const call = { method: 'GET', path: '/os-services', versions: V.services } as const;
      const rows = await Promise.all(
        CONTROLLERS.map((binary) => nova.read({ ...call, query: { binary } }, view.SERVICES, o)),
      );
      const of = (binary: string): 'up' | 'down' =>
        rows.some(({ services }) => services.some((r) => r.binary === binary && r.state === 'up')) ? 'up' : 'down';
      return Object.fromEntries(CONTROLLERS.map((binary) => [binary, of(binary)]));
    },
    aggregates: async (o) => Object.fromEntries((await aggregateList(o)).map(({ name, hosts }) => [name, hosts])),
    aggregateList,
    updateService: async (serviceId, change, o) => {
      const call = {
        method: 'PUT',
        path: `/os-services/${encodeURIComponent(serviceId)}`,
        versions: V.update,
      } as const;
      const got = await nova.writeRead({ ...call, body: bodyOf(change) }, view.ONE_SERVICE, o);
      const [node] = await withAddresses([got.service], o);
      return node!;
    },
  };
}

function bodyOf(change: Parameters<Compute['updateService']>[1]): Record<string, unknown> {
  if (change.disabledReason !== undefined && change.status !== 'disabled') {
    // Nova drops it in silence beside forced_down alone, and our marker would be missing.
    throw configError('os-services: a disabled reason goes only with status disabled');
  }
  return {
    ...(change.status === undefined ? {} : { status: change.status }),
    ...(change.disabledReason === undefined ? {} : { disabled_reason: fits(change.disabledReason, 'disabled_reason') }),
    ...(change.forcedDown === undefined ? {} : { forced_down: change.forcedDown }),
  };
}

/** Nova keeps 255 characters; a marker that was cut would not be found again. */
function fits(text: string, what: string): string {
  if (text === '' || text.length > 255) throw configError(`${what}: must have 1 to 255 characters, has ${text.length}`);
  return text;
}

function usable(row: view.ServerRow, path: string, groups?: string[]): InstanceView {
  const trouble = view.serverTrouble(row);
  if (trouble) throw failed({ service: 'compute', method: 'GET', path }, { ...trouble, status: 200 });
  return view.instanceView(row, groups);
}

type FindService = (host: string, o?: CallOptions) => Promise<NodeView | null>;

async function instances(
  nova: Service,
  service: FindService,
  host: string,
  o?: InstanceOptions,
): Promise<InstanceView[]> {
  const path = '/servers/detail';
  const query = { all_tenants: '1', host };
  const versions = o?.imageProperties ? V.serversWithImages : V.servers;
  const { rows, pages } = await nova.list({ method: 'GET', path, query, versions }, view.SERVERS, o);
  if (rows.length === 0 || pages > 1) await cellMustAnswer(service, host, path, o);
  if (rows.length === 0) return [];
  const groups = await groupsOf(nova, o);
  const byId = new Map(rows.map((r) => [r.id, usable(r, path, groups.get(r.id) ?? [])]));
  return [...byId.values()].filter((i) => i.host === host);
}

async function migrations(
  nova: Service,
  service: FindService,
  f: Parameters<Compute['migrations']>[0],
  o?: CallOptions,
): ReturnType<Compute['migrations']> {
  const path = '/os-migrations';
  const query = {
    ...(f.sourceCompute === undefined ? {} : { source_compute: f.sourceCompute }),
    ...(f.type === undefined ? {} : { migration_type: f.type }),
    ...(f.changesSince === undefined ? {} : { 'changes-since': f.changesSince }),
    ...(f.instanceId === undefined ? {} : { instance_uuid: f.instanceId }),
    ...(f.host === undefined ? {} : { host: f.host }),
  };
  const { rows, pages } = await nova.list({ method: 'GET', path, query, versions: V.migrations }, view.MIGRATIONS, o);
  const host = f.sourceCompute ?? f.host;
  if (host !== undefined && (rows.length === 0 || pages > 1)) await cellMustAnswer(service, host, path, o);
  if (rows.some((r) => r.source_compute === undefined)) {
    const message = 'Nova hides the hosts of migrations from us (our user needs the admin role)';
    throw failed({ service: 'compute', method: 'GET', path }, { kind: 'forbidden', message, status: 200 });
  }
  // Nova ignores source_compute beside host, and its database may not tell small letters from capitals.
  return rows
    .map(view.migrationRecord)
    .filter((r) => f.sourceCompute === undefined || r.sourceCompute === f.sourceCompute)
    .filter((r) => f.host === undefined || r.sourceCompute === f.host || r.destCompute === f.host);
}

/**
 * A filtered list leaves out cells that do not answer, with 200 and without a word (list_records_by_skipping_down_cells, on by
 * default): "none" and "half" look the same. os-services tells them apart.
 */
async function cellMustAnswer(service: FindService, host: string, path: string, o?: CallOptions): Promise<void> {
  if ((await service(host, o))?.state !== 'unknown') return;
  const message = `the list may be short: the cell of ${host} does not answer`;
  throw failed({ service: 'compute', method: 'GET', path }, { kind: 'server', message, status: 200 });
}

/** Server groups by instance. Nova pages these by offset, and only the list of one server (not of many) names them. */
async function groupsOf(nova: Service, o?: CallOptions): Promise<Map<string, string[]>> {
  const out = new Map<string, string[]>();
  const seen = new Set<string>();
  for (;;) {
    const query = { all_projects: 'True', limit: '500', offset: String(seen.size) };
    const call = { method: 'GET', path: '/os-server-groups', query, versions: V.groups } as const;
    let page: { server_groups: { id: string; members: string[] }[] };
    try {
      page = await nova.read(call, view.GROUPS, o);
    } catch (e) {
      // A plan is better for knowing them; a recovery must not wait for a policy that hides them.
      if (e instanceof OpenStackError && e.kind === 'forbidden') return out;
      throw e;
    }
    const fresh = page.server_groups.filter((g) => !seen.has(g.id));
    if (fresh.length === 0) return out;
    for (const g of fresh) {
      seen.add(g.id);
      for (const m of g.members) out.set(m, [...(out.get(m) ?? []), g.id]);
    }
  }
}
