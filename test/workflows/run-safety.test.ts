// recoverNode: what it may not do, each told by itself (npm run test:guards takes each of these checks away).
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import type { RunState } from '../../workflows/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { comesBack } from './comes-back.ts';
import { anInstance, shut, story } from './harness.ts';

after(shut);

type Handle = Awaited<ReturnType<Awaited<ReturnType<typeof story>>['start']>>;
const state = (h: Handle): Promise<RunState> => h.query(verbs.stateQuery);
const phase = (h: Handle, p: string): Promise<RunState> =>
  until(async () => ((await state(h)).phase === p ? state(h) : null), { what: `the run is ${p}` });
const refusal = (p: Promise<unknown>): Promise<string> =>
  p.then(
    () => 'was not refused',
    (e: Error) => (e.cause as Error).message,
  );
const abort = (h: Handle) => h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann' }] });
const pause = (ms: number) => new Promise<void>((r) => setTimeout(r, ms));

/** A promise that is kept from outside, at the latest when the test is over. */
function gate(t: TestContext): { open: () => void; opened: Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((r) => (open = r));
  t.after(() => open());
  return { open, opened };
}

test('evidence that grew old while the recovery was prepared is read again before the first off', async (t) => {
  const s = await story(({ policy }, good) => ({
    takeSnapshot: async (input) => {
      await pause(policy.timings.evidenceMaxAgeMs + 100);
      return good.takeSnapshot(input);
    },
  }));
  t.after(() => s.end());
  await (await s.start()).result();
  assert.deepEqual(s.calls.slice(0, 3), ['admission', 'admission', 'fence bmc']);
});

test('after an approval the evidence is read again, however young it is', async (t) => {
  const s = await story(undefined, { policy: { mode: 'confirm' }, factor: 1 });
  t.after(() => s.end());
  const h = await s.start({ automatic: true });
  await phase(h, 'approval');
  assert.deepEqual(s.calls, ['admission']);
  await h.executeUpdate(verbs.approveUpdate, { args: [{ by: 'ann' }] });
  await until(() => s.calls.includes('fence bmc'), { what: 'it is fenced' });
  assert.deepEqual(s.calls.slice(0, 3), ['admission', 'admission', 'fence bmc']);
  await h.result();
});

test('what the watch denies is not touched', async (t) => {
  const s = await story(({ calls }) => ({
    askAdmission: async () => {
      calls.push('admission');
      return { kind: 'denied', gate: 'carries', why: 'compute-7 carries Lifeboat' };
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await until(async () => (await state(h)).report ?? s.calls.length > 1, { what: 'it ends, or asks again' });
  assert.deepEqual([(await state(h)).report?.outcome, s.calls], ['denied', ['admission']]);
});

test('a fence whose activity breaks proves nothing, and a person is asked', async (t) => {
  const s = await story(() => ({
    fenceLevel: async () => {
      const { ApplicationFailure } = await import('@temporalio/common');
      throw ApplicationFailure.nonRetryable('fencing level bmc: not in this worker’s configuration', 'ConfigError');
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  assert.match((await phase(h, 'blocked')).question?.what ?? '', /could not be proven off: bmc: fencing level bmc/);
  assert.ok(!s.calls.includes('PUT open'));
  await abort(h);
  assert.equal((await h.result()).proof, null);
});

test('a node that came back has no proof until it is fenced again', async (t) => {
  const again = gate(t);
  const s = await story((x, good) => ({
    ...comesBack(x, good),
    fenceLevel: async (input) => {
      if (input.again > 0) await again.opened;
      return good.fenceLevel(input);
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await until(async () => (await state(h)).guard.seeing === 'trouble', { what: 'the guard saw it on' });
  assert.equal((await state(h)).proof, null);
  again.open();
  await until(() => s.calls.filter((c) => c === 'fence bmc').length === 2, { what: 'it is fenced again' });
  assert.equal((await h.result()).outcome, 'recovered');
});

test('an off is allowed only while its level is tried, not in a pause, and not after a person confirmed the node off', async (t) => {
  const tried = gate(t);
  const s = await story((_s, good) => ({
    fenceLevel: async (input) => {
      await tried.opened;
      return good.fenceLevel(input);
    },
    // Once confirmed it goes on; there it waits, so that it can still be asked.
    markNode: async (input) => {
      await tried.opened;
      return good.markNode(input);
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await phase(h, 'fencing');
  const may = (level: string) => h.query(verbs.mayFenceQuery, { level });
  await until(async () => (await may('bmc')).ok, { what: 'the level is tried' });
  assert.deepEqual(await may('pdu'), { ok: false, why: 'level pdu is not being tried now' });
  await h.executeUpdate(verbs.pauseUpdate, { args: [{ by: 'ann' }] });
  assert.deepEqual(await may('bmc'), { ok: false, why: 'paused by ann' });
  await h.executeUpdate(verbs.resumeUpdate, { args: [{ by: 'ann' }] });
  assert.equal((await may('bmc')).ok, true);
  await h.executeUpdate(verbs.confirmFencedUpdate, { args: [{ by: 'ann', node: 'compute-7' }] });
  assert.equal((await may('bmc')).ok, false);
  tried.open();
  assert.equal((await h.result()).proof?.kind, 'operator');
});

test('a permission is for what the run moves now, and for nothing else', async (t) => {
  const moving = gate(t);
  const s = await story((_s, good) => ({
    evacuateInstance: async (input) => {
      await moving.opened;
      return good.evacuateInstance(input);
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  const may = (instance: string) => h.query(verbs.mayPostQuery, { instance });
  await until(async () => (await may('id-web-1')).ok, { what: 'it moves' });
  assert.deepEqual(await may('id-of-another'), { ok: false, why: 'the run does not move it now' });
  moving.open();
  await h.result();
});

test('approve and confirmFenced are refused where nothing waits for them', async (t) => {
  const moving = gate(t);
  const s = await story((_s, good) => ({
    evacuateInstance: async (input) => {
      await moving.opened;
      return good.evacuateInstance(input);
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await until(async () => (await state(h)).instances.some((i) => i.outcome === 'moving'), { what: 'something moves' });
  assert.match(await refusal(h.executeUpdate(verbs.approveUpdate, { args: [{ by: 'ann' }] })), /nothing waits for an/);
  const word = { by: 'ann', node: 'compute-7' };
  assert.match(
    await refusal(h.executeUpdate(verbs.confirmFencedUpdate, { args: [word] })),
    /does not wait for the fence/,
  );
  moving.open();
  await h.result();
});

test('no more are in flight than the share that the watch gave', async (t) => {
  let [now, most] = [0, 0];
  const instances = Array.from({ length: 6 }, (_, n) => anInstance(`web-${n}`));
  const s = await story(
    (_s, good) => ({
      askAdmission: async (q) => {
        const answer = await good.askAdmission(q);
        return answer.kind === 'granted' ? { ...answer, grant: { ...answer.grant, width: 2 } } : answer;
      },
      evacuateInstance: async (input) => {
        most = Math.max(most, ++now);
        await until(() => most >= 2, { what: 'both lanes are taken' });
        await pause(50);
        now -= 1;
        return good.evacuateInstance(input);
      },
    }),
    { instances },
  );
  t.after(() => s.end());
  assert.equal((await (await s.start()).result()).counts.recovered, 6);
  assert.equal(most, 2);
});

test('an instance that fails again and again is left to a person after the tries of the policy', async (t) => {
  const s = await story(
    ({ calls }) => ({
      evacuateInstance: async () => {
        calls.push('POST');
        return { kind: 'failed', reason: 'no valid host', posts: 1, record: 1, retryable: true };
      },
    }),
    { instances: [anInstance('web-1')], factor: 0.001 },
  );
  t.after(() => s.end());
  const h = await s.start();
  const posts = () => s.calls.filter((c) => c === 'POST').length;
  const { tries } = DEFAULT_POLICY.evacuation;
  await until(async () => (await state(h)).question !== null || posts() > tries, { what: 'a person is asked' });
  assert.equal(posts(), tries);
  await abort(h);
  await h.result();
});

test('an evacuation that could not be followed is not sent again before a person looked', async (t) => {
  let broken = true;
  const s = await story(
    ({ calls }, good) => ({
      evacuateInstance: async (input) => {
        if (!broken) return good.evacuateInstance(input);
        calls.push('POST');
        const { ApplicationFailure } = await import('@temporalio/common');
        throw ApplicationFailure.nonRetryable('a bug', 'NotFound');
      },
    }),
    { instances: [anInstance('web-1')] },
  );
  t.after(() => s.end());
  const h = await s.start();
  const posts = () => s.calls.filter((c) => c === 'POST').length;
  await until(async () => (await state(h)).question !== null || posts() > 1, { what: 'a person is asked' });
  assert.equal(posts(), 1);
  assert.match((await state(h)).question?.what ?? '', /web-1 \(its evacuation could not be followed: a bug\)/);
  broken = false;
  await h.executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann', instance: 'web-1' }] });
  assert.equal((await h.result()).outcome, 'recovered');
});

test('refused credentials stop everything until a person says retry', async (t) => {
  let refused = true;
  const s = await story(
    ({ calls }, good) => ({
      evacuateInstance: async (input) => {
        if (!refused) return good.evacuateInstance(input);
        calls.push(`halt ${input.instance.name}`);
        return { kind: 'halt', reason: '403' };
      },
    }),
    { instances: [anInstance('web-1')] },
  );
  t.after(() => s.end());
  const h = await s.start();
  const tried = () => s.calls.filter((c) => c.startsWith('halt')).length;
  await until(async () => (await state(h)).question !== null || tried() > 1, { what: 'a person is asked' });
  assert.match((await state(h)).question?.what ?? '', /Nova refused our credentials: 403/);
  assert.match((await h.query(verbs.mayPostQuery, { instance: 'id-web-1' })).why, /credentials/);
  refused = false;
  await h.executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann' }] });
  assert.equal((await h.result()).outcome, 'recovered');
});

test('an abort before anything moved still accounts for every instance', async (t) => {
  const s = await story((_s, good) => ({
    // Nova answers again when the node was marked and the run was aborted.
    listAgain: async () => {
      const { ApplicationFailure } = await import('@temporalio/common');
      throw ApplicationFailure.nonRetryable('403', 'Forbidden');
    },
    guardNode: good.guardNode,
  }));
  t.after(() => s.end());
  const h = await s.start();
  await phase(h, 'blocked');
  await abort(h);
  const report = await h.result();
  assert.deepEqual(
    report.instances.map((i) => [i.name, i.outcome]),
    ['web-1', 'web-2', 'db-1'].map((name) => [name, 'waiting']),
  );
});
