// A recovery whose node writes its memory dump: what it waits for, for how long, and who may end it. Activities are scripted.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RunState } from '../../workflows/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { shut, story, untilCancelled } from './harness.ts';

after(shut);

type Handle = Awaited<ReturnType<Awaited<ReturnType<typeof story>>['start']>>;
const state = (h: Handle): Promise<RunState> => h.query(verbs.stateQuery);

const dumping = {
  ...{ kind: 'dumping' as const, saw: 'compute-7 writes its memory dump', agoMs: 5, silenceMs: 30_000 },
  offSent: false,
};

test('a node that writes its memory dump is fenced after it, and nothing is evacuated before the proof', async (t) => {
  let ended = (): void => undefined;
  const s = await story((_s, good) => ({
    fenceLevel: async (input) =>
      s.calls.includes('dump ended') ? good.fenceLevel(input) : { ...dumping, waitMs: 300_000 },
    awaitDumpEnd: async ({ agoMs, leftMs, silenceMs }) => {
      s.calls.push(`waits ${agoMs} ${silenceMs} ${leftMs}`);
      await new Promise<void>((resolve) => (ended = resolve));
      s.calls.push('dump ended');
      return { ended: true, saw: 'nothing was heard for 30 s' };
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await until(() => s.calls.includes('waits 5 30000 300000'), { what: 'it waits for the dump' });
  const { doing, proof } = await state(h);
  assert.match(doing, /^compute-7 writes its memory dump: it is switched off when that ends, at \d\d:/);
  assert.equal(proof, null);
  ended();
  const report = await h.result();
  assert.equal(report.outcome, 'recovered');
  const order = s.calls.filter((c) => c !== 'admission');
  assert.deepEqual(order.slice(1, 4), ['dump ended', 'fence bmc', 'PUT open']);
  assert.match(
    report.decisions.map((d) => `${d.what}: ${d.reason}`).join('\n'),
    /memory dump: ended: nothing was heard/,
  );
});

test('a dump that never ends delays the fence once, by the wait, whoever says so and however often', async (t) => {
  const s = await story((_s, good) => ({
    fenceLevel: async (input) => (input.afterDump ? good.fenceLevel(input) : { ...dumping, waitMs: 900 }),
    awaitDumpEnd: async () => ({ ended: true, saw: 'a worker that hears nothing' }),
  }));
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.equal(report.outcome, 'recovered');
  assert.ok(s.calls.includes('fence bmc'));
});

test('a worker that dies while it waits for a dump holds the fence up no longer than the wait', async (t) => {
  const s = await story((_s, good) => ({
    fenceLevel: async (input) => (input.afterDump ? good.fenceLevel(input) : { ...dumping, waitMs: 900 }),
    awaitDumpEnd: untilCancelled,
  }));
  t.after(() => s.end());
  assert.equal((await (await s.start()).result()).outcome, 'recovered');
});

test('while a dump is waited for a person may confirm the node off, or abort', async (t) => {
  const waiting = { fenceLevel: async () => ({ ...dumping, waitMs: 300_000 }), awaitDumpEnd: untilCancelled };
  const [one, other] = [await story(() => waiting), await story(() => waiting)];
  t.after(() => Promise.all([one.end(), other.end()]));
  const [h, g] = [await one.start(), await other.start()];
  for (const run of [h, g])
    await until(async () => (await state(run)).doing.includes('memory dump'), { what: 'it waits for the dump' });
  const by = 'ann';
  await h.executeUpdate(verbs.confirmFencedUpdate, { args: [{ by, node: 'compute-7', reason: 'pulled the plug' }] });
  const confirmed = await h.result();
  assert.deepEqual([confirmed.outcome, confirmed.proof?.kind], ['recovered', 'operator']);
  await g.executeUpdate(verbs.abortUpdate, { args: [{ by, reason: 'mine' }] });
  assert.equal((await g.result()).outcome, 'aborted');
  assert.ok(!other.calls.some((call) => /^(fence|POST|PUT)/.test(call)));
});
