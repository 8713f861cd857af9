// The watch costs one call per interval, and misses nothing that Nova hides from changes-since.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWatches, intervalOf } from '../../../activities/evacuation/migration-watch.ts';
import { progressOf, type Ours } from '../../../activities/evacuation/records.ts';
import { createRows } from '../../../activities/evacuation/rows.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import type { NodeView } from '../../../workflows/domain.ts';
import { newInstance, NODE, unavailable } from './fake-cloud.ts';
import { setup } from './setup.ts';

const never = new AbortController().signal;

test('the number of bulk calls does not grow with the number of instances', async () => {
  const bulkCalls = async (n: number) => {
    const s = setup();
    s.policy.evacuation.perDestination = 100;
    await Promise.all(Array.from({ length: n }, (_, k) => s.evacuate(s.input(newInstance(`i${k}`)))));
    return s.cloud.calls.filter((c) => c.what === 'migrations' && c.id === NODE).length;
  };
  const [few, many] = [await bulkCalls(2), await bulkCalls(14)];
  assert.ok(many <= few + 2, `${few} calls for 2, ${many} for 14`);
});

test('follows by changes-since with an overlap, and reads all again for records that never changed', async () => {
  const s = setup();
  s.cloud.record({ instanceId: 'old', status: 'completed', updatedAt: '2026-08-01T11:00:00.000000' });
  const watch = createWatches(s.cloud, s.clock).join(NODE, DEFAULT_TIMINGS);
  await watch.turn(never);
  s.cloud.record({ instanceId: 'quiet' });
  for (let n = 0; n < 3; n += 1) await watch.turn(never);
  assert.equal(watch.records('quiet').length, 0);
  while (watch.records('quiet').length === 0) await watch.turn(never);
  assert.ok(s.clock.ms() <= 35_000);
  const since = s.cloud.calls.map((c) => (c.options as { changesSince?: string }).changesSince).filter(Boolean);
  assert.equal(since[0], '2026-08-01T10:59:50.000Z');
  watch.leave();
});

test('a poll that fails keeps what was known and backs off', async () => {
  const s = setup();
  s.cloud.record({ instanceId: 'web', status: 'pre-migrating' });
  const watch = createWatches(s.cloud, s.clock).join(NODE, DEFAULT_TIMINGS);
  await watch.turn(never);
  s.cloud.before.migrations = () => {
    throw unavailable();
  };
  const from = s.cloud.calls.length;
  const begun = s.clock.ms();
  for (let n = 0; n < 6; n += 1) await watch.turn(never);
  assert.equal(watch.records('web').length, 1);
  assert.ok(s.clock.ms() - begun > 15_000, `6 polls in ${s.clock.ms() - begun} ms`);
  assert.equal(s.cloud.calls.length - from, 6);
  watch.leave();
});

test('ends with the last that leaves, and begins anew with the next', async () => {
  const s = setup();
  const watches = createWatches(s.cloud, s.clock);
  const [a, b] = [watches.join(NODE, DEFAULT_TIMINGS), watches.join(NODE, DEFAULT_TIMINGS)];
  await a.turn(never);
  a.leave();
  a.leave();
  await b.turn(never);
  b.leave();
  const calls = s.cloud.calls.length;
  await s.clock.sleep(60_000);
  assert.equal(s.cloud.calls.length, calls);
  const c = watches.join(NODE, DEFAULT_TIMINGS);
  await c.turn(never);
  assert.equal(s.cloud.calls.length, calls + 1);
  c.leave();
});

test('its pace is a fifteenth of the median evacuation, between 0.2 s and 5 s', () => {
  assert.equal(intervalOf([], DEFAULT_TIMINGS), 1_000);
  assert.equal(intervalOf([], DEFAULT_TIMINGS, 9_000), 600, 'before the first is over: as if it were over now');
  assert.equal(intervalOf([], DEFAULT_TIMINGS, 1_000), 200);
  assert.equal(intervalOf([30_000, 1_000_000, 30_000], DEFAULT_TIMINGS), 2_000);
  assert.equal(intervalOf([100], DEFAULT_TIMINGS), 200);
  assert.equal(intervalOf([3_600_000], DEFAULT_TIMINGS), 5_000);
});

test('only records above the snapshot count, and a failure only once', () => {
  const s = setup();
  const ours: Ours = { after: 100, past: 101, ignored: null, adopting: false };
  const r = (id: number, status: string) => s.cloud.record({ id, instanceId: 'web', status });
  const before = r(99, 'accepted');
  const counted = r(101, 'failed');
  assert.deepEqual(progressOf([before, counted], ours), { open: [], done: null, failed: null });
  const again = r(103, 'failed');
  assert.equal(progressOf([before, counted, again], ours).failed, again);
  assert.deepEqual(progressOf([r(104, 'a-new-word')], ours).open.length, 1);
});

test('instances that need the row of their node at once share a read, and none is answered by one that was sent before it asked', async () => {
  const s = setup();
  const sent: { answer: (value: NodeView | null) => void; fail: (e: unknown) => void }[] = [];
  const service = (): Promise<NodeView | null> => new Promise((answer, fail) => sent.push({ answer, fail }));
  const rows = createRows({ ...s.cloud, compute: { ...s.cloud.compute, service } }, s.clock);
  const row = (updatedAt: string): NodeView => ({ host: NODE, updatedAt }) as NodeView;
  const read = async (): Promise<string | null | undefined> => (await rows.read(NODE, 1_000)).value?.updatedAt;

  const first = read();
  const others = [read(), read(), read()];
  assert.equal(sent.length, 1);
  sent[0]!.answer(row('before'));
  assert.equal(await first, 'before');
  await Promise.resolve();
  assert.equal(sent.length, 2);
  const late = read();
  sent[1]!.answer(row('after'));
  assert.deepEqual(await Promise.all(others), ['after', 'after', 'after']);
  await Promise.resolve();
  assert.equal(sent.length, 3);
  sent[2]!.fail(new Error('503'));
  await assert.rejects(late, /503/);

  const again = read();
  assert.equal(sent.length, 4);
  sent[3]!.answer(null);
  assert.equal(await again, undefined);
});
