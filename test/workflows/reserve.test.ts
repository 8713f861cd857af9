// A reserved node for each recovery: claimed of the watch before anything is moved, given back at the end.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { anInstance, shut, story, untilCancelled } from './harness.ts';

after(shut);

const policy = { evacuation: { ...DEFAULT_POLICY.evacuation, reserve: { by: 'zone' as const, reason: 'reserve*' } } };
const spare = (n: number) => ({ host: `spare-${n}`, reason: `reserve ${n}` });

test('a recovery claims one of the reserved nodes, enables it before it moves anything, and offers it back at the end', async (t) => {
  const given: (string | undefined)[] = [];
  const s = await story(
    (_s, good) => ({
      sweepFleet: untilCancelled,
      listReserve: async () => [spare(1), spare(2)],
      evacuateInstance: async (input) => {
        given.push(input.reserve);
        return good.evacuateInstance(input);
      },
    }),
    { policy },
  );
  t.after(() => s.end());
  const watch = await s.watch({ kept: { reserves: { 'compute-5': spare(1) } } as never });
  const report = await (await s.start()).result();
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.deepEqual(new Set(given), new Set(['spare-2']), 'the first one is another recovery’s');
  const at = (what: string): number => s.calls.indexOf(what);
  assert.ok(at('PUT open') < at('enable spare-2') && at('enable spare-2') < at('POST db-1'), s.calls.join(', '));
  assert.equal(s.calls.filter((c) => c.startsWith('give back')).join(), 'give back spare-2');
  assert.ok(report.decisions.some((d) => d.what === 'gave the reserved node spare-2 back, unused'));
  // Whoever asks now gets it again: the run has given it back with its last word.
  const handle = s.handle('compute-7');
  await until(async () => (await handle.describe()).status.name === 'COMPLETED', { what: 'it ended' });
  assert.equal((await watch.query(verbs.watchStateQuery)).open.length, 0);
});

test('nothing of it holds up a recovery: no reserve, one that was taken, or a watch that is not there', async (t) => {
  const s = await story(() => ({ listReserve: async () => [spare(1)] }), { policy, factor: 0.005 });
  t.after(() => s.end());
  const alone = await (await s.start()).result();
  assert.equal(alone.outcome, 'recovered', 'no watch answers');
  assert.ok(alone.decisions.some((d) => d.what === 'goes on without a reserved node'));
  assert.ok(!s.calls.some((c) => /^enable|^give/.test(c)));
});

test('nothing is claimed for a node whose instances all stay', async (t) => {
  const s = await story(() => ({ listReserve: () => Promise.reject(new Error('it was asked')) }), {
    policy,
    instances: [anInstance('local-1', { decision: 'keep', reason: 'local disk' })],
  });
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.deepEqual([report.outcome, report.decisions], ['recovered', []]);
});
