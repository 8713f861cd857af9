// One attempt of evacuateInstance: what it knows, how it looks, and how it ends early.
import type { InstanceView, MigrationRecord } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Beat } from './beat.ts';
import { ageMs, lastedMs, moment, type Clock, type Moment } from './clock.ts';
import type { EvacuateInput, EvacuateResult } from './contract.ts';
import type { Evacuator } from './driver.ts';
import { failureOf, isForbidden, textOf, type Failure } from './failure.ts';
import type { Watch, Watches } from './migration-watch.ts';
import type { Ask } from './permission.ts';
import { isEvacuationFrom, isOpenMove, type Ours } from './records.ts';
import type { Rooms, Seat } from './room.ts';
import type { Rows, ServiceRow } from './rows.ts';

export interface Deps {
  openstack: OpenStack;
  clock: Clock;
  ask: Ask;
  evacuator: Evacuator;
  rooms: Rooms;
  rows: Rows;
  watches: Watches;
}

export interface Attempt {
  deps: Deps;
  input: EvacuateInput;
  timings: Timings;
  activityId: string;
  number: number;
  watch: Watch;
  beat: Beat;
  /** Aborts when the worker shuts down or the attempt was given up. Never heard between a POST and its answer. */
  signal: AbortSignal;
  started: Moment;
  ours: Ours;
  /** POSTs that this attempt sent: 0 or 1. */
  posts: number;
  /** `lost`: nobody knows whether Nova took it. `refused`: it certainly did not, `why` in its words. */
  post: { is: 'none' } | { is: 'taken' } | { is: 'lost'; why: string } | { is: 'refused'; why: string };
  postedAt: Moment | null;
  /** A POST of before (another attempt's, or one whose reply was lost) may still be on its way: look until the horizon. */
  quiet: { since: Moment; creditMs: number } | null;
  /** Read beside the first look where that may be the one before the POST; so is the permission asked for. */
  row: Promise<ServiceRow> | null;
  word: Word | null;
  seat: Seat | null;
  powerSentAt: Moment | null;
  /** Since when things stand as they stand, by a key: what does not move on for `stuckMs` is stuck. */
  still: { key: string; since: Moment } | null;
  notes: string[];
}

/** What the run says to a POST. It is as old as the question. */
export interface Word {
  asked: Moment;
  answer: Promise<{ ok: boolean; why: string }>;
}

/** Ends the attempt with this result, from anywhere. */
export class Ended extends Error {
  readonly result: EvacuateResult;
  constructor(result: EvacuateResult) {
    super(result.kind);
    this.result = result;
  }
}

export interface Sight {
  view: InstanceView | null;
  /** All evacuation records of this instance from this node, whichever id. */
  evacuations: MigrationRecord[];
  /** Its open live migrations, migrations and resizes. */
  moves: MigrationRecord[];
  /** When the older of the two answers came. */
  at: Moment;
}

/** How long things have stood like this (ms). Another key starts anew. */
export function stillMs(a: Pick<Attempt, 'still'> & { deps: Pick<Deps, 'clock'> }, key: string): number {
  if (a.still?.key !== key) a.still = { key, since: moment(a.deps.clock) };
  return lastedMs(a.deps.clock, a.still.since);
}

export async function pause(a: Attempt, ms: number): Promise<void> {
  await a.deps.clock.sleep(ms, a.signal);
  a.beat.progress();
}

/** Rejects with the client's error; also where nobody waits for it yet. */
export function readRow(a: Omit<Attempt, 'beat'>): Promise<ServiceRow> {
  const row = a.deps.rows.read(a.input.node, a.timings.novaReadMs);
  row.catch(() => undefined);
  return row;
}

/** One look, unshared: the bulk list may lack a record that was never changed. Rejects with the client's error. */
export async function peek(a: Attempt): Promise<Sight> {
  const { compute } = a.deps.openstack;
  const { id } = a.input.instance;
  const o = { timeoutMs: a.timings.novaReadMs };
  const stamps: Moment[] = [];
  const stamp = <T>(answer: T): T => {
    stamps.push(moment(a.deps.clock));
    return answer;
  };
  const [view, records] = await Promise.all([
    compute.instance(id, o).then(stamp),
    compute.migrations({ instanceId: id }, o).then(stamp),
  ]);
  a.beat.progress();
  return {
    view,
    evacuations: records.filter((r) => isEvacuationFrom(r, a.input.node)),
    moves: records.filter(isOpenMove),
    at: stamps[0] ?? moment(a.deps.clock),
  };
}

/** Looks until Nova answers. Where nothing can have been sent yet, it gives up after the horizon: the run may want something else by then. */
export async function look(a: Attempt): Promise<Sight> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await peek(a);
    } catch (error) {
      const failure = expectFailure(error);
      a.beat.progress();
      const sentNothing = a.number === 1 && a.posts === 0 && a.input.instance.decision !== 'adopt';
      if (sentNothing && ageMs(a.deps.clock, a.started) > a.timings.horizonMs)
        throw new Ended({ kind: 'notPosted', why: `Nova does not answer: ${failure.message}` });
      await pause(a, Math.min(a.watch.intervalMs() * 2 ** Math.min(failures, 6), 10_000) * (0.75 + Math.random() / 2));
    }
  }
}

/** The client's failure. Ends the attempt on refused credentials; lets anything else through. */
export function expectFailure(error: unknown): Failure {
  const failure = failureOf(error);
  if (!failure) throw error;
  if (isForbidden(failure)) throw new Ended({ kind: 'halt', reason: textOf(error) });
  return failure;
}
