// Live migration, in Nova's own order (compute/api.py live_migrate, conductor/manager.py _live_migrate, compute/manager.py).
import type { Centre } from './centre.ts';
import { changeInstance, nodeOf, serviceIsUp } from './centre.ts';
import { newRecord, setRecord, startGuest, stopGuest } from './guests.ts';
import type { Instance, MigrationRow, Node } from './model.ts';
import { conflict, Refusal } from './nova-evacuate.ts';
import { allocate, candidates, choose, release } from './scheduler.ts';

/** By a person: the record stays `running` until it is over. */
export function migrate(centre: Centre, instance: Instance, to: string, ms: number): MigrationRow {
  const record = newRecord(centre, instance, 'live-migration', 'operator');
  changeInstance(centre, instance, 'live migration', { taskState: 'migrating' });
  move(centre, { record, instance, source: nodeOf(centre, instance.host ?? ''), dest: nodeOf(centre, to), ms });
  return record;
}

/** os-migrateLive from 2.34 on: an answer before anything was looked at. A second one meets the task_state of the first. */
export function liveMigrate(centre: Centre, { instance, by }: { instance: Instance; by: string }): void {
  if (!['active', 'paused'].includes(instance.vmState))
    throw conflict('os-migrateLive', instance, 'vm_state', instance.vmState);
  if (instance.taskState !== null) throw conflict('os-migrateLive', instance, 'task_state', instance.taskState);
  changeInstance(centre, instance, 'live migration', { taskState: 'migrating' });
  centre.log.add({ kind: 'live-migrate', instance: instance.id, source: instance.host ?? '', by });
  if (centre.brokerDown) throw new Refusal(500, 'Unexpected API Error: MessageDeliveryFailure');
  centre.later(centre.duration('castMs'), () => conduct(centre, instance, by));
}

function conduct(centre: Centre, instance: Instance, by: string): void {
  if (instance.deleted) return;
  const source = nodeOf(centre, instance.host ?? '');
  const record = newRecord(centre, instance, 'live-migration', by);
  const fail = (what: string): void => {
    setRecord(centre, record, 'error');
    changeInstance(centre, instance, `live migration failed: ${what}`, { taskState: null });
  };
  // LiveMigrationTask: the source must be up; whatever it cannot move (a device passed through …) fails its pre-check.
  if (!serviceIsUp(centre, source)) return fail('ComputeServiceUnavailable');
  const dest = choose(centre, candidates(centre, instance, [source.name]));
  if (!dest) return fail('NoValidHost');
  if (centre.unmovable.has(instance.id)) return fail('MigrationPreCheckError');
  // The source takes it into its line, and out of it (compute/manager.py live_migration, _do_live_migration).
  setRecord(centre, record, 'queued', dest.name);
  setRecord(centre, record, 'preparing', dest.name);
  move(centre, { record, instance, source, dest, ms: centre.duration('migrateMs') });
}

interface Move {
  record: MigrationRow;
  instance: Instance;
  source: Node;
  dest: Node;
  /** Cloud ms. */
  ms: number;
}

/** The guest goes on at the source until the switch; a source or destination that dies leaves the record running. */
function move(centre: Centre, { record, instance, source, dest, ms }: Move): void {
  setRecord(centre, record, 'running', dest.name);
  allocate(centre, instance, dest);
  const done = (): void => {
    if (source.os !== 'up' || source.agent !== 'up' || instance.deleted) return;
    stopGuest(centre, source, instance.id, 'migrated away');
    source.disks.delete(instance.id);
    startGuest(centre, dest, instance.id, 'migrated');
    release(centre, instance, source);
    changeInstance(centre, instance, 'migrated', { host: dest.name, taskState: null, zone: dest.zone });
    setRecord(centre, record, 'completed');
  };
  centre.later(ms, done, dest.timers);
}
