// Guests: what really runs where. Only these functions start and stop one.
import type { Centre } from './centre.ts';
import { changeInstance } from './centre.ts';
import type { Instance, MigrationRow, Node } from './model.ts';

export function startGuest(centre: Centre, node: Node, instanceId: string, why: string): void {
  if (node.guests.has(instanceId)) return;
  node.guests.add(instanceId);
  node.disks.add(instanceId);
  centre.log.add({ kind: 'guest', node: node.name, instance: instanceId, runs: true, why });
}

export function stopGuest(centre: Centre, node: Node, instanceId: string, why: string): void {
  if (!node.guests.delete(instanceId)) return;
  centre.log.add({ kind: 'guest', node: node.name, instance: instanceId, runs: false, why });
}

/** The domain and, where it is not shared, the disk: what nova-compute's cleanup does to a guest that was evacuated. */
export function destroyGuest(centre: Centre, node: Node, instance: Instance, why: string): void {
  stopGuest(centre, node, instance.id, why);
  if (!node.disks.delete(instance.id)) return;
  const onlyCopy = ![...centre.nodes.values()].some((other) => other.disks.has(instance.id));
  if (onlyCopy && instance.disk === 'local' && !instance.deleted) loseData(centre, instance, why);
}

export function loseData(centre: Centre, instance: Instance, why: string): void {
  if (instance.dataLost) return;
  instance.dataLost = true;
  centre.log.add({ kind: 'lost', instance: instance.id, why });
}

export function setRecord(centre: Centre, record: MigrationRow, status: string, dest?: string): void {
  record.status = status;
  if (dest !== undefined) record.dest = dest;
  record.updatedAt = centre.now();
  logRecord(centre, record);
}

export function newRecord(centre: Centre, instance: Instance, type: MigrationRow['type'], by: string): MigrationRow {
  const last = centre.records[centre.records.length - 1];
  const record: MigrationRow = {
    id: (last?.id ?? 0) + 1,
    uuid: centre.random.uuid(),
    instanceId: instance.id,
    type,
    status: 'accepted',
    source: instance.host ?? '',
    dest: null,
    createdAt: centre.now(),
    updatedAt: null,
    userId: by,
    projectId: instance.projectId,
  };
  centre.records.push(record);
  logRecord(centre, record);
  return record;
}

function logRecord(centre: Centre, r: MigrationRow): void {
  centre.log.add({
    kind: 'record',
    record: r.id,
    type: r.type,
    instance: r.instanceId,
    status: r.status,
    source: r.source,
    dest: r.dest,
  });
}

/** ERROR with a fault, as a failed operation leaves it. */
export function errorOut(centre: Centre, instance: Instance, message: string, code = 500): void {
  const fault = { code, message, created: centre.now() };
  changeInstance(centre, instance, `error: ${message}`, { vmState: 'error', taskState: null, fault });
}

/**
 * nova-compute of a node that starts: destroys what was evacuated from it, whether that ended well or not, and closes
 * the records (manager.py, _destroy_evacuated_instances). Nova keys them by instance: of two records of one instance
 * only the later is closed. Those of deleted instances stay as they are.
 */
export function cleanUpEvacuated(centre: Centre, node: Node): void {
  const open = centre.records.filter(
    (r) =>
      r.type === 'evacuation' && r.source === node.name && ['accepted', 'pre-migrating', 'done'].includes(r.status),
  );
  for (const record of new Map(open.map((r) => [r.instanceId, r])).values()) {
    const instance = centre.instances.get(record.instanceId);
    if (!instance) continue;
    destroyGuest(centre, node, instance, `cleanup after record ${record.id}`);
    if (instance.deleted) continue;
    centre.allocations.get(instance.id)?.delete(node.hypervisorId);
    setRecord(centre, record, 'completed');
  }
}
