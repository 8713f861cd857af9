// A small cloud in memory, scripted by each test: rows that can be changed at will, and every call written down.
import type {
  Candidate,
  CallOptions,
  Compute,
  Image,
  OpenStack,
  OpenStackFailure,
} from '../../../activities/openstack/types.ts';
import type { InstanceView, MigrationRecord, NodeView } from '../../../workflows/domain.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const MARKER = 'lifeboat:0198a1b2-0000-7000-8000-000000000001';
export const NODE = 'compute-1';

export class NovaError extends Error {
  readonly status: number;
  readonly kind: OpenStackFailure['kind'];
  readonly maybeSent: boolean;
  constructor(status: number, kind: OpenStackFailure['kind'], message: string, maybeSent = true) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.maybeSent = maybeSent;
  }
}
export const timeout = (): NovaError => new NovaError(0, 'timeout', 'no answer within 60000 ms');
export const unavailable = (): NovaError => new NovaError(503, 'server', 'Service Unavailable');

export function newNode(host: string, change: Partial<NodeView> = {}): NodeView {
  return {
    ...{ host, serviceId: `service-${host}`, zone: 'az1', status: 'enabled', state: 'up', forcedDown: false },
    ...{ disabledReason: null, updatedAt: '2026-08-01T11:59:50.000000', hostIp: null },
    ...change,
  };
}

export function newInstance(name: string, change: Partial<InstanceView> = {}): InstanceView {
  return {
    ...{ id: `id-${name}`, name, projectId: 'acme', userId: 'alice', host: NODE, vmState: 'active', taskState: null },
    ...{ powerState: 1, status: 'ACTIVE', locked: false, lockedReason: null, launchedAt: '2026-01-01T00:00:00Z' },
    ...{ volumeBacked: true, az: 'az1', metadata: {}, tags: [], serverGroups: [], fault: null },
    flavor: { name: 'small', vcpus: 1, ram: 512, disk: 1, swap: 0, extraSpecs: {} },
    ...change,
  };
}

type Entered = keyof Compute | 'candidates' | 'projectName' | 'image';
type Hook = (...args: never[]) => unknown;

export interface FakeCloud extends OpenStack {
  nodes: Map<string, NodeView>;
  instances: Map<string, InstanceView>;
  records: MigrationRecord[];
  groups: Map<string, { id: string; name?: string; policy: string; members: string[] }>;
  candidates: Candidate[];
  calls: { what: string; id: string; at: number; options?: unknown }[];
  /** Runs before a call's own effect; may throw or wait. */
  before: Partial<Record<Entered, Hook>>;
  aggregates: Record<string, string[]>;
  aggregateMetadata: Record<string, Record<string, string>>;
  /** Glance's: what is not here is a 404, an Error is thrown. */
  imagesById: Record<string, Image | Error>;
  projectNames: Record<string, string | Error>;
  /** Replaces what an evacuate does. */
  onEvacuate: (i: InstanceView) => void;
  /** Replaces what a live migration does. */
  onMigrate: (i: InstanceView) => void;
  record(change: Partial<MigrationRecord> & { instanceId: string }): MigrationRecord;
  move(r: MigrationRecord, status: string, destCompute?: string): void;
  /** The usual course: accepted, pre-migrating after 1 s, done after `ms`. */
  work(i: InstanceView, dest: string, ms?: number): MigrationRecord;
  count(what: string): number;
}

export function fakeCloud(clock: VirtualClock): FakeCloud {
  const iso = (): string => new Date(clock.wall()).toISOString().replace('Z', '000');
  const copy = <T>(x: T): T => structuredClone(x);

  const orThrow = <T>(x: T | Error): T => {
    if (x instanceof Error) throw x;
    return x;
  };
  async function enter(what: Entered, id: string, o?: CallOptions): Promise<void> {
    cloud.calls.push({ what, id, at: clock.ms(), options: o });
    await (cloud.before[what] as ((id: string, o?: CallOptions) => unknown) | undefined)?.(id, o);
  }
  function at(id: string): InstanceView {
    const i = cloud.instances.get(id);
    if (!i) throw new NovaError(404, 'notFound', `Instance ${id} could not be found.`);
    return i;
  }

  const compute: Compute = {
    services: async (o) => (await enter('services', '', o), [...cloud.nodes.values()].map(copy)),
    controllers: () => Promise.resolve({ 'nova-scheduler': 'up', 'nova-conductor': 'up' }),
    aggregates: () => Promise.resolve(cloud.aggregates),
    async aggregateList(o) {
      await enter('aggregateList', '', o);
      return Object.entries(cloud.aggregates).map(([name, hosts]) => ({
        ...{ name, hosts, metadata: cloud.aggregateMetadata[name] ?? {} },
      }));
    },
    service: async (host, o) => (await enter('service', host, o), copy(cloud.nodes.get(host) ?? null)),
    async updateService(serviceId, change, o) {
      await enter('updateService', serviceId, o);
      const row = [...cloud.nodes.values()].find((n) => n.serviceId === serviceId);
      if (!row) throw new NovaError(404, 'notFound', 'no such service');
      Object.assign(row, change, { updatedAt: iso() });
      if (change.status === 'enabled') row.disabledReason = null;
      return copy(row);
    },
    async instances(host, o) {
      await enter('instances', host, o);
      return [...cloud.instances.values()].filter((i) => i.host === host).map(copy);
    },
    async unlocked(host, o) {
      await enter('unlocked', host, o);
      return new Set([...cloud.instances.values()].filter((i) => i.host === host && !i.locked).map((i) => i.id));
    },
    instance: async (id, o) => (await enter('instance', id, o), copy(cloud.instances.get(id) ?? null)),
    async migrations(f, o) {
      await enter('migrations', f.instanceId ?? f.sourceCompute ?? f.host ?? '', { ...o, ...f } as CallOptions);
      const since = f.changesSince;
      return (
        cloud.records
          .filter((r) => f.instanceId === undefined || r.instanceId === f.instanceId)
          .filter((r) => f.sourceCompute === undefined || r.sourceCompute === f.sourceCompute)
          .filter((r) => f.host === undefined || r.sourceCompute === f.host || r.destCompute === f.host)
          .filter((r) => f.type === undefined || r.type === f.type)
          // As Nova does it: a record that was never changed has no updated_at and is in no changes-since.
          .filter(
            (r) => since === undefined || (r.updatedAt !== null && Date.parse(`${r.updatedAt}Z`) >= Date.parse(since)),
          )
          .map(copy)
      );
    },
    async evacuate(id, target, o) {
      o?.beforeSend?.();
      await enter('evacuate', id, { ...o, target } as CallOptions);
      cloud.onEvacuate(at(id));
    },
    async liveMigrate(id, o) {
      o?.beforeSend?.();
      await enter('liveMigrate', id, o);
      cloud.onMigrate(at(id));
    },
    async lock(id, reason, o) {
      await enter('lock', id, o);
      Object.assign(at(id), { locked: true, lockedReason: reason });
    },
    async unlock(id, o) {
      await enter('unlock', id, o);
      Object.assign(at(id), { locked: false, lockedReason: null });
    },
    async start(id, o) {
      await enter('start', id, o);
      Object.assign(at(id), { vmState: 'active', powerState: 1 });
    },
    async stop(id, o) {
      await enter('stop', id, o);
      const i = at(id);
      i.taskState = 'powering-off';
      clock.after(3_000, () => Object.assign(i, { taskState: null, vmState: 'stopped', powerState: 4 }));
    },
    async resetState(id, state, o) {
      await enter('resetState', id, o);
      at(id).vmState = state;
    },
    serverGroup: async (id, o) => (await enter('serverGroup', id, o), cloud.groups.get(id) ?? null),
  };

  const cloud: FakeCloud = {
    ...{ identityUrl: 'http://keystone', region: 'RegionOne', compute },
    placement: {
      candidates: async (n, o) => (await enter('candidates', JSON.stringify(n), o), copy(cloud.candidates)),
    },
    identity: {
      peopleOf: async () => [],
      async projectName(id, o) {
        await enter('projectName', id, o);
        return orThrow(cloud.projectNames[id] ?? id);
      },
      whoAmI: async () => ({ userId: 'us', userName: 'lifeboat', roles: ['admin'], projectId: null }),
    },
    images: {
      async image(id, o) {
        await enter('image', id, o);
        return orThrow(cloud.imagesById[id] ?? null);
      },
    },
    network: { agents: async () => [] },
    baremetal: {
      node: async () => null,
      nodeOfInstance: async () => null,
      machines: async () => [],
      setPower: async () => undefined,
    },
    close: async () => undefined,
    nodes: new Map(),
    instances: new Map(),
    records: [],
    groups: new Map(),
    candidates: [],
    calls: [],
    before: {},
    aggregates: {},
    aggregateMetadata: {},
    imagesById: {},
    projectNames: {},
    onEvacuate: (i) => void cloud.work(i, 'compute-2'),
    onMigrate: (i) => {
      i.taskState = 'migrating';
      clock.after(1_000, () => {
        const r = cloud.record({ instanceId: i.id, type: 'live-migration' });
        cloud.move(r, 'running', 'compute-2');
        clock.after(10_000, () => {
          Object.assign(i, { host: 'compute-2', taskState: null });
          cloud.move(r, 'completed', 'compute-2');
        });
      });
    },
    record(change) {
      const id = Math.max(100, ...cloud.records.map((r) => r.id)) + 1;
      const base = { id, type: 'evacuation' as const, status: 'accepted', sourceCompute: NODE, destCompute: null };
      const r: MigrationRecord = { ...base, createdAt: iso(), updatedAt: null, ...change };
      cloud.records.push(r);
      return r;
    },
    move(r, status, destCompute) {
      Object.assign(r, { status, updatedAt: iso() }, destCompute === undefined ? {} : { destCompute });
    },
    work(i, dest, ms = 10_000) {
      const stopped = i.vmState === 'stopped';
      i.taskState = 'rebuilding';
      const r = cloud.record({ instanceId: i.id });
      clock.after(1_000, () => cloud.move(r, 'pre-migrating', dest));
      clock.after(ms, () => {
        Object.assign(i, {
          host: dest,
          taskState: null,
          vmState: stopped ? 'stopped' : 'active',
          powerState: stopped ? 4 : 1,
        });
        cloud.move(r, 'done');
      });
      return r;
    },
    count: (what) => cloud.calls.filter((c) => c.what === what).length,
  };
  cloud.nodes.set(NODE, newNode(NODE, { status: 'disabled', state: 'down', forcedDown: true, disabledReason: MARKER }));
  for (const host of ['compute-2', 'compute-3']) {
    cloud.nodes.set(host, newNode(host));
    cloud.candidates.push({ provider: host, free: { VCPU: 16, MEMORY_MB: 32_768, DISK_GB: 500 } });
  }
  cloud.candidates.push({ provider: NODE, free: { VCPU: 64, MEMORY_MB: 99_999, DISK_GB: 999 } });
  return cloud;
}
