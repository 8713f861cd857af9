// The data centre's state, its clock and its timers: what all services of the world share.
import { Faults } from './faults.ts';
import { WorldLog } from './log.ts';
import type { Assignment, Image, Instance, MigrationRow, Node, Project, ServerGroup, User } from './model.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';
import type { Durations, Settings } from './settings.ts';

export type Resources = Record<string, number>;

export interface Token {
  userId: string;
  projectId: string | null;
  expiresAt: number;
  method: string;
}

export interface AppCredential {
  id: string;
  secret: string;
  userId: string;
  projectId: string;
}

export interface Centre {
  settings: Settings;
  random: Random;
  log: WorldLog;
  faults: Faults;
  nodes: Map<string, Node>;
  instances: Map<string, Instance>;
  records: MigrationRow[];
  groups: Map<string, ServerGroup>;
  images: Map<string, Image>;
  /** Name of a host aggregate → its metadata. */
  aggregateMetadata: Map<string, Record<string, string>>;
  users: Map<string, User>;
  projects: Map<string, Project>;
  /** Group id → its name and users. */
  userGroups: Map<string, { name: string; users: string[] }>;
  assignments: Assignment[];
  tokens: Map<string, Token>;
  appCredentials: Map<string, AppCredential>;
  /** Consumer (instance) → provider (hypervisor id) → resources. */
  allocations: Map<string, Map<string, Resources>>;
  /** Cells that do not answer (2.69). */
  downCells: Set<string>;
  /** RabbitMQ is gone. */
  brokerDown: boolean;
  /** Ids of instances whose next evacuation is accepted and forgotten: the conductor dies with the message. */
  castsToLose: Set<string>;
  /** Ids of instances that no live migration takes away: a device is passed through to them. */
  unmovable: Set<string>;
  endpoints: { keystone: string; nova: string; placement: string; glance: string };
  stopped: boolean;
  /** Cloud clock: ms since the epoch; runs 1 / timeScale times faster than ours. */
  now(): number;
  /** After so long of cloud time, unless the world (or the owner's set of timers) is stopped before. */
  later(cloudMs: number, work: () => void, owner?: Set<NodeJS.Timeout>): NodeJS.Timeout;
  duration(name: keyof Durations): number;
}

export function newCentre(settings: Settings): Centre & { timers: Set<NodeJS.Timeout> } {
  const log = new WorldLog();
  const timers = new Set<NodeJS.Timeout>();
  const began = Date.now();
  const centre = {
    settings,
    random: seededRandom(settings.seed),
    log,
    faults: new Faults(),
    nodes: new Map<string, Node>(),
    instances: new Map<string, Instance>(),
    records: [],
    groups: new Map(),
    images: new Map<string, Image>(),
    aggregateMetadata: new Map(),
    users: new Map(),
    projects: new Map(),
    userGroups: new Map(),
    assignments: [],
    tokens: new Map(),
    appCredentials: new Map(),
    allocations: new Map(),
    downCells: new Set<string>(),
    brokerDown: false,
    castsToLose: new Set<string>(),
    unmovable: new Set<string>(),
    endpoints: { keystone: '', nova: '', placement: '', glance: '' },
    stopped: false,
    timers,
    now: () => began + log.now() / settings.timeScale,
    duration: (name: keyof Durations) => settings.durations[name],
    later(cloudMs: number, work: () => void, owner?: Set<NodeJS.Timeout>) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        owner?.delete(timer);
        if (!centre.stopped) work();
      }, cloudMs * settings.timeScale);
      timers.add(timer);
      owner?.add(timer);
      return timer;
    },
  };
  return centre;
}

/** As MySQL keeps and Nova shows it: whole seconds. */
export const novaTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}.000000`;
export const novaZulu = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export function nodeOf(centre: Centre, name: string): Node {
  const node = centre.nodes.get(name);
  if (!node) throw new Error(`find node ${name}: the world has none of this name`);
  return node;
}

export function instanceOf(centre: Centre, idOrName: string): Instance {
  const found = centre.instances.get(idOrName) ?? [...centre.instances.values()].find((i) => i.name === idOrName);
  if (!found) throw new Error(`find instance ${idOrName}: the world has none of this id or name`);
  return found;
}

/** Changes an instance and says so in the log. */
export function changeInstance(centre: Centre, instance: Instance, what: string, change: Partial<Instance>): void {
  Object.assign(instance, change, { updatedAt: centre.now() });
  const { id, name, projectId, host, vmState, taskState } = instance;
  centre.log.add({ kind: 'instance', instance: id, name, project: projectId, what, host, vmState, taskState });
}

/** servicegroup: the last report within service_down_time, and not forced down. */
export function serviceIsUp(centre: Centre, node: Node): boolean {
  if (node.service.forcedDown) return false;
  return centre.now() - node.service.lastSeenUp <= centre.duration('serviceDownTimeMs');
}
