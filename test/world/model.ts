// What is true in the world: nodes, guests, instances, records. Nothing here speaks to anybody.
import type { Capacity } from './settings.ts';
import type { Doorway } from './doorway.ts';

export interface Node {
  name: string;
  index: number;
  serviceId: string;
  /** Also the resource provider's UUID, as in Nova. */
  hypervisorId: string;
  /** Not the host's name: Nova keeps both. */
  hypervisorHostname: string;
  address: string;
  zone: string;
  aggregates: string[];
  cell: string;
  capacity: Capacity;
  power: 'on' | 'off';
  os: 'up' | 'booting' | 'hung' | 'crashed' | 'off';
  agent: 'up' | 'starting' | 'down';
  /** Cut off from the message bus: lives, but its reports do not arrive. */
  busCut: boolean;
  /** Cut off from those who knock at its address. */
  networkCut: boolean;
  door: Doorway;
  /** Ids of the instances whose guest runs here now: the ground truth. */
  guests: Set<string>;
  /** Ids of the instances whose disk (or domain) is here. */
  disks: Set<string>;
  /** What was sent to its nova-compute over the bus and waits for it. */
  inbox: (() => void)[];
  service: ServiceRow;
  bmc: Bmc;
  /** Added to every rebuild at this node (cloud ms). */
  spawnDelayMs: number;
  /** How rebuilds at this node fail: `claim` keeps the instance's state, `spawn` leaves it in ERROR. */
  failSpawn: 'claim' | 'spawn' | null;
  /** Spawns that wait for `letSpawn`; null: they take their time and no longer. */
  heldSpawns: (() => void)[] | null;
  timers: Set<NodeJS.Timeout>;
}

export interface ServiceRow {
  disabled: boolean;
  disabledReason: string | null;
  forcedDown: boolean;
  /** Cloud clock, ms since the epoch. */
  lastSeenUp: number;
  updatedAt: number;
  /** COMPUTE_STATUS_DISABLED in Placement: only set by a nova-compute that lives. */
  disabledTrait: boolean;
}

export interface Bmc {
  url: string;
  systemPath: string;
  user: string;
  password: string;
  uuid: string;
  serial: string;
  door: Doorway | null;
  powered: boolean;
  faults: BmcFaults;
  sessions: Map<string, string>;
  tasks: Map<string, { done: boolean; failed: boolean }>;
}

export interface BmcFaults {
  /** Takes the off, answers 204, stays on. */
  saysOkStaysOn?: boolean;
  /** Every answer takes so long (real ms). */
  slowMs?: number;
  wrongPassword?: boolean;
  /** A 409 to an off when it is off already. On by default as 204. */
  conflictWhenOff?: 409 | 400;
  /** Goes on again so long (real ms) after an off. */
  onAgainAfterMs?: number;
  /** Says Off while it is on. */
  liesOff?: boolean;
  html?: boolean;
  nullPower?: boolean;
  /** 202 and a task that ends after so long (real ms). */
  taskMs?: number;
  taskFails?: boolean;
  /** 412 without If-Match. */
  wantsIfMatch?: boolean;
  noForceOff?: boolean;
  /** PoweringOff for so long (real ms) before Off. */
  poweringOffMs?: number;
  /** Tells another machine's identity. */
  otherIdentity?: boolean;
  noSessions?: boolean;
  privilege?: boolean;
  status?: number;
}

export interface Flavor {
  name: string;
  vcpus: number;
  ram: number;
  disk: number;
  ephemeral: number;
  swap: number;
  extraSpecs: Record<string, string>;
}

export interface Instance {
  id: string;
  name: string;
  projectId: string;
  userId: string;
  host: string | null;
  vmState: string;
  taskState: string | null;
  powerState: number;
  launchedAt: number | null;
  createdAt: number;
  updatedAt: number;
  locked: boolean;
  lockedBy: 'owner' | 'admin' | null;
  lockedReason: string | null;
  /** In Glance; what boots from a volume shows none. */
  imageId: string;
  disk: 'volume' | 'shared' | 'local';
  /** The zone it was asked for; evacuations stay in it. */
  requestedZone: string | null;
  zone: string;
  flavor: Flavor;
  metadata: Record<string, string>;
  tags: string[];
  group: string | null;
  fault: { code: number; message: string; created: number } | null;
  deleted: boolean;
  /** Its data was lost (rebuilt from the image, or its only copy destroyed). */
  dataLost: boolean;
}

export interface Image {
  id: string;
  name: string;
  properties: Record<string, string>;
  tags: string[];
  /** Deleted in Glance. */
  gone: boolean;
}

export interface MigrationRow {
  id: number;
  uuid: string;
  instanceId: string;
  type: 'evacuation' | 'live-migration' | 'migration' | 'resize';
  status: string;
  source: string;
  dest: string | null;
  createdAt: number;
  updatedAt: number | null;
  userId: string;
  projectId: string;
}

export interface ServerGroup {
  id: string;
  name: string;
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  projectId: string;
  userId: string;
  members: string[];
}

export interface User {
  id: string;
  name: string;
  password: string;
  email: string | null;
  enabled: boolean;
}

export interface Project {
  id: string;
  name: string;
  parentId: string;
}

export interface Assignment {
  userId?: string;
  groupId?: string;
  projectId: string;
  role: string;
  inherited?: boolean;
}
