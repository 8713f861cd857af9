// Evacuation, in Nova's own order (compute/api.py, conductor/manager.py, compute/manager.py).
import type { Centre } from './centre.ts';
import { changeInstance, serviceIsUp } from './centre.ts';
import { errorOut, loseData, newRecord, setRecord, startGuest, stopGuest } from './guests.ts';
import type { Instance, MigrationRow, Node } from './model.ts';
import { agentWorks, toAgent } from './node-life.ts';
import { allocate, candidates, choose, fits, groupAllows, needOf, release } from './scheduler.ts';

export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const conflict = (action: string, instance: Instance, attr: string, state: string | null): Refusal =>
  new Refusal(
    409,
    state === null
      ? `Instance ${instance.id} is in an invalid state for '${action}'`
      : `Cannot '${action}' instance ${instance.id} while it is in ${attr} ${state}`,
  );

export interface EvacuationRequest {
  instance: Instance;
  host: string | null;
  /** 2.95 and later: what was evacuated ends stopped. */
  endStopped: boolean;
  by: string;
}

/** Answers at once; the work goes on. Not idempotent: task_state is not looked at, a second one starts a second rebuild. */
export function evacuate(centre: Centre, request: EvacuationRequest): void {
  const { instance, host } = request;
  if (host !== null && !centre.nodes.has(host)) throw new Refusal(404, `Compute host ${host} not found.`);
  if (host !== null && host === instance.host) throw new Refusal(400, "The target host can't be the same one.");
  if (!['active', 'stopped', 'error'].includes(instance.vmState))
    throw conflict('evacuate', instance, 'vm_state', instance.vmState);
  if (instance.launchedAt === null) throw conflict('evacuate', instance, 'launched_at', null);
  const source = instance.host ? centre.nodes.get(instance.host) : undefined;
  if (!source) throw new Refusal(404, `Compute host ${instance.host} could not be found.`);
  if (serviceIsUp(centre, source)) throw new Refusal(400, `Compute service of ${source.name} is still in use.`);

  changeInstance(centre, instance, 'evacuate', { taskState: 'rebuilding' });
  const record = newRecord(centre, instance, 'evacuation', request.by);
  centre.log.add({
    kind: 'evacuate',
    instance: instance.id,
    source: source.name,
    record: record.id,
    by: request.by,
  });
  if (host !== null) setRecord(centre, record, 'accepted', host);
  if (centre.brokerDown) throw new Refusal(500, UNDELIVERED);
  if (centre.castsToLose.delete(instance.id)) return;
  centre.later(centre.duration('castMs'), () => conduct(centre, request));
}

/** RabbitMQ gone: the record is made, the answer is 500, nobody works on it. */
const UNDELIVERED =
  'Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n' +
  "<class 'oslo_messaging.exceptions.MessageDeliveryFailure'>";

function conduct(centre: Centre, request: EvacuationRequest): void {
  const { instance } = request;
  if (instance.deleted) return;
  // The conductor finds "the" accepted record of the instance: with two of them, both calls find the same.
  const record = centre.records.find((r) => r.instanceId === instance.id && r.status === 'accepted');
  const ignore = instance.host ? [instance.host] : [];
  const dest = choose(centre, candidates(centre, instance, ignore, request.host ?? undefined));
  if (!dest) {
    if (record) setRecord(centre, record, 'error');
    errorOut(centre, instance, 'No valid host was found. There are not enough hosts available.');
    return;
  }
  allocate(centre, instance, dest);
  instance.zone = dest.zone;
  centre.later(centre.duration('claimMs'), () => toAgent(dest, () => claim(centre, request, record, dest)));
}

function claim(centre: Centre, request: EvacuationRequest, record: MigrationRow | undefined, dest: Node): void {
  const { instance } = request;
  if (instance.deleted) return;
  // The allocation was made by the scheduler; the claim looks whether the node as it is now can carry it.
  release(centre, instance, dest);
  const room = fits(centre, dest, needOf(instance.flavor, instance.disk === 'volume'));
  const allowed = groupAllows(centre, instance, dest);
  if (!room || !allowed || dest.failSpawn === 'claim') {
    if (record) setRecord(centre, record, 'failed', dest.name);
    const why = allowed ? 'Insufficient compute resources' : 'Anti-affinity instance group policy was violated.';
    const message = `Build of instance ${instance.id} aborted: ${why}`;
    const fault = { code: 500, message, created: centre.now() };
    changeInstance(centre, instance, `rebuild failed: ${why}`, { taskState: null, fault });
    return;
  }
  allocate(centre, instance, dest);
  if (record) setRecord(centre, record, 'pre-migrating', dest.name);
  const before = instance.vmState;
  const wait = centre.duration('rebuildMs') + dest.spawnDelayMs;
  changeInstance(centre, instance, 'rebuild claimed', { taskState: 'rebuilding' });
  const rest = () => spawn(centre, request, record, dest, before);
  const built = () => (dest.heldSpawns ? void dest.heldSpawns.push(rest) : rest());
  // One after the other: two timers of a busy process may come in any order. Owned by the destination: if it dies now, nobody
  // finishes this, and the record stays pre-migrating.
  const spawning = () => {
    changeInstance(centre, instance, 'rebuild spawns', { taskState: 'rebuild_spawning' });
    centre.later(wait / 2, built, dest.timers);
  };
  centre.later(wait / 2, spawning, dest.timers);
}

function spawn(
  centre: Centre,
  request: EvacuationRequest,
  record: MigrationRow | undefined,
  dest: Node,
  before: string,
): void {
  const { instance } = request;
  if (!agentWorks(dest)) return;
  if (instance.deleted) {
    if (record) setRecord(centre, record, 'failed');
    return;
  }
  if (dest.failSpawn === 'spawn' || dest.guests.has(instance.id)) {
    if (record) setRecord(centre, record, 'failed');
    release(centre, instance, dest);
    const exists = `Instance ${instance.name} already exists.`;
    errorOut(centre, instance, dest.failSpawn === 'spawn' ? 'Failed to spawn the guest' : exists);
    return;
  }
  startGuest(centre, dest, instance.id, `evacuation ${record?.id ?? ''}`);
  if (instance.disk === 'local') loseData(centre, instance, 'rebuilt from its image');
  const running = { vmState: 'active', taskState: null, powerState: 1, launchedAt: centre.now(), fault: null };
  changeInstance(centre, instance, 'rebuilt', running);
  const stop = before === 'stopped' || (request.endStopped && before !== 'error');
  if (!stop) {
    centre.later(centre.duration('finishMs'), () => finish(centre, instance, record, dest), dest.timers);
    return;
  }
  changeInstance(centre, instance, 'stopping again', { taskState: 'powering-off' });
  const stopped = () => {
    stopGuest(centre, dest, instance.id, 'stopped again');
    changeInstance(centre, instance, 'stopped again', { vmState: 'stopped', taskState: null, powerState: 4 });
    centre.later(centre.duration('finishMs'), () => finish(centre, instance, record, dest), dest.timers);
  };
  centre.later(centre.duration('guestStopMs'), stopped, dest.timers);
}

function finish(centre: Centre, instance: Instance, record: MigrationRow | undefined, dest: Node): void {
  if (instance.deleted) return;
  changeInstance(centre, instance, 'evacuated', { host: dest.name });
  if (record) setRecord(centre, record, 'done', dest.name);
}
