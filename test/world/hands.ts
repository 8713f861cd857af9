// What a test or the demo does to the world by hand: faults of nodes and BMCs, and what people do meanwhile.
import type { Centre } from './centre.ts';
import { changeInstance, instanceOf, nodeOf } from './centre.ts';
import { imageOf } from './glance.ts';
import { addInstance } from './instances.ts';
import type { NewInstance } from './instances.ts';
import { addPerson, addUserGroup } from './people.ts';
import { setRecord, startGuest, stopGuest } from './guests.ts';
import { migrate } from './migrate.ts';
import type { BmcFaults, Instance, MigrationRow, ServerGroup } from './model.ts';
import {
  crashOs,
  drain,
  hangOs,
  knockable,
  powerDown,
  powerUp,
  report,
  startAgent,
  stopAgent,
  thawOs,
} from './node-life.ts';
import { removeInstance } from './nova-actions.ts';
import { evacuate } from './nova-evacuate.ts';
import type { Capacity } from './settings.ts';

export interface Hands {
  /** Electricity gone. `withBmc`: its BMC has none either, and is silent. */
  powerLoss(node: string, o?: { withBmc?: boolean }): Promise<void>;
  powerOn(node: string): Promise<void>;
  powerOff(node: string): Promise<void>;
  /** OS dead, power on, guests still running: only fencing ends them. */
  crash(node: string): Promise<void>;
  hang(node: string): Promise<void>;
  thaw(node: string): Promise<void>;
  agentDown(node: string): void;
  agentUp(node: string): void;
  bmc(node: string, faults: BmcFaults | null): void;
  bmcDead(node: string): Promise<void>;
  bmcBack(node: string): Promise<void>;
  /** `network`: its address is silent though it lives; `bus`: its reports do not arrive; `bmc`: its BMC is silent. */
  cut(node: string, what: 'network' | 'bus' | 'bmc'): Promise<void>;
  mend(node: string, what: 'network' | 'bus' | 'bmc'): Promise<void>;
  /** Moves nodes to a cell of that name, which answers or not. */
  cell(name: string, nodes: string[]): void;
  cellDown(name: string): void;
  cellUp(name: string): void;
  /** RabbitMQ gone: no report arrives, an evacuation answers 500 and leaves a record behind. */
  brokerDown(): void;
  brokerUp(): void;
  /** Its next evacuation is answered with 200 and then forgotten: the record stays `accepted` for ever. */
  loseCast(idOrName: string): void;
  addInstance(o: NewInstance): Instance;
  deleteInstance(idOrName: string): void;
  /** A live migration by a person; the record stays `running` until it is over. Cloud ms. */
  migrate(idOrName: string, to: string, ms?: number): MigrationRow;
  /** No live migration takes it away (a device is passed through to it), or one does again. */
  unmovable(idOrName: string, isSo?: boolean): void;
  /** By a person, not by Lifeboat (the log says `operator`). */
  evacuateByHand(idOrName: string, to?: string): void;
  setRecord(id: number, status: string, dest?: string): void;
  instance(idOrName: string): Instance;
  changeInstance(idOrName: string, change: Partial<Instance>): void;
  /** Starts or stops a guest behind Nova's back (a migration that switched just before its source died). */
  runGuest(idOrName: string, node: string, runs: boolean): void;
  /** A group whose users have the role on the project, and where `inherited` on all below it. Answers its id. */
  userGroup(name: string, users: string[], project: string, o?: { role?: string; inherited?: boolean }): string;
  disableByPerson(node: string, reason: string, o?: { forcedDown?: boolean }): void;
  enableByPerson(node: string): void;
  spawnDelay(node: string, ms: number): void;
  failSpawn(node: string, how: 'claim' | 'spawn' | null): void;
  /** What is spawned there from now on waits for `letSpawn`. */
  holdSpawns(node: string): void;
  /** So many of those that wait there go on, the first first; all by default, and then none waits any more. Answers how many. */
  letSpawn(node: string, count?: number): number;
  capacity(node: string, capacity: Partial<Capacity>): void;
  aggregate(node: string, names: string[]): void;
  aggregateMetadata(name: string, metadata: Record<string, string>): void;
  /** Makes or changes an image of Glance; answers its id. `gone`: Glance has it no more, and Nova still knows it. */
  image(name: string, o?: { properties?: Record<string, string>; tags?: string[]; gone?: boolean }): string;
  group(name: string, policy: ServerGroup['policy'], project: string): string;
  person(name: string, project: string, o?: { role?: string; email?: string | null; enabled?: boolean }): string;
}

/** What the control API of serve.ts offers by name. */
export const VERBS = [
  ...['powerLoss', 'powerOn', 'powerOff', 'crash', 'hang', 'thaw', 'agentDown', 'agentUp', 'bmc', 'bmcDead', 'bmcBack'],
  ...[
    'cut',
    'mend',
    'cell',
    'cellDown',
    'cellUp',
    'brokerDown',
    'brokerUp',
    'loseCast',
    'addInstance',
    'deleteInstance',
    'migrate',
    'unmovable',
  ],
  ...['evacuateByHand', 'setRecord', 'changeInstance', 'runGuest', 'userGroup', 'disableByPerson', 'enableByPerson'],
  ...[
    'spawnDelay',
    'failSpawn',
    'holdSpawns',
    'letSpawn',
    'capacity',
    'aggregate',
    'aggregateMetadata',
    'image',
    'group',
    'person',
  ],
] as (keyof Hands)[];

export function hands(centre: Centre): Hands {
  return { ...nodeHands(centre), ...bmcHands(centre), ...cloudHands(centre), ...peopleHands(centre) };
}

type NodeVerb =
  'powerLoss' | 'powerOn' | 'powerOff' | 'crash' | 'hang' | 'thaw' | 'agentDown' | 'agentUp' | 'cut' | 'mend';

function nodeHands(centre: Centre): Pick<Hands, NodeVerb> {
  const at = (name: string) => nodeOf(centre, name);
  const set = async (name: string, what: 'network' | 'bus' | 'bmc', isCut: boolean) => {
    const node = at(name);
    centre.log.add({ kind: 'note', what: `${what} ${isCut ? 'cut' : 'mended'}`, node: name });
    if (what === 'bmc') await (isCut ? node.bmc.door?.silence() : node.bmc.door?.answer());
    if (what === 'network') {
      node.networkCut = isCut;
      await knockable(centre, node);
    }
    if (what === 'bus') {
      node.busCut = isCut;
      drain(node);
      report(centre, node);
    }
  };
  return {
    async powerLoss(name, o) {
      const node = at(name);
      if (o?.withBmc) await node.bmc.door?.silence();
      await powerDown(centre, node, 'power loss');
    },
    async powerOn(name) {
      const node = at(name);
      await node.bmc.door?.answer();
      powerUp(centre, node, 'by hand');
    },
    powerOff: (name) => powerDown(centre, at(name), 'by hand'),
    crash: (name) => crashOs(centre, at(name)),
    hang: (name) => hangOs(centre, at(name)),
    thaw: (name) => thawOs(centre, at(name)),
    agentDown: (name) => stopAgent(centre, at(name)),
    agentUp: (name) => startAgent(centre, at(name)),
    cut: (name, what) => set(name, what, true),
    mend: (name, what) => set(name, what, false),
  };
}

function bmcHands(centre: Centre): Pick<Hands, 'bmc' | 'bmcDead' | 'bmcBack'> {
  return {
    bmc(name, faults) {
      nodeOf(centre, name).bmc.faults = faults ?? {};
    },
    bmcDead: async (name) => nodeOf(centre, name).bmc.door?.silence(),
    bmcBack: async (name) => nodeOf(centre, name).bmc.door?.answer(),
  };
}

type CloudVerb = 'cell' | 'cellDown' | 'cellUp' | 'brokerDown' | 'brokerUp' | 'spawnDelay' | 'failSpawn' | 'capacity';
type SpawnVerb = 'holdSpawns' | 'letSpawn' | 'loseCast';

function cloudHands(
  centre: Centre,
): Pick<Hands, CloudVerb | SpawnVerb | 'aggregate' | 'aggregateMetadata' | 'image' | 'group'> {
  const at = (name: string) => nodeOf(centre, name);
  const broker = (isCut: boolean) => {
    centre.brokerDown = isCut;
    for (const node of centre.nodes.values()) node.busCut = isCut;
    if (!isCut) for (const node of centre.nodes.values()) drain(node);
  };
  return {
    cell(name, nodes) {
      for (const node of nodes) at(node).cell = name;
    },
    cellDown: (name) => void centre.downCells.add(name),
    cellUp: (name) => void centre.downCells.delete(name),
    brokerDown: () => broker(true),
    brokerUp: () => broker(false),
    loseCast: (idOrName) => void centre.castsToLose.add(instanceOf(centre, idOrName).id),
    spawnDelay(name, ms) {
      at(name).spawnDelayMs = ms;
    },
    failSpawn(name, how) {
      at(name).failSpawn = how;
    },
    holdSpawns(name) {
      at(name).heldSpawns ??= [];
    },
    letSpawn(name, count) {
      const node = at(name);
      const going = node.heldSpawns?.splice(0, count ?? Infinity) ?? [];
      if (count === undefined) node.heldSpawns = null;
      for (const goOn of going) goOn();
      return going.length;
    },
    capacity(name, capacity) {
      Object.assign(at(name).capacity, capacity);
    },
    aggregate(name, names) {
      at(name).aggregates = names;
    },
    aggregateMetadata: (name, metadata) => void centre.aggregateMetadata.set(name, metadata),
    image(name, o) {
      const image = imageOf(centre, name, true);
      Object.assign(image, { properties: o?.properties ?? image.properties, tags: o?.tags ?? image.tags });
      image.gone = o?.gone ?? false;
      return image.id;
    },
    group(name, policy, project) {
      const id = centre.random.uuid();
      const projectId = [...centre.projects.values()].find((p) => p.name === project)?.id ?? '';
      centre.groups.set(id, { id, name, policy, projectId, userId: '', members: [] });
      return id;
    },
  };
}

type PeopleVerb =
  'addInstance' | 'deleteInstance' | 'migrate' | 'unmovable' | 'evacuateByHand' | 'setRecord' | 'instance';

function peopleHands(
  centre: Centre,
): Pick<
  Hands,
  PeopleVerb | 'changeInstance' | 'disableByPerson' | 'enableByPerson' | 'person' | 'runGuest' | 'userGroup'
> {
  const the = (idOrName: string) => instanceOf(centre, idOrName);
  const row = (name: string, change: { disabled: boolean; reason: string | null; forcedDown?: boolean }) => {
    const { service } = nodeOf(centre, name);
    Object.assign(service, { disabled: change.disabled, disabledReason: change.reason, updatedAt: centre.now() });
    if (change.forcedDown !== undefined) service.forcedDown = change.forcedDown;
    service.disabledTrait = change.disabled;
    const status = change.disabled ? 'disabled' : 'enabled';
    const { forcedDown } = service;
    centre.log.add({ kind: 'service', node: name, status, reason: change.reason, forcedDown, by: 'operator' });
  };
  return {
    addInstance: (o) => addInstance(centre, o),
    deleteInstance: (idOrName) => removeInstance(centre, the(idOrName)),
    migrate: (idOrName, to, ms = 5_000) => migrate(centre, the(idOrName), to, ms),
    unmovable(idOrName, isSo = true) {
      const { id } = the(idOrName);
      if (isSo) centre.unmovable.add(id);
      else centre.unmovable.delete(id);
    },
    evacuateByHand: (idOrName, to) =>
      evacuate(centre, { instance: the(idOrName), host: to ?? null, endStopped: false, by: 'operator' }),
    setRecord(id, status, dest) {
      const record = centre.records.find((r) => r.id === id);
      if (!record) throw new Error(`set record ${id}: there is none`);
      setRecord(centre, record, status, dest);
    },
    instance: the,
    runGuest(idOrName, node, runs) {
      const work = runs ? startGuest : stopGuest;
      work(centre, nodeOf(centre, node), the(idOrName).id, 'by hand');
    },
    userGroup: (name, users, project, o) => addUserGroup(centre, name, users, project, o),
    changeInstance(idOrName, change) {
      const instance = the(idOrName);
      const before = instance.lockedReason;
      changeInstance(centre, instance, 'by hand', change);
      if (change.locked === undefined) return;
      const { id, locked, lockedReason: reason } = instance;
      centre.log.add({ kind: 'lock', instance: id, locked, reason, before, by: 'operator' });
    },
    disableByPerson: (name, reason, o) => row(name, { disabled: true, reason, ...o }),
    enableByPerson: (name) => row(name, { disabled: false, reason: null, forcedDown: false }),
    person(name, project, o) {
      const id = addPerson(centre, name, project, o?.role ?? 'member', o?.email);
      centre.users.get(id)!.enabled = o?.enabled ?? true;
      return id;
    },
  };
}
