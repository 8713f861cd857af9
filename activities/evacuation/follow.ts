// From a POST that Nova took to an account: watch in bulk, read the instance once its record is final, put the power state back.
import type { InstanceView, MigrationRecord, Planned } from '../../workflows/domain.ts';
import { expectFailure, pause, stillMs, type Attempt } from './attempt.ts';
import { isoNow, lastedMs, moment } from './clock.ts';
import type { EvacuateResult } from './contract.ts';
import { isLost } from './failure.ts';
import { progressOf, whyFailed } from './records.ts';

const SHUT_DOWN = 4;
const CRASHED = 6;

const minutes = (ms: number): string =>
  ms >= 120_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1_000)} s`;

/** Watches until the bulk list says that something is final, or for so long that the instance itself is worth a look. Null: look. */
export async function follow(a: Attempt, record: MigrationRecord | null): Promise<EvacuateResult | null> {
  const stuck = inLimbo(a, record);
  if (stuck) return stuck;
  const begun = moment(a.deps.clock);
  while (lastedMs(a.deps.clock, begun) < a.timings.stuckMs / 20) {
    await a.watch.turn(a.signal);
    a.beat.progress();
    const { open, done, failed } = progressOf(a.watch.records(a.input.instance.id), a.ours);
    if (open.length > 1 || (open.length === 0 && (done !== null || failed !== null))) return null;
  }
  return null;
}

/** `accepted` (nobody may be working on it), no record at all, or a destination that died: a person is needed. */
function inLimbo(a: Attempt, record: MigrationRecord | null): EvacuateResult | null {
  const ms = stillMs(a, record === null ? 'begun' : `${record.id}:${record.status}`);
  const destination = record?.destCompute ?? null;
  const stuck = (reason: string): EvacuateResult => ({
    kind: 'stuck',
    reason,
    record: record?.id ?? null,
    destination,
  });
  const slow =
    record === null || record.status === 'accepted' || record.status === 'done' || record.status === 'completed';
  if (slow && ms >= a.timings.stuckMs)
    return stuck(
      record === null
        ? `Nova has been rebuilding it for ${minutes(ms)} without a migration record`
        : `migration record ${record.id} has been ${record.status} for ${minutes(ms)}: Nova may not be working on it`,
    );
  const down = destination === null ? null : a.watch.downMs(destination);
  if (record !== null && !slow && down !== null && down >= a.timings.horizonMs)
    return stuck(`its destination ${destination} is down, with migration record ${record.id} ${record.status}`);
  return null;
}

/** Nova tried and could not. The reason is the instance's fault, read once Nova let go of it. */
export async function accountFailure(
  a: Attempt,
  view: InstanceView,
  record: MigrationRecord,
): Promise<EvacuateResult | null> {
  if (view.taskState === 'rebuilding' && stillMs(a, `failed:${record.id}`) < a.timings.horizonMs) {
    await pause(a, a.watch.intervalMs());
    return null;
  }
  return {
    kind: 'failed',
    reason: whyFailed('the evacuation', record, view),
    posts: a.posts,
    record: record.id,
    // No room on the one host that was named for it: the next try leaves it to the scheduler.
    retryable: record.status === 'failed' || view.vmState !== 'error' || (a.posts > 0 && a.seat?.host != null),
  };
}

/** It is on its destination: recovered once Nova has let go of it and its power state is what it was. `ours` false: only told. */
export async function settle(
  a: Attempt,
  view: InstanceView,
  record: MigrationRecord,
  ours: boolean,
): Promise<EvacuateResult | null> {
  const host = view.host ?? '';
  if (view.vmState === 'error')
    return {
      kind: 'failed',
      reason: `it is in ERROR on ${host} although its evacuation is ${record.status}: ${view.fault ?? 'Nova gives no reason'}`,
      posts: a.posts,
      record: record.id,
      retryable: false,
    };
  const stopped = wantsStopped(a.input.instance);
  if (view.taskState === null && (!ours || isAs(view, stopped))) return recovered(a, record, host, ours);
  if (stillMs(a, `settle:${record.id}`) >= a.timings.stuckMs)
    return {
      kind: 'stuck',
      reason: `it is on ${host} but stays ${view.vmState}${view.taskState ? ` (${view.taskState})` : ''} and should be ${stopped ? 'stopped' : 'active'}`,
      record: record.id,
      destination: host,
    };
  if (view.taskState === null) await putBack(a, view, stopped);
  await pause(a, a.watch.intervalMs());
  return null;
}

function recovered(a: Attempt, record: MigrationRecord, host: string, ours: boolean): EvacuateResult {
  if (a.postedAt) a.watch.took(lastedMs(a.deps.clock, a.postedAt));
  const notes = ours ? a.notes : [...a.notes, `not by this run: evacuation record ${record.id} brought it there`];
  return {
    kind: 'recovered',
    host,
    at: isoNow(a.deps.clock),
    record: record.id,
    posts: a.posts,
    ...(notes.length > 0 ? { note: [...new Set(notes)].join('; ') } : {}),
  };
}

/** An instance in ERROR comes back ACTIVE; it was off if Nova last read its power as shut down. */
const wantsStopped = (i: Planned): boolean =>
  i.vmState === 'stopped' || (i.vmState === 'error' && i.powerState === SHUT_DOWN);

const isAs = (v: InstanceView, stopped: boolean): boolean =>
  stopped ? v.vmState === 'stopped' : v.vmState === 'active' && v.powerState !== SHUT_DOWN && v.powerState !== CRASHED;

/** Sent once per horizon; whatever the answer, the next look tells what came of it. */
async function putBack(a: Attempt, view: InstanceView, stopped: boolean): Promise<void> {
  const wrong = stopped ? view.vmState === 'active' : view.vmState === 'stopped';
  if (!wrong || (a.powerSentAt && lastedMs(a.deps.clock, a.powerSentAt) < a.timings.horizonMs)) return;
  const { compute } = a.deps.openstack;
  const o = { timeoutMs: a.timings.novaPostMs };
  a.powerSentAt = moment(a.deps.clock);
  try {
    await (stopped ? compute.stop(view.id, o) : compute.start(view.id, o));
  } catch (error) {
    // Refused: nothing is on its way, so it may be sent again after the next look.
    if (!isLost(expectFailure(error))) a.powerSentAt = null;
  }
  a.beat.progress();
}
