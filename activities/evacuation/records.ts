// Reading Nova's migration records: which are ours, which are open, and what they and the instance say together. Pure.
import type { InstanceView, MigrationRecord } from '../../workflows/domain.ts';

const FAILED = new Set(['error', 'failed', 'cancelled']);
const DONE = new Set(['done', 'completed']);
const MOVE_OVER = new Set([...FAILED, ...DONE, 'finished', 'confirmed', 'reverted']);

export const isFailed = (r: MigrationRecord): boolean => FAILED.has(r.status);
export const isDone = (r: MigrationRecord): boolean => DONE.has(r.status);
/** `accepted`, `pre-migrating`, and any word that Nova may invent. */
export const isOpen = (r: MigrationRecord): boolean => !isFailed(r) && !isDone(r);
/** A live migration, cold migration or resize that is under way. */
export const isOpenMove = (r: MigrationRecord): boolean => r.type !== 'evacuation' && !MOVE_OVER.has(r.status);
export const isEvacuationFrom = (r: MigrationRecord, node: string): boolean =>
  r.type === 'evacuation' && r.sourceCompute === node;

/** Nova shows the fault of an instance in ERROR only; why one failed whose state was kept, its events tell. */
export const whereWhy = ({ id }: Pick<InstanceView, 'id'>): string => `(why: openstack server event list ${id})`;

/** Why what Nova ended as failed failed, in its own words where it has some. `what`: the evacuation, its live migration. */
export const whyFailed = (what: string, r: MigrationRecord, view: InstanceView): string =>
  view.fault ??
  `Nova ended ${what}${r.destCompute ? ` to ${r.destCompute}` : ''} (record ${r.id}) as ${r.status} ${whereWhy(view)}`;

const newest = (records: MigrationRecord[]): MigrationRecord | null =>
  records.reduce<MigrationRecord | null>((a, b) => (a === null || b.id > a.id ? b : a), null);

/** What tells our records from older ones. */
export interface Ours {
  /** Records with a higher id are this run's. */
  after: number;
  /** Failures up to this id were accounted for by an earlier activity. */
  past: number;
  /** A record that a person named in `retry`, as it was then: counts only if it moves on. */
  ignored: { id: number; status: string } | null;
  /** The evacuation that was on its way before us: every record counts. */
  adopting: boolean;
}

export interface Progress {
  open: MigrationRecord[];
  done: MigrationRecord | null;
  failed: MigrationRecord | null;
}

/**
 * Sorts an instance's evacuation records. Past a record in limbo, the conductor takes any `accepted` one of the instance for
 * the new request (nova/conductor/manager.py, get_by_instance_and_status): one moves on and the other stays `accepted` for ever.
 */
export function progressOf(records: MigrationRecord[], ours: Ours): Progress {
  const mine = records.filter(
    (r) => (ours.adopting || r.id > ours.after) && !(r.id === ours.ignored?.id && r.status === ours.ignored.status),
  );
  const advanced = ours.ignored !== null && mine.some((r) => r.status !== 'accepted' && !isFailed(r));
  const open = mine.filter((r) => isOpen(r) && !(advanced && r.status === 'accepted'));
  return {
    open,
    done: newest(mine.filter(isDone)),
    failed: newest(mine.filter((r) => isFailed(r) && r.id > ours.past)),
  };
}

/** Where an instance stands, by its own row and its records together. */
export type Standing =
  | { is: 'deleted' }
  | { is: 'several'; records: MigrationRecord[] }
  | { is: 'open'; record: MigrationRecord }
  /** Nova is at it but shows no record yet. */
  | { is: 'begun' }
  /** It is on the destination of this record; `ours` false: of an evacuation before us. */
  | { is: 'arrived'; record: MigrationRecord; host: string; ours: boolean }
  /** The record is done, the host has not changed. */
  | { is: 'arriving'; record: MigrationRecord }
  | { is: 'failed'; record: MigrationRecord }
  | { is: 'moved'; host: string; record: MigrationRecord | null }
  | { is: 'untouched' };

export function standingOf(
  node: string,
  view: InstanceView | null,
  records: MigrationRecord[],
  ours: Ours,
  wasRebuilding: boolean,
): Standing {
  if (view === null) return { is: 'deleted' };
  const { open, done, failed } = progressOf(records, ours);
  if (open.length > 1) return { is: 'several', records: open };
  if (open[0]) return { is: 'open', record: open[0] };
  const elsewhere = view.host !== null && view.host !== node ? view.host : null;
  if (elsewhere !== null) {
    // Compare host with host: dest_compute is an os-services host, never a hypervisor's hostname.
    if (done?.destCompute === elsewhere) return { is: 'arrived', record: done, host: elsewhere, ours: true };
    const led = newest(records.filter((r) => isDone(r) && r.destCompute === elsewhere));
    return led
      ? { is: 'arrived', record: led, host: elsewhere, ours: false }
      : { is: 'moved', host: elsewhere, record: done };
  }
  if (failed && failed.id > (done?.id ?? 0)) return { is: 'failed', record: failed };
  if (done && done.id > ours.past) return { is: 'arriving', record: done };
  if (view.taskState === 'rebuilding' && !wasRebuilding && ours.ignored === null) return { is: 'begun' };
  return { is: 'untouched' };
}
