// From an instance that nobody has touched yet to one POST: room, lock, reset where the policy says so, permission, POST.
import type { InstanceView } from '../../workflows/domain.ts';
import type { Sorted } from '../../workflows/policy.ts';
import { expectFailure, look, pause, stillMs, type Attempt, type Sight } from './attempt.ts';
import { ageMs, moment, type Moment } from './clock.ts';
import type { EvacuateResult } from './contract.ts';
import { failureOf, isForbidden, isLost, textOf, type Failure } from './failure.ts';
import { follow } from './follow.ts';
import { isLockedBy, isLockedByOthers } from './locks.ts';
import { needOf } from './needs.ts';
import { permit, sortNow, type Permit } from './permit.ts';

/** How often a held or waiting instance is looked at. */
const WAIT_MS = 5_000;

/** Null: look again, something was sent or has changed. */
export async function send(a: Attempt, view: InstanceView, sight: Sight): Promise<EvacuateResult | null> {
  const sorted = sortNow(a, view, sight);
  if (sorted.decision === 'keep') return { kind: 'kept', reason: sorted.reason };
  if (a.post.is === 'refused') return { kind: 'notPosted', why: a.post.why };
  if (sorted.decision === 'adopt') {
    a.ours.adopting = true;
    return null;
  }
  if (sorted.decision === 'hold') return hold(a, sight);
  const full = await takeSeat(a, view);
  if (full !== 'seated') return full;
  const wasLocked = await lock(a, view);
  if (sorted.reset) return reset(a, sorted);
  // A lock that stood before the look keeps its tenant out since: then the look holds, while it is young.
  const p = await permit(a, wasLocked ? sight : null);
  if (p.is === 'denied') return denied(p);
  return p.is === 'granted' ? post(a, p.view, p.asked) : null;
}

/** The guest of a live migration may already run on the other side: it is held until the record is final. */
async function hold(a: Attempt, sight: Sight): Promise<EvacuateResult | null> {
  const move = sight.moves[0] ?? null;
  const other = move?.destCompute ?? 'the other node';
  if (stillMs(a, `hold:${move?.id}:${move?.status}`) < a.timings.stuckMs) {
    await pause(a, Math.min(WAIT_MS, a.timings.stuckMs / 4));
    return null;
  }
  const what = move
    ? `its ${move.type} to ${other} (record ${move.id}) stays ${move.status}`
    : `it stays ${sight.view?.taskState}`;
  const past = move
    ? `retry naming record ${move.id}`
    : `set its state by hand (openstack server set --state active) and retry`;
  return {
    kind: 'stuck',
    reason: `${what}: look whether the guest runs on ${other}. If it does, skip it; if it does not, ${past}`,
    record: move?.id ?? null,
    destination: move?.destCompute ?? null,
  };
}

async function takeSeat(a: Attempt, view: InstanceView): Promise<'seated' | EvacuateResult | null> {
  if (a.seat) return 'seated';
  const { node, policy } = a.input;
  try {
    const deal = a.deps.evacuator.spreads === true && !a.input.anyHost && isPlain(view);
    const first = a.deps.evacuator.prefersReserve === true && !a.input.anyHost && isPlain(view);
    const { perDestination } = policy.evacuation;
    const prefer = first ? (a.input.reserve ?? null) : null;
    const limits = { perDestination, deal, zone: view.pinnedZone, prefer };
    const seat = await a.deps.rooms.seat(needOf(view), node, limits, a.timings);
    if ('leave' in seat) {
      a.seat = seat;
      return 'seated';
    }
    if (!seat.busy || stillMs(a, 'busy') >= a.timings.stuckMs) return { kind: 'noRoom', why: seat.why };
    await pause(a, a.watch.intervalMs());
    return null;
  } catch (error) {
    return { kind: 'noRoom', why: `Placement could not be asked: ${expectFailure(error).message}` };
  }
}

/**
 * Nothing but its size says where it may go, as far as the API shows: what a group, an aggregate, a trait or a device decides is
 * Nova's scheduler's to place.
 */
const isPlain = (view: InstanceView): boolean =>
  view.serverGroups.length === 0 &&
  Object.keys(view.flavor.extraSpecs).every((key) => /^(hw|quota|hw_rng|hw_video):/.test(key));

/** True: it was locked before. With the run's marker as reason, by which it is lifted. One that fails does not stop the evacuation: the lock only fends off the tenant. */
async function lock(a: Attempt, view: InstanceView): Promise<boolean> {
  const { marker } = a.input;
  if (isLockedByOthers(view) || isLockedBy(view, marker)) return true;
  try {
    // As long as any request may take: the next one must not meet this one on its way.
    await a.deps.openstack.compute.lock(view.id, marker, { timeoutMs: a.timings.novaPostMs });
  } catch (error) {
    const failure = expectFailure(error);
    const now = isLost(failure) ? (await look(a)).view : null;
    if (now === null || !now.locked) a.notes.push(`it could not be locked: ${textOf(error)}`);
  }
  a.beat.progress();
  return false;
}

const denied = ({ why, movedTo }: Extract<Permit, { is: 'denied' }>): EvacuateResult =>
  movedTo === undefined ? { kind: 'notPosted', why } : { kind: 'notPosted', why, movedTo };

/** Nova evacuates it only as active. Asked for permission like a POST; its memory is lost with the node in any case. */
async function reset(a: Attempt, sorted: Sorted): Promise<EvacuateResult | null> {
  const p = await permit(a, null);
  if (p.is === 'denied') return denied(p);
  if (p.is === 'changed') return null;
  try {
    await a.deps.openstack.compute.resetState(p.view.id, 'active', { timeoutMs: a.timings.novaPostMs });
    a.notes.push(sorted.loses ?? `it was ${p.view.vmState}; its state was reset`);
  } catch (error) {
    const failure = expectFailure(error);
    if (!isLost(failure)) return { kind: 'notPosted', why: `its state could not be reset: ${failure.message}` };
    if (stillMs(a, 'reset') >= a.timings.stuckMs) return { kind: 'notPosted', why: failure.message };
    await pause(a, a.watch.intervalMs());
  }
  return null;
}

/** At most once in an attempt; from here to the answer nothing interrupts. */
async function post(a: Attempt, view: InstanceView, asked: Moment): Promise<EvacuateResult | null> {
  const { clock, evacuator } = a.deps;
  let stale = false;
  // The client may wait for a token or a place in its queue: then the permission has run out before anything was sent.
  const beforeSend = (): void => {
    stale = a.signal.aborted || ageMs(clock, asked) >= a.timings.permissionMs;
    if (stale) throw new Error('the permission ran out before the request could be sent');
  };
  a.signal.throwIfAborted();
  a.posts += 1;
  a.postedAt = moment(clock);
  a.seat?.sent();
  try {
    await evacuator.send(view, { timeoutMs: a.timings.novaPostMs, beforeSend }, a.seat?.host ?? undefined);
    a.post = { is: 'taken' };
  } catch (error) {
    if (stale) return notSent(a, 'the request had to wait until the permission had run out');
    const failure = failureOf(error);
    if (!failure) throw error;
    return refusal(a, view, failure);
  } finally {
    a.beat.progress();
  }
  // The shared list tells what becomes of it: a look at each instance would cost Nova more than its answer is worth.
  return follow(a, null);
}

function notSent(a: Attempt, why: string): EvacuateResult {
  a.posts = 0;
  return { kind: 'notPosted', why };
}

function refusal(a: Attempt, view: InstanceView, failure: Failure): EvacuateResult | null {
  if (isLost(failure)) {
    a.post = { is: 'lost', why: failure.message };
    a.quiet = { since: moment(a.deps.clock), creditMs: 0 };
    return null;
  }
  if (isForbidden(failure)) return { kind: 'halt', reason: failure.message };
  const final = failure.status === 400 || failure.kind === 'tooOld' || failure.kind === 'config';
  if (failure.status === 0 && !final) return notSent(a, failure.message);
  a.post = { is: 'refused', why: failure.message };
  if (!final) return null;
  if (/still in use|ComputeServiceInUse/i.test(failure.message)) return { kind: 'nodeUp', reason: failure.message };
  return {
    kind: 'failed',
    reason: failure.message,
    posts: a.posts,
    record: null,
    retryable: failure.status === 400 && view.vmState !== 'error',
  };
}
