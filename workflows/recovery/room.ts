// Room before the POST: NoValidHost comes after it and turns the instance ERROR. What cannot fit waits un-posted.
import { ActivityFailure, CancellationScope, condition, isCancellation, log, sleep } from '@temporalio/workflow';
import { findingRoom } from '../proxies.ts';
import { whyFailed } from './insist.ts';
import { raise, settle } from './question.ts';
import { granted, type Pending, type Run } from './run.ts';
import { tell } from './tell.ts';

/** Which instances may start, and what goes on in the background. */
export interface Lanes {
  /** Ids for which Placement had room, in order. */
  ready: string[];
  searching: boolean;
  lastSearch: number;
  /** Whose lock was asked for ahead, and whether such a request is on its way. */
  lockedAhead: Set<string>;
  locking: boolean;
  /** Bumped by whatever ends in the background. */
  tick: number;
  /** Nothing cancels what runs in it. One for all evacuations: each scope costs the workflow more than what it does in it. */
  shield: CancellationScope;
}

/** What waits for a lane, most important first. */
export const waiting = (run: Run, lanes: Lanes): Pending[] =>
  [...run.pending.values()]
    .filter((p) => !run.moving.has(p.plan.id) && !lanes.ready.includes(p.plan.id))
    .filter((p) => p.held === null && p.notBefore <= Date.now())
    .sort((a, b) => b.plan.priority - a.plan.priority || a.plan.name.localeCompare(b.plan.name));

/**
 * Asks Placement for all that wait. While others are in flight it asks at most once per `roomEveryMs` (their end makes no room
 * here); when nothing is, one activity waits for room for all of them.
 */
export async function search(run: Run, lanes: Lanes): Promise<void> {
  const want = waiting(run, lanes);
  const t = granted(run).policy.timings;
  if (want.length === 0) return;
  if (run.moving.size > 0 && lanes.lastSearch > 0 && Date.now() - lanes.lastSearch < t.roomEveryMs) return;
  lanes.lastSearch = Date.now();
  const posted = [...run.moving].flatMap((id) => run.pending.get(id) ?? []);
  const short = ({ plan, need }: Pending): { id: string; need: Pending['need'] } => ({ id: plan.id, need });
  const input = {
    node: run.node.host,
    waiting: want.map(short),
    posted: posted.map(short),
    once: true,
    policy: granted(run).policy,
  };
  const first = await findingRoom(run.cloud)
    .findRoom.executeWithOptions({ summary: `room for ${want.length}?` }, [input])
    .catch((e: unknown) => ({ fits: [], why: whyFailed(e) }));
  lanes.ready.push(...first.fits);
  if (first.fits.length > 0) settle(run, 'room');
  else if (run.moving.size === 0) waitForRoom(run, lanes, input, first.why);
}

/** In the background, so that aborts, retries and the guard are heard meanwhile. */
function waitForRoom(
  run: Run,
  lanes: Lanes,
  input: Parameters<ReturnType<typeof findingRoom>['findRoom']>[0],
  why: string,
): void {
  const scope = new CancellationScope({ cancellable: true });
  const t = granted(run).policy.timings;
  const retries = run.retries;
  lanes.searching = true;
  raise(run, 'room', {
    what: `there is no room for ${input.waiting.length} instances of ${run.node.host}: ${why}`,
    answers: [
      { verb: 'retry', json: '{"by":"your name"}', means: 'look again now (it also does so by itself)' },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'leave them on the node, which stays off' },
    ],
    commands: ['openstack hypervisor stats show', 'openstack compute service list'],
  });
  const search = scope
    .run(() =>
      findingRoom(run.cloud).findRoom.executeWithOptions({ summary: `waits for room for ${input.waiting.length}` }, [
        { ...input, once: false },
      ]),
    )
    .then(({ fits }) => {
      lanes.ready.push(...fits);
      settle(run, 'room');
    })
    .catch((e: unknown) => {
      if (isCancellation(e)) return;
      if (!(e instanceof ActivityFailure)) throw e;
      log.warn('the search for room failed; it begins again', { error: whyFailed(e) });
      return sleep(t.roomEveryMs);
    });
  const late = scope
    .run(() => condition(() => false, t.delayedAfterMs, { summary: 'tells users of the delay' }))
    .then(
      () =>
        tellDelayed(
          run,
          input.waiting.map((w) => w.id),
        ),
      () => undefined,
    );
  void Promise.race([search, condition(() => run.stop !== null || run.retries !== retries)]).finally(() => {
    lanes.searching = false;
    lanes.tick += 1;
    scope.cancel();
    void late;
  });
}

async function tellDelayed(run: Run, ids: string[]): Promise<void> {
  const instances = ids.flatMap((id) => {
    const p = run.pending.get(id);
    if (!p) return [];
    const { name, projectId, userId, loses } = p.plan;
    return [
      {
        id,
        name,
        projectId,
        userId,
        loses,
        outcome: 'waiting' as const,
        reason: 'there is no room yet',
        host: null,
        at: null,
      },
    ];
  });
  if (instances.length > 0)
    await tell(run, 'delayed', {
      stage: 'delayed',
      audience: 'users',
      headline: 'your instances wait for room',
      instances,
    });
}
