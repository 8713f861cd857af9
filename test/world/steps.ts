// A recovery by raw calls, step by step, for the tests of the world and of its audit: each test leaves out or spoils one step.
import { bmcCall, powerOf, resetPower } from './caller.ts';
import type { Caller } from './caller.ts';
import type { World } from './world.ts';

export const MARKER = 'lifeboat:0193f8a2-1111';

export async function knowDown(world: World, node: string): Promise<void> {
  await world.until((t) => !t.nodes[node]!.up, 10_000, `${node} down in Nova`);
}

/** Off, and two reads of off far enough apart. */
export async function fence(world: World, node: string): Promise<void> {
  await resetPower(world, node, 'ForceOff');
  await world.until((t) => t.nodes[node]!.power === 'off', 5_000, `${node} off`);
  await proveOff(world, node);
}

export async function proveOff(world: World, node: string): Promise<void> {
  await powerOf(world, node);
  const first = world.log.of('power-read').findLast((e) => e.node === node)!.at;
  await world.until((_t, log) => log.now() - first > 3_200 * world.settings.timeScale, 5_000, 'the hold');
  await powerOf(world, node);
}

export const mark = (world: World, api: Caller, node: string, reason = MARKER) =>
  api.put(world.node(node).serviceId, { status: 'disabled', disabled_reason: reason, forced_down: true });

export const lock = (api: Caller, id: string) => api.act(id, { lock: { locked_reason: MARKER } });
export const unlock = (api: Caller, id: string) => api.act(id, { unlock: null });
export const evacuate = (api: Caller, id: string, microversion?: string) => api.act(id, { evacuate: {} }, microversion);

export async function settled(world: World, ids: string[]): Promise<void> {
  const over = ['done', 'completed', 'error', 'failed'];
  await world.until(
    (t) => t.records.filter((r) => ids.includes(r.instance)).every((r) => over.includes(r.status)),
    10_000,
    'the records to be over',
  );
}

/** All of it, as it should be. Answers the instances that were on the node. */
export async function recover(world: World, api: Caller, node: string): Promise<string[]> {
  const ids = Object.entries(world.truth().instances).flatMap(([id, i]) => (i.host === node && !i.deleted ? [id] : []));
  await knowDown(world, node);
  await fence(world, node);
  await mark(world, api, node);
  for (const id of ids) {
    await lock(api, id);
    await evacuate(api, id);
  }
  await settled(world, ids);
  for (const id of ids) await unlock(api, id);
  return ids;
}

/** Switches it on, waits for its nova-compute to clean up, clears forced_down, enables. */
export async function readmit(world: World, api: Caller, node: string): Promise<void> {
  await bmcCall(world, node, 'POST', '/Actions/ComputerSystem.Reset', { ResetType: 'On' });
  await world.until((t) => t.nodes[node]!.agent === 'up', 10_000, `${node} up`);
  await api.put(world.node(node).serviceId, { forced_down: false });
  await api.put(world.node(node).serviceId, { status: 'enabled' });
}
