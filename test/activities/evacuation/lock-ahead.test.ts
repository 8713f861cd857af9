// The next instances are locked while others move, so that their own activity looks only once before its POST.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { MARKER, newInstance, NODE, NovaError } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';

const lockAhead = (s: Setup, input: Parameters<Setup['acts']['lockAhead']>[0]): Promise<{ locked: number }> =>
  new MockActivityEnvironment().run((i: typeof input) => s.acts.lockAhead(i), input);

const looksBefore = (s: Setup, what: string): number =>
  s.cloud.calls
    .slice(
      0,
      s.cloud.calls.findIndex((c) => c.what === what),
    )
    .filter((c) => c.what === 'instance').length;

test('what was locked ahead is looked at once, right before its POST', async () => {
  const s = setup();
  const web = newInstance('web', { locked: true, lockedReason: MARKER });
  assert.equal((await s.evacuate(s.input(web, {}, { lockedAhead: true }))).kind, 'recovered');
  assert.deepEqual([looksBefore(s, 'evacuate'), s.cloud.count('lock')], [1, 0]);
  const t = setup();
  await t.evacuate(t.input(newInstance('web')));
  assert.equal(looksBefore(t, 'evacuate'), 2, 'what it locks itself is looked at again after the lock');
});

test('a look that grew old on the way to its POST is repeated, also of what was locked ahead', async () => {
  const s = setup();
  s.cloud.before.candidates = () => s.clock.sleep(900);
  await s.evacuate(s.input(newInstance('web', { locked: true, lockedReason: MARKER }), {}, { lockedAhead: true }));
  assert.equal(looksBefore(s, 'evacuate'), 2);
});

test('the row of the node that was read beside the first look forbids the POST, too', async () => {
  const s = setup();
  const row = s.cloud.nodes.get(NODE)!;
  const input = s.input(newInstance('web', { locked: true, lockedReason: MARKER }), {}, { lockedAhead: true });
  s.cloud.nodes.set(NODE, { ...row, updatedAt: '2026-01-01T00:00:00' });
  assert.match(JSON.stringify(await s.evacuate(input)), /notPosted.*a sign of life/);
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('one that shall begin later asks Nova nothing before', async () => {
  const s = setup();
  const begun = s.clock.ms();
  let askedAt = Infinity;
  s.cloud.before.instance = async () => void (askedAt = Math.min(askedAt, s.clock.ms() - begun));
  assert.equal((await s.evacuate(s.input(newInstance('web'), {}, { afterMs: 320 }))).kind, 'recovered');
  assert.equal(askedAt, 320);
});

test('locks only what is still on the node and locked by nobody, after one look at all of them', async () => {
  const s = setup();
  const all = [
    newInstance('web'),
    newInstance('theirs', { locked: true, lockedReason: 'hands off' }),
    newInstance('moved', { host: 'compute-3' }),
    newInstance('db'),
  ];
  for (const i of all) s.input(i);
  const instances = [...all.map((i) => i.id), 'id-deleted'];
  const ahead = { node: NODE, marker: MARKER, instances, policy: s.policy };
  assert.deepEqual(await lockAhead(s, ahead), { locked: 2 });
  assert.deepEqual([s.cloud.count('unlocked'), s.cloud.count('instance')], [1, 0]);
  assert.deepEqual(
    all.map((i) => i.lockedReason),
    [MARKER, 'hands off', null, MARKER],
  );
  assert.deepEqual(await lockAhead(s, ahead), { locked: 0 }, 'a second time changes nothing');
  assert.equal(s.cloud.count('lock'), 2);
});

test('a lock that Nova refuses is no error and delays no other', async () => {
  const s = setup();
  const [web, db] = [newInstance('web'), newInstance('db')];
  for (const i of [web, db]) s.input(i);
  s.cloud.before.lock = (id: string) => {
    if (id === web.id) throw new NovaError(500, 'server', 'broken');
  };
  const ahead = { node: NODE, marker: MARKER, instances: [web.id, db.id], policy: s.policy };
  assert.deepEqual(await lockAhead(s, ahead), { locked: 1 });
  assert.deepEqual([web.locked, db.lockedReason], [false, MARKER]);
});

test('a list that Nova does not give locks nothing and is no error', async () => {
  const s = setup();
  const web = newInstance('web');
  s.input(web);
  s.cloud.before.unlocked = () => {
    throw new NovaError(503, 'server', 'down');
  };
  assert.deepEqual(await lockAhead(s, { node: NODE, marker: MARKER, instances: [web.id], policy: s.policy }), {
    locked: 0,
  });
  assert.equal(web.locked, false);
});
