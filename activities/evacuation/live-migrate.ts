// Live-migrates one instance of a node that is drained: look → ask the run → POST at most once an attempt → watch by its migration
// record. Nova itself takes no second request while one is under way (task_state), so a repeated attempt does no harm.
import { Context } from '@temporalio/activity';
import type { InstanceView, MigrationRecord } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { OpenStack } from '../openstack/types.ts';
import { stillMs } from './attempt.ts';
import { startBeat, type Beat } from './beat.ts';
import { ageMs, isoNow, lastedMs, moment, type Clock, type Moment } from './clock.ts';
import { decideMove } from './drain.ts';
import type { MigrateInput, MigrateResult } from './drain-contract.ts';
import { failureOf, isForbidden, isLost, textOf } from './failure.ts';
import type { Ask } from './permission.ts';
import { isDone, isFailed, isOpenMove, whereWhy, whyFailed } from './records.ts';

export interface MigrateDeps {
  openstack: OpenStack;
  clock: Clock;
  ask: Ask;
}

interface Move {
  deps: MigrateDeps;
  input: MigrateInput;
  timings: Timings;
  signal: AbortSignal;
  beat: Beat;
  activityId: string;
  number: number;
  /** Something may be on its way: a POST of an attempt before, one that was taken, or one whose reply was lost. */
  sent: { since: Moment; why: string } | null;
  still: { key: string; since: Moment } | null;
}

interface Sight {
  view: InstanceView | null;
  /** Its live migrations, any source. */
  moves: MigrationRecord[];
}

/** Also where tests scale the table down: a busy machine is not a stuck loop. */
const MIN_STUCK_MS = 60_000;
const LOOKS = 30;

/** Ends with one account of the instance. Rejects only when cancelled (a shutdown, or the run does not want it any more) or on a bug. */
export async function liveMigrate(deps: MigrateDeps, input: MigrateInput): Promise<MigrateResult> {
  const { info, cancellationSignal: signal } = Context.current();
  const { timings } = input.policy;
  const limitMs = Math.max(MIN_STUCK_MS, timings.novaPostMs + 2 * timings.novaReadMs);
  const move: Move = {
    ...{ deps, input, timings, signal, activityId: info.activityId, number: info.attempt, still: null },
    beat: startBeat(deps.clock, limitMs, () => null),
    sent: info.attempt > 1 ? { since: moment(deps.clock), why: 'an attempt before may have asked for it' } : null,
  };
  try {
    for (;;) {
      const result = await turn(move);
      if (result) return result;
      await deps.clock.sleep(Math.min(5_000, Math.max(200, timings.horizonMs / LOOKS)), signal);
      move.beat.progress();
    }
  } finally {
    move.beat.stop();
  }
}

/** Null: look again. */
async function turn(m: Move): Promise<MigrateResult | null> {
  let sight: Sight;
  try {
    sight = await look(m);
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (isForbidden(failure)) return { kind: 'halt', reason: textOf(error) };
    const tooLong = m.sent === null && stillMs(m, 'silent') > m.timings.horizonMs;
    return tooLong ? { kind: 'notPosted', why: `Nova does not answer: ${failure.message}` } : null;
  }
  const { view } = sight;
  const at = isoNow(m.deps.clock);
  if (view === null) return { kind: 'gone', reason: 'it was deleted', host: null, at };
  const open = sight.moves.find(isOpenMove);
  if (open) return watch(m, open);
  const mine = sight.moves.filter((r) => r.id > m.input.after);
  const newest = mine.reduce<MigrationRecord | null>((a, r) => (a === null || r.id > a.id ? r : a), null);
  if (view.host !== m.input.node) return arrived(m, view, newest, at);
  if (newest && isFailed(newest)) return failed(newest, view);
  if (m.sent) return unseen(m, view);
  return send(m, view);
}

async function look(m: Move): Promise<Sight> {
  const { compute } = m.deps.openstack;
  const { id } = m.input.instance;
  const o = { timeoutMs: m.timings.novaReadMs, signal: m.signal };
  const [view, records] = await Promise.all([compute.instance(id, o), compute.migrations({ instanceId: id }, o)]);
  m.beat.progress();
  return { view, moves: records.filter((r) => r.type === 'live-migration') };
}

/** `running` takes as long as the guest's memory needs; Nova itself ends one that does not converge. The steps before it are short. */
function watch(m: Move, record: MigrationRecord): MigrateResult | null {
  const key = `${record.id}:${record.status}`;
  if (record.status === 'running' || record.status === 'queued' || stillMs(m, key) < m.timings.stuckMs) return null;
  return {
    kind: 'stuck',
    reason: `its live migration (record ${record.id}) stays ${record.status}: Nova may not be working on it`,
    record: record.id,
  };
}

function arrived(m: Move, view: InstanceView, newest: MigrationRecord | null, at: string): MigrateResult | null {
  const host = view.host ?? '';
  if (newest && isDone(newest) && newest.destCompute === host) {
    if (view.taskState !== null && stillMs(m, 'arrived') < m.timings.stuckMs) return null;
    return { kind: 'moved', host, at, record: newest.id };
  }
  // From its switch on Nova cannot go back: what fails then leaves it on the destination (compute/manager.py _post_live_migration_update_host).
  if (newest && isFailed(newest) && newest.destCompute === host) return broken(newest, view, host);
  return { kind: 'gone', reason: `somebody moved it to ${host || 'no host'}`, host: view.host, at };
}

const failed = (record: MigrationRecord, view: InstanceView): MigrateResult => ({
  kind: 'failed',
  reason: whyFailed('its live migration', record, view),
  record: record.id,
  retryable: view.vmState !== 'error',
});

const broken = (record: MigrationRecord, view: InstanceView, host: string): MigrateResult => ({
  kind: 'failed',
  reason:
    `it is ${view.vmState} on ${host}: Nova ended its live migration (record ${record.id}) as ${record.status} when it was there already` +
    (view.fault ? `: ${view.fault}` : ` ${whereWhy(view)}`),
  record: record.id,
  ...{ retryable: false, host },
});

/** Asked for, and no record of it: it is made after the answer. Beyond the horizon nothing is on its way any more. */
function unseen(m: Move, view: InstanceView): MigrateResult | null {
  const { since, why } = m.sent!;
  const limit = view.taskState === null ? m.timings.horizonMs : m.timings.stuckMs;
  if (lastedMs(m.deps.clock, since) < limit) return null;
  if (view.taskState !== null)
    return {
      kind: 'stuck',
      reason: `it stays ${view.taskState}, without a live migration that Nova shows`,
      record: null,
    };
  if (m.number > 1) {
    m.sent = null;
    return null;
  }
  return { kind: 'failed', reason: `Nova shows nothing of its live migration (${why})`, record: null, retryable: true };
}

async function send(m: Move, view: InstanceView): Promise<MigrateResult | null> {
  const { clock, openstack } = m.deps;
  const sorted = decideMove(view, { moving: view.taskState !== null, tight: false }, m.input.policy);
  if (sorted.decision === 'keep') return { kind: 'kept', reason: sorted.reason };
  if (sorted.decision === 'hold') {
    if (stillMs(m, `busy:${view.taskState}`) < m.timings.stuckMs) return null;
    return { kind: 'kept', reason: `it stays ${view.taskState}` };
  }
  const asked = moment(clock);
  const answer = await permission(m);
  if (!answer.ok) return { kind: 'notPosted', why: answer.why };
  let stale = false;
  const beforeSend = (): void => {
    stale = m.signal.aborted || ageMs(clock, asked) >= m.timings.permissionMs;
    if (stale) throw new Error('the permission ran out before the request could be sent');
  };
  try {
    await openstack.compute.liveMigrate(view.id, { timeoutMs: m.timings.novaPostMs, beforeSend });
    m.sent = { since: moment(clock), why: 'it was asked for' };
  } catch (error) {
    if (stale) return { kind: 'notPosted', why: 'the request had to wait until the permission had run out' };
    return refused(m, error);
  } finally {
    m.beat.progress();
  }
  return null;
}

function refused(m: Move, error: unknown): MigrateResult | null {
  const failure = failureOf(error);
  if (!failure) throw error;
  if (isLost(failure)) {
    m.sent = { since: moment(m.deps.clock), why: `the reply was lost: ${failure.message}` };
    return null;
  }
  if (isForbidden(failure)) return { kind: 'halt', reason: failure.message };
  if (failure.status === 404) return null;
  if (failure.status === 0 && failure.kind !== 'tooOld' && failure.kind !== 'config')
    return { kind: 'notPosted', why: failure.message };
  // 409: its state changed; what it is now says whether another try makes sense.
  return { kind: 'failed', reason: failure.message, record: null, retryable: failure.status === 409 };
}

async function permission(m: Move): Promise<{ ok: boolean; why: string }> {
  const { workflowId, runId, instance } = m.input;
  const { permissionMs: timeoutMs } = m.timings;
  const question = { workflowId, runId, instance: instance.id, activityId: m.activityId, attempt: m.number, timeoutMs };
  try {
    return await m.deps.ask(question);
  } catch (error) {
    return { ok: false, why: `the run could not be asked: ${textOf(error)}` };
  }
}
