// Moves the instances: lanes of bounded width, room asked before the POST, each instance its own activity. Those that wait
// for room or for a person hold no lane. Evacuations are shielded: nothing cancels one that Nova works on.
import { ActivityFailure, CancellationScope, condition, patched } from '@temporalio/workflow';
import type { EvacuateResult } from '../../activities/evacuation/contract.ts';
import type { Account, Planned } from '../domain.ts';
import { brief, evacuating } from '../proxies.ts';
import { enter, show, showPhase } from './console.ts';
import { isDetached } from './detach.ts';
import { insist, whyFailed } from './insist.ts';
import { lockedAll, lockNext } from './lock-ahead.ts';
import { raise, settle } from './question.ts';
import { askAboutRefused, refused } from './refused.ts';
import { search, waiting, type Lanes } from './room.ts';
import { granted, holdsBackPost, nowIso, reached, type Pending, type Run } from './run.ts';
import { keepWidth } from './width.ts';

/** Returns when every instance has its account, or when a person stopped the run and nothing is in flight. */
export async function evacuateAll(run: Run): Promise<void> {
  enter(run, 'evacuating', 'moves its instances');
  await listAgain(run);
  const lanes: Lanes = {
    ...{ ready: [], searching: false, lastSearch: 0, tick: 0, shield: new CancellationScope({ cancellable: false }) },
    ...{ lockedAhead: new Set<string>(), locking: false },
  };
  do {
    while (run.pending.size > 0 && !(run.stop && (run.moving.size === 0 || isDetached(run)))) {
      await fill(run, lanes);
      lockNext(run, lanes);
      askAboutHeld(run);
      askAboutRefused(run);
      await idle(run, lanes);
    }
  } while (await moreIsThere(run));
  await lockedAll(lanes);
  settle(run, 'instances');
  settle(run, 'posting');
  settle(run, 'room');
}

/** The world moved on while the node was fenced: what is gone is accounted for, what is new is taken in. */
async function listAgain(run: Run): Promise<void> {
  if (!run.snapshot) throw new Error('evacuateAll ran without a snapshot');
  const input = { node: run.node.host, snapshot: run.snapshot, policy: granted(run).policy };
  const { instances, gone, needs } = await insist(run, 'list', `list the instances of ${run.node.host}`, () =>
    brief(run.cloud).openstack.listAgain.executeWithOptions({ summary: 'list the instances again' }, [input]),
  );
  for (const g of gone) {
    const before = run.snapshot.instances.find((i) => i.id === g.id);
    if (before) settleAs(run, before, { outcome: 'gone', reason: g.reason, host: g.host, at: g.at });
  }
  take(run, instances, needs);
}

/**
 * Before the run calls the node empty: a list that was not whole (a cell that did not answer, a page that was missing) may have hidden
 * some of them, twice.
 */
async function moreIsThere(run: Run): Promise<boolean> {
  if (!run.snapshot || run.stop || !patched('list-at-the-end')) return false;
  const none = { ...run.snapshot, instances: [] };
  const input = { node: run.node.host, snapshot: none, policy: granted(run).policy };
  const { instances, needs } = await insist(run, 'list', `list what is left on ${run.node.host}`, () =>
    brief(run.cloud).openstack.listAgain.executeWithOptions({ summary: 'is anything left on it?' }, [input]),
  );
  const unknown = instances.filter((i) => !run.accounts.has(i.id));
  take(run, unknown, needs);
  return run.pending.size > 0;
}

function take(run: Run, instances: Planned[], needs: Record<string, Pending['need']>): void {
  for (const plan of instances) {
    if (plan.decision === 'keep') settleAs(run, plan, { outcome: 'kept', reason: plan.reason, host: null, at: null });
    else
      run.pending.set(plan.id, {
        plan,
        need: needs[plan.id] ?? { vcpus: 0, ram: 0, disk: 0 },
        posts: 0,
        tries: 0,
        held: null,
        record: null,
        notBefore: 0,
      });
  }
  show(run);
}

export function settleAs(
  run: Run,
  plan: Pending['plan'],
  end: Pick<Account, 'outcome' | 'reason' | 'host' | 'at'> & { loses?: string },
): void {
  const { id, name, projectId, userId } = plan;
  run.accounts.set(id, { id, name, projectId, userId, loses: plan.loses, ...end });
  run.pending.delete(id);
}

/** Starts what may start now. */
async function fill(run: Run, lanes: Lanes): Promise<void> {
  // Adopted and held ones post nothing yet: they are watched whatever the guard says.
  for (const p of waiting(run, lanes)) if (p.plan.decision === 'adopt' && !run.stop) launch(run, lanes, p, 0);
  if (holdsBackPost(run)) return;
  // Lanes that begin at once wait for the answers to each other, and so do their successors (40 ms by default).
  const stepMs = run.moving.size === 0 ? granted(run).policy.timings.permissionMs / 50 : 0;
  while (lanes.ready.length > 0 && run.moving.size < run.width) {
    const p = run.pending.get(lanes.ready.shift() ?? '');
    if (p && p.held === null && !run.moving.has(p.plan.id)) launch(run, lanes, p, run.moving.size * stepMs);
  }
  if (lanes.ready.length === 0 && run.moving.size < run.width && !lanes.searching) await search(run, lanes);
}

function launch(run: Run, lanes: Lanes, p: Pending, afterMs: number): void {
  run.moving.add(p.plan.id);
  reached(run, 'firstEvacuation');
  showPhase(run);
  void lanes.shield
    .run(() =>
      moveOne(run, p, { lockedAhead: lanes.lockedAhead.has(p.plan.id), afterMs }).catch((e: unknown) => broke(p, e)),
    )
    .finally(() => {
      run.moving.delete(p.plan.id);
      lanes.tick += 1;
      keepWidth(run);
      showPhase(run);
    });
}

/** The activity itself broke: what Nova does with the instance is not known, so a person looks before anything is repeated. */
function broke(p: Pending, e: unknown): void {
  if (!(e instanceof ActivityFailure)) throw e;
  p.held = `its evacuation could not be followed: ${whyFailed(e)}`;
}

async function moveOne(run: Run, p: Pending, how: { lockedAhead: boolean; afterMs: number }): Promise<void> {
  const g = granted(run);
  const result = await evacuating(run.cloud).evacuateInstance.executeWithOptions(
    { summary: `${p.plan.decision} ${p.plan.name}`.slice(0, 180) },
    [
      {
        cloud: run.cloud,
        node: run.node.host,
        serviceId: run.node.serviceId,
        marker: run.marker,
        updatedAt: run.updatedAt,
        workflowId: run.workflowId,
        runId: run.runId,
        instance: p.plan,
        ...how,
        anyHost: p.tries > 0,
        lastEvacuationId: run.snapshot?.lastEvacuationId ?? 0,
        ignoreRecord: p.ignoreRecord,
        ...(run.reserve ? { reserve: run.reserve.host } : {}),
        policy: g.policy,
      },
    ],
  );
  digest(run, p, result);
}

function digest(run: Run, p: Pending, r: EvacuateResult): void {
  const t = granted(run).policy.timings;
  const later = (ms: number): void => {
    p.notBefore = Date.now() + ms;
  };
  if (r.kind !== 'notPosted') p.refused = undefined;
  switch (r.kind) {
    case 'recovered':
      p.posts += r.posts;
      return settleAs(run, p.plan, { outcome: 'recovered', reason: r.note ?? '', host: r.host, at: r.at });
    case 'gone':
      return settleAs(run, p.plan, { outcome: 'gone', reason: r.reason, host: r.host, at: r.at });
    case 'kept':
      return settleAs(run, p.plan, { outcome: 'kept', reason: r.reason, host: null, at: nowIso() });
    case 'notPosted':
      return refused(run, p, r);
    case 'noRoom':
    case 'nodeUp':
      return later(r.kind === 'nodeUp' ? t.guardEveryMs : t.permissionMs);
    case 'failed':
      p.posts += r.posts;
      p.tries += 1;
      if (r.retryable && p.tries < granted(run).policy.evacuation.tries) return later(t.roomEveryMs);
      p.held = r.reason;
      return;
    case 'stuck':
      p.held = r.reason;
      p.record = r.record;
      return;
    case 'halt':
      run.halted = `Nova refused our credentials: ${r.reason}`;
  }
}

/** One question for all instances that no retry mends; others go on meanwhile. */
function askAboutHeld(run: Run): void {
  const held = [...run.pending.values()].filter((p) => p.held !== null);
  if (held.length === 0 && !run.halted) return settle(run, 'instances');
  if (run.stop) return;
  const first = held[0];
  const record = first?.record ? `,"record":${first.record}` : '';
  const one = first ? `,"instance":"${first.plan.name}"` : '';
  raise(run, 'instances', {
    what:
      run.halted ??
      `${held.length} instances need a decision: ${held
        .map((p) => `${p.plan.name} (${p.held})`)
        .join('; ')
        .slice(0, 500)}`,
    answers: [
      { verb: 'retry', json: `{"by":"your name"${one}${record}}`, means: 'try it again; without "instance": all' },
      {
        verb: 'skip',
        json: `{"by":"your name"${one}}`,
        means: 'give it up: it stays as it is and is reported as failed',
      },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'end the recovery; the node stays off' },
    ],
    commands: held
      .slice(0, 3)
      .flatMap((p) => [`openstack server show ${p.plan.id}`, `openstack server migration list --server ${p.plan.id}`]),
  });
}

/** Sleeps until something changes: a verb, the guard, an evacuation's end, a pause between tries. */
async function idle(run: Run, lanes: Lanes): Promise<void> {
  const { tick } = lanes;
  const mark = fingerprint(run);
  const soonest = Math.min(
    ...[...run.pending.values()].filter((p) => p.held === null && p.notBefore > Date.now()).map((p) => p.notBefore),
  );
  const ready = lanes.ready.length > 0 && run.moving.size < run.width && !holdsBackPost(run);
  if (ready) return;
  show(run);
  const changed = (): boolean => lanes.tick !== tick || fingerprint(run) !== mark;
  const t = granted(run).policy.timings;
  const nextSearch = lanes.lastSearch + t.roomEveryMs;
  const scarce =
    !lanes.searching &&
    !holdsBackPost(run) &&
    run.moving.size > 0 &&
    run.moving.size < run.width &&
    waiting(run, lanes).length > 0;
  const until = Math.min(soonest, scarce ? nextSearch : Infinity);
  if (until === Infinity) await condition(changed);
  else await condition(changed, Math.max(1, until - Date.now()), { summary: 'a pause before the next try' });
}

const fingerprint = (run: Run): string =>
  [
    run.retries,
    run.width,
    run.pending.size,
    run.moving.size,
    holdsBackPost(run),
    run.stop !== null,
    run.stop?.outcome,
  ].join('|');
