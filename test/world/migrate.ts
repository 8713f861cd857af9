// A live migration by a person.
import type { Centre } from './centre.ts';
import { changeInstance, nodeOf } from './centre.ts';
import { newRecord, setRecord, startGuest, stopGuest } from './guests.ts';
import type { Instance, MigrationRow } from './model.ts';
import { allocate, release } from './scheduler.ts';

// Live migration: the guest goes on at the source until the switch; a source or destination that dies leaves the record running.
export function migrate(centre: Centre, instance: Instance, to: string, ms: number): MigrationRow {
  const source = nodeOf(centre, instance.host ?? '');
  const dest = nodeOf(centre, to);
  const record = newRecord(centre, instance, 'live-migration', 'operator');
  setRecord(centre, record, 'running', to);
  changeInstance(centre, instance, 'live migration', { taskState: 'migrating' });
  allocate(centre, instance, dest);
  const done = () => {
    if (source.os !== 'up' || instance.deleted) return;
    stopGuest(centre, source, instance.id, 'migrated away');
    source.disks.delete(instance.id);
    startGuest(centre, dest, instance.id, 'migrated');
    release(centre, instance, source);
    changeInstance(centre, instance, 'migrated', { host: to, taskState: null, zone: dest.zone });
    setRecord(centre, record, 'completed');
  };
  centre.later(ms, done, dest.timers);
  return record;
}
