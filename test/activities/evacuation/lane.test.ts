// What gets ready ahead has no lane yet: it reads nothing and sends nothing before the run gives it one, and owes nobody a horizon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../../activities/evacuation/permission.ts';
import { createTurns } from '../../../activities/evacuation/turns.ts';
import { newInstance } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';
import { virtualClock } from './virtual-clock.ts';

const HORIZON_MS = 90_000;
const WAIT: Answer = { ok: false, why: 'it waits for a free lane', wait: true };
const YES: Answer = { ok: true, why: '' };

/** The run gives it a lane at that moment of the clock. */
function laneAt(s: Setup, ms: number): void {
  s.answer.now = async () => (s.clock.ms() < ms ? WAIT : YES);
}

const sentAt = (s: Setup): number => s.cloud.calls.find((c) => c.what === 'evacuate')?.at ?? Infinity;

test('one that got ready reads and sends nothing before it has its lane, and then looks and sends', async () => {
  const s = setup();
  laneAt(s, 30_000);
  const result = await s.evacuate(s.input(newInstance('web'), {}, { ahead: true, lockedAhead: true }));
  assert.equal(result.kind, 'recovered');
  const its = s.cloud.calls.filter((c) => ['instance', 'evacuate', 'lock'].includes(c.what));
  assert.ok(
    its.every((c) => c.at >= 30_000),
    JSON.stringify(its),
  );
  assert.equal(s.cloud.count('evacuate'), 1);
  assert.ok(sentAt(s) < 32_000, `its lane was free for ${sentAt(s) - 30_000} ms`);
});

test('a yes of before is no yes for one that still waits: a pause that comes meanwhile ends it with nothing sent', async () => {
  const s = setup();
  s.answer.now = async () => (s.clock.ms() < 5_000 ? WAIT : { ok: false, why: 'paused by ann' });
  const result = await s.evacuate(s.input(newInstance('web'), {}, { ahead: true }));
  assert.deepEqual(result, { kind: 'notPosted', why: 'paused by ann' });
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('a further attempt of one that still has no lane waits for no horizon: no attempt can have sent anything', async () => {
  const s = setup();
  laneAt(s, 3_000);
  const result = await s.evacuate(s.input(newInstance('web'), {}, { ahead: true }), 2);
  assert.equal(result.kind, 'recovered');
  assert.ok(sentAt(s) < 6_000, `sent at ${sentAt(s)}`);
});

test('a further attempt that finds a lane of its own waits for the whole horizon: the one before may have sent', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('web'), {}, { ahead: true }), 2);
  assert.equal(result.kind, 'recovered');
  assert.ok(sentAt(s) >= HORIZON_MS, `sent at ${sentAt(s)}`);
});

test('a further attempt that gets no answer, or a no, looks for what one before it sent and watches that to its end', async () => {
  for (const answer of [
    () => Promise.reject(new Error('no answer')),
    () => Promise.resolve({ ok: false, why: 'paused' }),
  ]) {
    const s = setup();
    s.answer.now = answer;
    const web = newInstance('web');
    const input = s.input(web, {}, { ahead: true });
    s.clock.after(20_000, () => s.cloud.work(web, 'compute-2'));
    const result = await s.evacuate(input, 2);
    assert.deepEqual(result.kind === 'recovered' && result.posts, 0);
    assert.equal(s.cloud.count('evacuate'), 0);
  }
});

test('the end of an evacuation wakes those of its run that wait, and of no other', async () => {
  const clock = virtualClock();
  const turns = createTurns(clock);
  const run = { workflowId: 'cloud/node', runId: 'run' };
  const { signal } = new AbortController();
  clock.after(3_000, () => turns.ended({ ...run, runId: 'another' }));
  clock.after(4_000, () => turns.ended(run));
  assert.deepEqual(await Promise.all([turns.next(run, 10_000, signal), turns.next(run, 10_000, signal)]), [true, true]);
  assert.equal(clock.ms(), 4_000);
  assert.equal(await turns.next(run, 10_000, signal), false);
  assert.equal(clock.ms(), 14_000);
});

test('a shutdown ends the wait', async () => {
  const stop = new AbortController();
  const waits = createTurns(virtualClock()).next({ workflowId: 'cloud/node', runId: 'run' }, 10_000, stop.signal);
  stop.abort(new Error('shutdown'));
  await assert.rejects(waits, /shutdown/);
});
