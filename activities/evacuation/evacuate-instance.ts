// Brings one instance elsewhere: look → lock → POST at most once → watch → put the power state back → account. Safe to repeat
// at any moment (recovery.md 12): Nova's evacuate is not idempotent, so what was sent is found by looking, never sent again blindly.
import { Context } from '@temporalio/activity';
import { Ended, expectFailure, look, pause, readRow, type Attempt, type Deps, type Sight } from './attempt.ts';
import { startBeat } from './beat.ts';
import { isoNow, lastedMs, moment } from './clock.ts';
import type { EvacuateInput, EvacuateResult } from './contract.ts';
import { accountFailure, follow, settle } from './follow.ts';
import { askRun, standingNow } from './permit.ts';
import { isEvacuationFrom, isFailed, isOpen, progressOf } from './records.ts';
import { send } from './send.ts';

/** Also where tests scale the table down: a busy machine is not a stuck loop. */
const MIN_STUCK_MS = 60_000;

/** Of a first attempt, which has nothing to tell yet: well within the heartbeat's time limit of 5 s. */
const FIRST_BEAT_MS = 3_000;

/** Carried in the heartbeats to a further attempt. Ages, never clock values. */
interface Carried {
  /** How long an attempt that sent nothing has looked for the POST of one before it (ms). */
  quietMs: number;
  past: number;
  ignored: { id: number; status: string } | null;
}

/**
 * Ends with exactly one account of the instance (contract.ts). Rejects only when cancelled (a shutdown: another worker goes on)
 * or on a bug. Sends at most one POST per attempt, and none on a further attempt until `horizonMs` of looking found nothing.
 */
export async function evacuateInstance(deps: Deps, input: EvacuateInput): Promise<EvacuateResult> {
  const a = begin(deps, input);
  try {
    return await run(a);
  } catch (error) {
    if (error instanceof Ended) return error.result;
    throw error;
  } finally {
    a.seat?.leave();
    a.watch.leave();
    a.beat.stop();
  }
}

function begin(deps: Deps, input: EvacuateInput): Attempt {
  const { info, cancellationSignal } = Context.current();
  const { timings } = input.policy;
  const carried = info.attempt > 1 ? readCarried(info.heartbeatDetails) : null;
  const started = moment(deps.clock);
  // Time that an earlier attempt spent looking counts only up to half of the horizon: beyond that it may have gone on
  // unheard and sent its own POST before this one began.
  const creditMs = carried !== null && carried.quietMs <= timings.horizonMs / 2 ? carried.quietMs : 0;
  const a: Omit<Attempt, 'beat'> = {
    ...{ deps, input, timings, started, signal: cancellationSignal },
    activityId: info.activityId,
    number: info.attempt,
    watch: deps.watches.join(input.node, timings),
    ours: {
      after: input.lastEvacuationId,
      past: carried?.past ?? 0,
      ignored: carried?.ignored ?? null,
      adopting: input.instance.decision === 'adopt',
    },
    posts: 0,
    post: { is: 'none' },
    postedAt: null,
    quiet: info.attempt > 1 ? { since: started, creditMs } : null,
    row: null,
    word: null,
    seat: null,
    powerSentAt: null,
    still: null,
    notes: [],
  };
  // Longer than any one call may take: beyond it the loop is stuck and another worker shall take over.
  const limitMs = Math.max(MIN_STUCK_MS, timings.novaPostMs + 2 * timings.novaReadMs);
  const firstMs = info.attempt > 1 ? 0 : FIRST_BEAT_MS;
  return Object.assign(a, { beat: startBeat(deps.clock, limitMs, () => carry(a), firstMs) });
}

function carry(a: Omit<Attempt, 'beat'>): Carried {
  const quietMs = a.quiet && a.posts === 0 ? a.quiet.creditMs + lastedMs(a.deps.clock, a.quiet.since) : 0;
  return { quietMs, past: a.ours.past, ignored: a.ours.ignored };
}

function readCarried(details: unknown): Carried | null {
  if (typeof details !== 'object' || details === null) return null;
  const { quietMs, past, ignored } = details as Partial<Carried>;
  return typeof quietMs === 'number' && typeof past === 'number' ? { quietMs, past, ignored: ignored ?? null } : null;
}

async function run(a: Attempt): Promise<EvacuateResult> {
  if (a.input.afterMs && a.number === 1) await pause(a, a.input.afterMs);
  if (a.input.lockedAhead && a.number === 1) {
    a.row = readRow(a);
    a.word = askRun(a);
  }
  let sight = await look(a);
  remember(a, sight);
  for (;;) {
    const result = await react(a, sight);
    if (result) return result;
    sight = (await arrival(a)) ?? (await look(a));
  }
}

/**
 * The instance alone is read where the node's list of evacuations already has a final record: its own list says no more. Null:
 * it is not simply there, so both are read.
 */
async function arrival(a: Attempt): Promise<Sight | null> {
  const { id } = a.input.instance;
  const known = a.watch.records(id);
  if (a.post.is !== 'taken' || progressOf(known, a.ours).done === null) return null;
  const view = await a.deps.openstack.compute.instance(id, { timeoutMs: a.timings.novaReadMs }).catch((e: unknown) => {
    expectFailure(e);
    return null;
  });
  a.beat.progress();
  const sight: Sight = { view, evacuations: known, moves: [], at: moment(a.deps.clock) };
  return view !== null && standingNow(a, sight).is === 'arrived' ? sight : null;
}

/** What was there when the first attempt began: failures that are accounted for, and the record that a person looked past. */
function remember(a: Attempt, sight: Sight): void {
  const { ignoreRecord } = a.input;
  if (a.number === 1)
    a.ours.past = sight.evacuations.filter(isFailed).reduce((max, r) => Math.max(max, r.id), a.ours.past);
  const named = sight.evacuations.find((r) => r.id === ignoreRecord);
  if (named && isOpen(named)) a.ours.ignored ??= { id: named.id, status: named.status };
}

/** Null: look again. */
async function react(a: Attempt, sight: Sight): Promise<EvacuateResult | null> {
  const { view } = sight;
  const at = isoNow(a.deps.clock);
  if (view === null) return { kind: 'gone', reason: 'it was deleted', host: null, at };
  const s = standingNow(a, sight);
  switch (s.is) {
    case 'deleted':
      return { kind: 'gone', reason: 'it was deleted', host: null, at };
    case 'moved':
      return { kind: 'gone', reason: movedReason(a, s.host, s.record?.destCompute ?? null), host: s.host, at };
    case 'several': {
      const reason = `two evacuations of it are open (records ${s.records.map((r) => `${r.id} ${r.status}`).join(', ')})`;
      return {
        kind: 'stuck',
        reason,
        record: s.records[0]?.id ?? null,
        destination: s.records[0]?.destCompute ?? null,
      };
    }
    case 'open':
      return follow(a, s.record);
    case 'arriving':
      return follow(a, s.record).then((r) => r ?? pause(a, a.watch.intervalMs()).then(() => null));
    case 'begun':
      return follow(a, null);
    case 'arrived':
      return settle(a, view, s.record, s.ours);
    case 'failed':
      return accountFailure(a, view, s.record);
    case 'untouched':
      return untouched(a, sight);
  }
}

const movedReason = (a: Attempt, host: string, evacuatedTo: string | null): string =>
  evacuatedTo !== null
    ? `it was evacuated to ${evacuatedTo} and then moved on to ${host} by somebody`
    : a.still?.key.startsWith('hold:')
      ? `its live migration to ${host} had finished`
      : `somebody moved it to ${host}`;

/** Nothing of ours is seen. That is only a reason to send when nothing can be on its way any more. */
async function untouched(a: Attempt, sight: Sight): Promise<EvacuateResult | null> {
  const { view } = sight;
  if (view === null) return null;
  if (a.post.is === 'taken') return follow(a, null);
  if (a.quiet) {
    const left = a.timings.horizonMs - a.quiet.creditMs - lastedMs(a.deps.clock, a.quiet.since);
    if (left > 0) {
      await pause(a, Math.min(left, Math.max(a.watch.intervalMs(), a.timings.horizonMs / 30)));
      return null;
    }
    if (a.post.is === 'lost') return lost(a, a.post.why);
    a.quiet = null;
    // Read once more after the horizon has passed, before anything is sent.
    return null;
  }
  if (a.ours.adopting && !sight.evacuations.some((r) => isEvacuationFrom(r, a.input.node) && isFailed(r)))
    return {
      kind: 'failed',
      reason: 'the evacuation that was on its way has left no trace',
      posts: 0,
      record: null,
      retryable: true,
    };
  return send(a, view, sight);
}

const lost = (a: Attempt, why: string): EvacuateResult => ({
  kind: 'failed',
  reason: `the request's reply was lost and Nova shows nothing of it after ${Math.round(a.timings.horizonMs / 1_000)} s: ${why}`,
  posts: a.posts,
  record: null,
  retryable: true,
});
