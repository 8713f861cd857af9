// Moves the instances of a node that lives: a few live migrations at a time. What cannot be moved stays where it runs, with its reason.
import { ActivityFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { MigrateResult } from '../../activities/evacuation/drain-contract.ts';
import { enter, show } from '../recovery/console.ts';
import { settleAs } from '../recovery/evacuate-all.ts';
import { whyFailed } from '../recovery/insist.ts';
import { raise, settle } from '../recovery/question.ts';
import { granted, holdsBack, nowIso, reached, type Pending, type Run } from '../recovery/run.ts';
import { readPlan, take } from './plan.ts';
import { migrating } from './proxies.ts';

/** Where the policy is of a release that did not know it. */
const WIDTH = 2;

const letsGo = (run: Run): boolean => run.makeWay !== null || run.stop?.outcome !== undefined;

interface Moves {
  scope: CancellationScope;
  tick: number;
}

/** Returns when every instance has its account, or when the run was stopped and nothing is watched any more. */
export async function moveAll(run: Run): Promise<void> {
  enter(run, 'draining', 'live-migrates its instances');
  const moves: Moves = { scope: new CancellationScope({ cancellable: true }), tick: 0 };
  // An end that somebody else's decision brought (a failure, a detach): the watching ends, what Nova was asked for goes on.
  void condition(() => letsGo(run)).then(() => moves.scope.cancel());
  take(run, run.snapshot?.instances ?? []);
  do {
    while (run.pending.size > 0 && !(run.stop && run.moving.size === 0)) {
      fill(run, moves);
      ask(run);
      await idle(run, moves);
    }
  } while (await moreIsThere(run));
  settle(run, 'instances');
}

/** What was being built there when it was disabled, and what a list may have hidden. */
async function moreIsThere(run: Run): Promise<boolean> {
  if (run.stop) return false;
  const { instances } = await readPlan(run, 'is anything left on it?');
  const unknown = instances.filter((i) => !run.accounts.has(i.id));
  take(run, unknown);
  return run.pending.size > 0;
}

const waiting = (run: Run): Pending[] =>
  [...run.pending.values()]
    .filter((p) => !run.moving.has(p.plan.id) && p.held === null && p.notBefore <= Date.now())
    .sort((a, b) => b.plan.priority - a.plan.priority || a.plan.name.localeCompare(b.plan.name));

function fill(run: Run, moves: Moves): void {
  if ((holdsBack(run) ?? run.halted) !== null) return;
  const free = (granted(run).policy.evacuation.liveMigrations ?? WIDTH) - run.moving.size;
  for (const p of waiting(run).slice(0, Math.max(0, free))) launch(run, moves, p);
}

function launch(run: Run, moves: Moves, p: Pending): void {
  run.moving.add(p.plan.id);
  reached(run, 'firstMigration');
  show(run);
  void moves.scope
    .run(() => moveOne(run, p))
    .catch((e: unknown) => broke(run, p, e))
    .finally(() => {
      run.moving.delete(p.plan.id);
      moves.tick += 1;
      show(run);
    });
}

/** A cancel means that the recovery looks after it. Else what Nova does is not known, and a person looks. */
function broke(run: Run, p: Pending, e: unknown): void {
  if (isCancellation(e) && letsGo(run)) return;
  if (!(e instanceof ActivityFailure)) throw e;
  p.held = `its live migration could not be followed: ${whyFailed(e)}`;
}

async function moveOne(run: Run, p: Pending): Promise<void> {
  const { id, name } = p.plan;
  const result = await migrating(run.cloud).liveMigrate.executeWithOptions({ summary: `move ${name}`.slice(0, 180) }, [
    {
      ...{ node: run.node.host, workflowId: run.workflowId, runId: run.runId, instance: { id, name } },
      ...{ after: p.record ?? run.lastMigrationId, policy: granted(run).policy },
    },
  ]);
  digest(run, p, result);
}

function digest(run: Run, p: Pending, r: MigrateResult): void {
  const { timings: t, evacuation } = granted(run).policy;
  const stays = { host: run.node.host, at: nowIso() };
  switch (r.kind) {
    case 'moved':
      return settleAs(run, p.plan, { outcome: 'moved', reason: '', host: r.host, at: r.at });
    case 'gone':
      return settleAs(run, p.plan, { outcome: 'gone', reason: r.reason, host: r.host, at: r.at });
    case 'kept':
      return settleAs(run, p.plan, { outcome: 'kept', reason: r.reason, ...stays });
    case 'notPosted':
      p.tries += 1;
      p.notBefore = Date.now() + Math.min(t.permissionMs * 2 ** Math.min(p.tries, 16), t.roomEveryMs);
      return;
    case 'failed':
      p.posts += 1;
      p.record = r.record ?? p.record;
      if (r.retryable && p.posts < evacuation.tries) p.notBefore = Date.now() + t.roomEveryMs;
      else if (r.host) settleAs(run, p.plan, { outcome: 'failed', reason: r.reason, host: r.host, at: stays.at });
      else settleAs(run, p.plan, { outcome: 'failed', reason: `${r.reason}; it runs where it was`, ...stays });
      return;
    case 'stuck':
      p.held = r.reason;
      p.record = r.record ?? p.record;
      return;
    case 'halt':
      run.halted = `Nova refused our credentials: ${r.reason}`;
  }
}

function ask(run: Run): void {
  const held = [...run.pending.values()].filter((p) => p.held !== null);
  const first = held[0];
  if ((!first && !run.halted) || run.stop) return settle(run, 'instances');
  const named = first ? `,"instance":"${first.plan.name}"` : '';
  const record = first?.record ? `,"record":${first.record}` : '';
  const listed = held.map((p) => `${p.plan.name} (${p.held})`).join('; ');
  raise(run, 'instances', {
    what: run.halted ?? `${held.length} instances need a decision: ${listed.slice(0, 500)}`,
    answers: [
      {
        verb: 'retry',
        json: `{"by":"your name"${named}${record}}`,
        means: 'look again and go on; without "instance": all',
      },
      { verb: 'skip', json: `{"by":"your name"${named}}`, means: 'leave it where it is; it is reported as failed' },
      { verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'end the drain; the node stays disabled' },
    ],
    commands: held.slice(0, 3).map((p) => `openstack server migration list --server ${p.plan.id}`),
  });
}

async function idle(run: Run, moves: Moves): Promise<void> {
  const { tick } = moves;
  const mark = fingerprint(run);
  const changed = (): boolean => moves.tick !== tick || fingerprint(run) !== mark;
  const later = [...run.pending.values()].filter((p) => p.held === null && p.notBefore > Date.now());
  const until = Math.min(...later.map((p) => p.notBefore));
  if (until === Infinity) await condition(changed);
  else await condition(changed, Math.max(1, until - Date.now()), { summary: 'a pause before the next try' });
}

const fingerprint = (run: Run): string =>
  [run.retries, run.pending.size, run.moving.size, holdsBack(run), run.halted, run.stop !== null].join('|');
