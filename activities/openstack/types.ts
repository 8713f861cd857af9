// What the rest of Lifeboat needs of an OpenStack cloud. `cloud.ts` makes it from clouds.yaml; tests may make another.
// Every call: a time limit, bounded concurrency, reads retried (Retry-After honoured), writes sent once.
// Errors are OpenStackError and read `[GET] compute /os-services: 503 <message> (request req-…)`.
import type { InstanceView, MigrationRecord, NodeView } from '../../workflows/domain.ts';

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
  /** Called when the request is about to leave, after any wait for a token or a place in the queue. Throws: nothing is sent. */
  beforeSend?: () => void;
}

export interface InstanceOptions extends CallOptions {
  /** Also the standard properties of their images, where Nova tells them (2.98): in the same call. */
  imageProperties?: boolean;
}

/** A host aggregate. */
export interface Aggregate {
  name: string;
  hosts: string[];
  metadata: Record<string, string>;
}

export interface Compute {
  /**
   * All nova-compute services, in one call. host_ip comes from os-hypervisors, cached (10 min, and until every host has one).
   * Of a silent cell's rows (`unknown`) only the host is known: serviceId is ''.
   */
  services(o?: CallOptions): Promise<NodeView[]>;
  /** nova-scheduler and nova-conductor: whether one of each is up. A call for each. */
  controllers(o?: CallOptions): Promise<Record<string, 'up' | 'down'>>;
  /** Host aggregates by name: their hosts. */
  aggregates(o?: CallOptions): Promise<Record<string, string[]>>;
  /** The same, with their metadata. */
  aggregateList(o?: CallOptions): Promise<Aggregate[]>;
  /** Exactly this host's row (never a LIKE), fresh; null where it is gone. */
  service(host: string, o?: CallOptions): Promise<NodeView | null>;
  /** One PUT (2.53). Only the keys that are given change. Answers the row after the change. */
  updateService(
    serviceId: string,
    change: { status?: 'enabled' | 'disabled'; disabledReason?: string; forcedDown?: boolean },
    o?: CallOptions,
  ): Promise<NodeView>;
  /** All projects' instances on this host, paged to the end. Half a list is an error, also one from a cell that is silent. */
  instances(host: string, o?: InstanceOptions): Promise<InstanceView[]>;
  /** Ids of what is on this host and not locked; half a list may be returned. The cheapest list that Nova has. */
  unlocked(host: string, o?: CallOptions): Promise<Set<string>>;
  /** Null: 404. */
  instance(id: string, o?: CallOptions): Promise<InstanceView | null>;
  /**
   * Records with this source (or any), filtered by Nova, paged to the end. `host`: source or destination. `changesSince` compares
   * updated_at alone, which is null until the first change: a record that was only made (`accepted`) is in no such list.
   */
  migrations(
    f: {
      sourceCompute?: string;
      type?: 'evacuation' | 'live-migration';
      changesSince?: string;
      instanceId?: string;
      host?: string;
    },
    o?: CallOptions,
  ): Promise<MigrationRecord[]>;
  /** POST evacuate at microversion ≤ 2.94 and ≥ 2.68, once, never retried. */
  evacuate(id: string, target?: string, o?: CallOptions): Promise<void>;
  /** POST os-migrateLive to where the scheduler wants, once, never retried. Nova answers before it has looked whether it can (2.34). */
  liveMigrate(id: string, o?: CallOptions): Promise<void>;
  lock(id: string, reason: string, o?: CallOptions): Promise<void>;
  unlock(id: string, o?: CallOptions): Promise<void>;
  start(id: string, o?: CallOptions): Promise<void>;
  stop(id: string, o?: CallOptions): Promise<void>;
  /** os-resetState; needed before Nova accepts a paused, suspended, rescued or resized one. */
  resetState(id: string, state: 'active' | 'error', o?: CallOptions): Promise<void>;
  serverGroup(
    id: string,
    o?: CallOptions,
  ): Promise<{ id: string; name?: string | undefined; policy: string; members: string[] } | null>;
}

export interface Placement {
  /**
   * Providers that could take one more instance of this flavor, as Placement sees it, with the names of their hosts and what
   * would be left. Nova's own filters (AZ, aggregates, PCI) are not asked.
   */
  candidates(
    need: { vcpus: number; ram: number; disk: number; extra?: Record<string, number> },
    o?: CallOptions,
  ): Promise<Candidate[]>;
}

export interface Candidate {
  /** Resource provider name = hypervisor hostname. */
  provider: string;
  /** The os-services host of that provider; null where os-hypervisors does not tell. */
  host?: string | null;
  /** Room left for each class the request named (VCPU, MEMORY_MB, DISK_GB …), allocation ratio applied. */
  free: Record<string, number>;
}

export interface Person {
  userId: string;
  name: string;
  email: string | null;
  enabled: boolean;
  /** Names of the effective roles on the project that was asked for. */
  roles?: string[];
}

export interface Identity {
  /** Everybody with an effective role on the project: direct, by group, inherited. Without our own user. */
  peopleOf(projectId: string, o?: CallOptions): Promise<Person[]>;
  projectName(projectId: string, o?: CallOptions): Promise<string>;
  /** Who we are: the user and the roles of our token. */
  whoAmI(o?: CallOptions): Promise<{ userId: string; userName: string; roles: string[]; projectId: string | null }>;
}

/** A machine as Ironic's conductor saw it last (it reads the power every minute), not as it is at this moment. */
export interface BaremetalNode {
  id: string;
  name: string | null;
  instanceId: string | null;
  /** `power on`, `power off`, `rebooting`, `error` … */
  power: string | null;
  /** What it is being switched to. */
  target: string | null;
  /** In maintenance the conductor does not read the power. */
  maintenance: boolean;
  maintenanceReason: string | null;
  powerInterface: string | null;
  /** The conductor that works on it: others are refused with 409. */
  lockedBy: string | null;
  lastError: string | null;
}

/** How a machine is reached, as whoever registered it wrote it down. */
export interface BaremetalMachine {
  id: string;
  name: string | null;
  driver: string | null;
  powerInterface: string | null;
  /** Of `driver_info` what begins with `ipmi_` or `redfish_`; never a password, whether Ironic masks it or not. */
  access: Record<string, unknown>;
  /** By which it can be told whose machine it is: `name`, `resource_class`, `properties.KEY`, `extra.KEY`, `instance_info.KEY`. */
  facts: Record<string, unknown>;
}

export interface Baremetal {
  /** By its id or name. Null: 404. */
  node(ident: string, o?: CallOptions): Promise<BaremetalNode | null>;
  /** The machine that this Nova instance is deployed on. Null: none. */
  nodeOfInstance(instanceId: string, o?: CallOptions): Promise<BaremetalNode | null>;
  /** All machines, paged to the end. Ironic shows none, without an error, to whom it may not show them. */
  machines(o?: CallOptions): Promise<BaremetalMachine[]>;
  /** One PUT, never retried; taken means that it has begun. 409 (kind conflict): the node is locked, nothing was done. */
  setPower(id: string, target: 'power on' | 'power off', o?: CallOptions): Promise<void>;
}

/** One row of Neutron's `agents`. */
export interface NetworkAgent {
  host: string;
  /** `neutron-openvswitch-agent`, `ovn-controller` … */
  binary: string;
  /** As Neutron judges it: reported within agent_down_time (75 s by default). */
  alive: boolean;
}

export interface Network {
  /** All agents, paged to the end. Neutron shows none, without an error, to whom it may not show them. */
  agents(o?: CallOptions): Promise<NetworkAgent[]>;
}

/** An image of Glance, as it is now. */
export interface Image {
  /** Custom and standard properties; values that are no text are left out. */
  properties: Record<string, string>;
  tags: string[];
}

export interface Images {
  /** Kept for 10 minutes, also that it is gone. Null: 404, also for an image that our user may not see. */
  image(id: string, o?: CallOptions): Promise<Image | null>;
}

export interface OpenStack {
  /** The Keystone URL and region: kept in the watch's memo, so that two clouds are never taken for one. */
  identityUrl: string;
  region: string | null;
  compute: Compute;
  placement: Placement;
  identity: Identity;
  network: Network;
  baremetal: Baremetal;
  images: Images;
  close(): Promise<void>;
}

/**
 * What went wrong with a call. `status` 0: no answer. `unreachable`: nothing was sent, so surely no effect. `timeout`: no answer in
 * time or the connection broke; the effect of a write is unknown where `maybeSent`.
 */
export interface OpenStackFailure {
  service: string;
  method: string;
  path: string;
  status: number;
  /** Nova's own words, one line, at most 300 characters, redacted. */
  message: string;
  requestId: string | null;
  /** False: surely nothing reached the service. True for every answer, also for a refusal. */
  maybeSent: boolean;
  kind:
    | 'unreachable'
    | 'timeout'
    | 'auth'
    | 'forbidden'
    | 'notFound'
    | 'conflict'
    | 'badRequest'
    | 'rateLimited'
    | 'server'
    | 'tooOld'
    | 'config';
}
