// What can be done to a server: evacuate, lock, unlock, start, stop, reset its state, delete.
import type { Centre } from './centre.ts';
import { changeInstance } from './centre.ts';
import { destroyGuest, startGuest, stopGuest } from './guests.ts';
import type { Instance } from './model.ts';
import { liveMigrate } from './migrate.ts';
import { toAgent } from './node-life.ts';
import { conflict, evacuate, Refusal } from './nova-evacuate.ts';
import { findServer } from './nova-servers.ts';
import type { Call } from './nova.ts';
import type { Response } from './web.ts';

type Action = (centre: Centre, call: Call, instance: Instance, given: Record<string, unknown>) => Response;

const ACTIONS: Record<string, Action> = {
  evacuate: doEvacuate,
  lock: doLock,
  unlock: doUnlock,
  'os-start': doStart,
  'os-stop': doStop,
  'os-resetState': doReset,
  'os-migrateLive': doMigrateLive,
};
const POLICY_OF: Record<string, string> = {
  evacuate: 'os_compute_api:os-evacuate',
  'os-resetState': 'os_compute_api:os-admin-actions:reset_state',
  'os-migrateLive': 'os_compute_api:os-migrate-server:migrate_live',
};

export function actOnServer(centre: Centre, call: Call, id: string): Response {
  const body = call.request.body as Record<string, unknown> | undefined;
  const [name] = Object.keys(body ?? {});
  Object.assign(call.request.facts, { instance: id, action: name ?? 'none' });
  const action = ACTIONS[name ?? ''];
  if (!action) throw new Refusal(400, `There is no such action: ${name ?? ''}`);
  const instance = findServer(centre, call, id);
  if (!call.admin && name && POLICY_OF[name])
    throw new Refusal(403, `Policy doesn't allow ${POLICY_OF[name]} to be performed.`);
  return action(centre, call, instance, (body?.[name ?? ''] ?? {}) as Record<string, unknown>);
}

function only(given: Record<string, unknown>, action: string, allowed: string[]): void {
  for (const key of Object.keys(given))
    if (!allowed.includes(key))
      throw new Refusal(
        400,
        `Invalid input for field/attribute ${action}. Value: ${JSON.stringify(given)}. ` +
          `Additional properties are not allowed ('${key}' was unexpected)`,
      );
}

function doEvacuate(centre: Centre, call: Call, instance: Instance, given: Record<string, unknown>): Response {
  const allowed = ['host', 'adminPass'];
  if (call.minor < 14) allowed.push('onSharedStorage');
  if (call.minor >= 29 && call.minor < 68) allowed.push('force');
  if (call.minor >= 95) allowed.splice(allowed.indexOf('adminPass'), 1);
  only(given, 'evacuate', allowed);
  const host = typeof given['host'] === 'string' ? given['host'] : null;
  evacuate(centre, { instance, host, endStopped: call.minor >= 95, by: call.userName });
  return call.minor < 14 ? { status: 200, body: { adminPass: 'x' } } : { status: 200 };
}

/** 2.25 on: `block_migration` may be auto. Before 2.34 Nova looked first and answered late: not here. */
function doMigrateLive(centre: Centre, call: Call, instance: Instance, given: Record<string, unknown>): Response {
  const allowed = ['host', 'block_migration'];
  if (call.minor < 34) throw new Refusal(400, 'This world live-migrates from 2.34 on.');
  if (call.minor < 68) allowed.push('force');
  only(given, 'os-migrateLive', allowed);
  const { host, block_migration: block } = given;
  if (host === undefined || !['auto', true, false, 'True', 'False'].includes(block as string))
    throw new Refusal(400, "Invalid input for field/attribute os-migrateLive. 'host' is a required property");
  if (host !== null) throw new Refusal(400, 'This world chooses the destination itself.');
  liveMigrate(centre, { instance, by: call.userName });
  return { status: 202 };
}

function doLock(centre: Centre, call: Call, instance: Instance, given: Record<string, unknown>): Response {
  // Before 2.73 Nova takes whatever stands there, and keeps no reason (lab, nova 33).
  const reason = call.minor >= 73 ? reasonOf(given) : null;
  const owner = instance.projectId === call.projectId;
  // A locked server is not locked again by its owner; an admin takes the lock over, with a new reason.
  if (instance.locked && owner) return { status: 202 };
  const before = instance.lockedReason;
  Object.assign(instance, { locked: true, lockedBy: owner ? 'owner' : 'admin', lockedReason: reason ?? before });
  logLock(centre, call, instance, before);
  return { status: 202 };
}

function reasonOf(given: Record<string, unknown>): string | null {
  only(given, 'lock', ['locked_reason']);
  const reason = given['locked_reason'];
  if (typeof reason !== 'string') return null;
  if (reason.length > 255)
    throw new Refusal(
      400,
      `Invalid input for field/attribute locked_reason. Value: ${reason}. '${reason}' is too long`,
    );
  return reason;
}

function doUnlock(centre: Centre, call: Call, instance: Instance): Response {
  if (!call.admin && instance.lockedBy === 'admin') throw new Refusal(403, "Policy doesn't allow unlock_override.");
  const before = instance.lockedReason;
  Object.assign(instance, { locked: false, lockedBy: null, lockedReason: null });
  logLock(centre, call, instance, before);
  return { status: 202 };
}

function logLock(centre: Centre, call: Call, i: Instance, before: string | null): void {
  const { id, locked, lockedReason: reason } = i;
  centre.log.add({ kind: 'lock', instance: id, locked, reason, before, by: call.userName });
}

function refuseLocked(call: Call, instance: Instance): void {
  if (instance.locked && !call.admin) throw new Refusal(409, `Instance ${instance.id} is locked`);
}

function refuseBusy(action: string, instance: Instance, vmStates: string[]): void {
  if (!vmStates.includes(instance.vmState)) throw conflict(action, instance, 'vm_state', instance.vmState);
  if (instance.taskState !== null) throw conflict(action, instance, 'task_state', instance.taskState);
  if (instance.launchedAt === null) throw conflict(action, instance, 'launched_at', null);
}

function doStart(centre: Centre, call: Call, instance: Instance): Response {
  refuseLocked(call, instance);
  refuseBusy('start', instance, ['stopped']);
  changeInstance(centre, instance, 'starting', { taskState: 'powering-on' });
  cast(centre, instance, 'guestStartMs', (node) => {
    startGuest(centre, node, instance.id, 'os-start');
    changeInstance(centre, instance, 'started', { vmState: 'active', taskState: null, powerState: 1 });
  });
  return { status: 202 };
}

function doStop(centre: Centre, call: Call, instance: Instance): Response {
  refuseLocked(call, instance);
  refuseBusy('stop', instance, ['active', 'error']);
  changeInstance(centre, instance, 'stopping', { taskState: 'powering-off' });
  cast(centre, instance, 'guestStopMs', (node) => {
    stopGuest(centre, node, instance.id, 'os-stop');
    changeInstance(centre, instance, 'stopped', { vmState: 'stopped', taskState: null, powerState: 4 });
  });
  return { status: 202 };
}

type Home = NonNullable<ReturnType<Centre['nodes']['get']>>;
function cast(
  centre: Centre,
  instance: Instance,
  takes: 'guestStartMs' | 'guestStopMs',
  work: (node: Home) => void,
): void {
  const node = instance.host ? centre.nodes.get(instance.host) : undefined;
  if (!node) return;
  toAgent(node, () => centre.later(centre.duration(takes), () => work(node), node.timers));
}

function doReset(centre: Centre, _call: Call, instance: Instance, given: Record<string, unknown>): Response {
  only(given, 'os-resetState', ['state']);
  const state = given['state'];
  if (state !== 'active' && state !== 'error')
    throw new Refusal(
      400,
      `Invalid input for field/attribute state. Value: ${String(state)}. '${String(state)}' is not one of ['active', 'error']`,
    );
  changeInstance(centre, instance, `state reset to ${state}`, { vmState: state, taskState: null });
  return { status: 202 };
}

export function deleteServer(centre: Centre, call: Call, id: string): Response {
  const instance = findServer(centre, call, id);
  Object.assign(call.request.facts, { instance: id, action: 'delete' });
  refuseLocked(call, instance);
  removeInstance(centre, instance);
  return { status: 204 };
}

/** Gone from Nova at once; its guest goes when its nova-compute can do it. */
export function removeInstance(centre: Centre, instance: Instance): void {
  const home = instance.host ? centre.nodes.get(instance.host) : undefined;
  changeInstance(centre, instance, 'deleted', { deleted: true, vmState: 'deleted', taskState: null });
  centre.allocations.delete(instance.id);
  for (const node of centre.nodes.values())
    if (node === home || node.guests.has(instance.id))
      toAgent(node, () => destroyGuest(centre, node, instance, 'deleted'));
}
