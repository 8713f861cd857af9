// The life of a node: power, operating system, nova-compute, network. The only place where these change.
import type { Centre } from './centre.ts';
import { serviceIsUp } from './centre.ts';
import { cleanUpEvacuated, destroyGuest, startGuest, stopGuest } from './guests.ts';
import type { Node } from './model.ts';

/** Electricity gone (or switched off by the BMC): guests stop, nothing answers. Resolves when its address is silent. */
export async function powerDown(centre: Centre, node: Node, by: string): Promise<void> {
  if (node.power === 'off') return;
  await node.door.silence();
  if ((node.power as string) === 'off' || centre.stopped) return;
  node.power = 'off';
  centre.log.add({ kind: 'power', node: node.name, power: 'off', by });
  setOs(centre, node, 'off');
  for (const id of [...node.guests]) stopGuest(centre, node, id, 'power off');
}

/** Boots: address answers after bootMs, nova-compute starts agentStartMs later. */
export function powerUp(centre: Centre, node: Node, by: string): void {
  if (node.power === 'on') return;
  node.power = 'on';
  centre.log.add({ kind: 'power', node: node.name, power: 'on', by });
  setOs(centre, node, 'booting');
  centre.later(
    centre.duration('bootMs'),
    () => {
      setOs(centre, node, 'up');
      if (centre.settings.guestsAtBoot) startOwnGuests(centre, node);
      void knockable(centre, node);
      startAgent(centre, node);
    },
    node.timers,
  );
}

// As libvirt-guests does: every domain that is defined here, whatever Nova thinks of it by now.
function startOwnGuests(centre: Centre, node: Node): void {
  for (const id of node.disks)
    if (centre.instances.get(id)?.vmState !== 'stopped') startGuest(centre, node, id, 'boot');
}

/** The operating system is dead, the machine is on and its guests go on running: only fencing ends them. */
export async function crashOs(centre: Centre, node: Node): Promise<void> {
  await dieOn(centre, node, 'crashed');
}

/** Like a crash, but it can come back as if nothing had been (thaw). */
export async function hangOs(centre: Centre, node: Node): Promise<void> {
  await dieOn(centre, node, 'hung');
}

async function dieOn(centre: Centre, node: Node, os: 'crashed' | 'hung'): Promise<void> {
  if (node.power === 'off') throw new Error(`${os} ${node.name}: it is off`);
  await node.door.silence();
  setOs(centre, node, os);
}

export async function thawOs(centre: Centre, node: Node): Promise<void> {
  if (node.os !== 'hung') throw new Error(`thaw ${node.name}: it is not hung but ${node.os}`);
  setOs(centre, node, 'up', 'kept');
  await knockable(centre, node);
  if (node.agent === 'up') {
    drain(node);
    report(centre, node);
  } else startAgent(centre, node);
}

/** Answers at its address if it lives and is not cut off; else is silent. */
export async function knockable(centre: Centre, node: Node): Promise<void> {
  const answers = node.os === 'up' && !node.networkCut;
  await (answers ? node.door.answer() : node.door.silence());
  centre.log.add({ kind: 'network', node: node.name, answers });
}

function setOs(centre: Centre, node: Node, os: Node['os'], agent: 'kept' | 'gone' = 'gone'): void {
  node.os = os;
  centre.log.add({ kind: 'os', node: node.name, os });
  for (const timer of node.timers) clearTimeout(timer);
  node.timers.clear();
  node.heldSpawns?.splice(0);
  // A hung nova-compute is still there when the node thaws; it did not restart, so it does not clean up.
  if (os === 'hung' || agent === 'kept') return;
  if (node.agent !== 'down') centre.log.add({ kind: 'agent', node: node.name, alive: false });
  node.agent = 'down';
}

/** nova-compute alone is killed: the node and its guests live. */
export function stopAgent(centre: Centre, node: Node): void {
  if (node.agent === 'down') return;
  node.agent = 'down';
  centre.log.add({ kind: 'agent', node: node.name, alive: false });
}

/** nova-compute starts: cleans up after evacuations, syncs its trait, takes what waits for it, and reports. */
export function startAgent(centre: Centre, node: Node): void {
  if (node.agent !== 'down' || node.os !== 'up') return;
  node.agent = 'starting';
  centre.later(
    centre.duration('agentStartMs'),
    () => {
      if (node.agent !== 'starting') return;
      node.agent = 'up';
      centre.log.add({ kind: 'agent', node: node.name, alive: true });
      cleanUpEvacuated(centre, node);
      initInstances(centre, node);
      node.service.disabledTrait = node.service.disabled;
      drain(node);
      report(centre, node);
    },
    node.timers,
  );
}

// What Nova still counts as here but does not run: seen as without power (resume_guests_state_on_host_boot is off).
function initInstances(centre: Centre, node: Node): void {
  for (const instance of centre.instances.values()) {
    if (instance.host !== node.name || instance.deleted || node.guests.has(instance.id)) continue;
    if (instance.vmState === 'active') instance.powerState = 0;
  }
  for (const id of [...node.guests]) {
    const instance = centre.instances.get(id);
    if (!instance || instance.deleted) {
      stopGuest(centre, node, id, 'deleted meanwhile');
      if (instance) destroyGuest(centre, node, instance, 'deleted meanwhile');
    }
  }
}

/** Is its nova-compute there to take a message now? */
export const agentWorks = (node: Node): boolean => node.os === 'up' && node.agent === 'up' && !node.busCut;

/** Hands work to the node's nova-compute: now, or when it takes its messages again. */
export function toAgent(node: Node, work: () => void): void {
  if (agentWorks(node)) work();
  else node.inbox.push(work);
}

export function drain(node: Node): void {
  if (!agentWorks(node)) return;
  for (const work of node.inbox.splice(0)) work();
}

/** One heartbeat of nova-compute in the database. */
export function report(centre: Centre, node: Node): void {
  if (!agentWorks(node)) return;
  const wasUp = serviceIsUp(centre, node);
  node.service.lastSeenUp = centre.now();
  node.service.updatedAt = centre.now();
  if (!wasUp && !node.service.forcedDown) centre.log.add({ kind: 'note', what: 'service-up', node: node.name });
}

/** Starts the reports of all nodes, each at its own moment of the interval. */
export function beginReports(centre: Centre): void {
  const interval = centre.duration('reportIntervalMs');
  for (const node of centre.nodes.values()) {
    const round = () => {
      report(centre, node);
      centre.later(interval, round);
    };
    centre.later(centre.random.next() * interval, round);
  }
}
