// recoverNode: what happens, in what order, and what people can say to it. Activities are scripted; the server is real.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import type { RunState } from '../../workflows/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { comesBack } from './comes-back.ts';
import { aNode, anInstance, shut, story } from './harness.ts';

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

test('fences, then marks, then guards, then evacuates, then unlocks and writes the outcome', async (t) => {
  const s = await story();
  t.after(() => s.end());
  const h = await s.start();
  await until(async () => (await state(h)).report, { what: 'it ends by itself' });
  const report = await h.result();
  assert.equal(report.outcome, 'recovered');
  assert.deepEqual(report.counts, { recovered: 3, moved: 0, kept: 0, gone: 0, waiting: 0, failed: 0 });
  const order = s.calls.filter((c) => c !== 'admission');
  assert.deepEqual(order.slice(0, 3), ['fence bmc', 'PUT open', 'guard 1']);
  assert.deepEqual(order.slice(3, 6).sort(), ['POST db-1', 'POST web-1', 'POST web-2']);
  assert.deepEqual(order.slice(6), ['unlock', 'PUT recovered']);
  await until(() => new Set(s.notices.map((n) => n.stage)).size === 2, { what: 'both notices were sent' });
  assert.deepEqual([...new Set(s.notices.map((n) => n.stage))].sort(), ['finished', 'started']);
});

test('no evacuation begins while more than the other lanes hold are due before it', async (t) => {
  const lanes = 3;
  // Names say the opposite of the priorities.
  const numbers = [4, 0, 7, 2, 9, -2, 5, 1, 8, 3];
  const s = await story(
    (_s, good) => ({
      askAdmission: async (input) => {
        const answer = await good.askAdmission(input);
        return answer.kind === 'granted' ? { ...answer, grant: { ...answer.grant, width: lanes } } : answer;
      },
    }),
    { instances: numbers.map((n) => anInstance(`a-${10 - n}`, { priority: n })) },
  );
  t.after(() => s.end());
  assert.equal((await (await s.start()).result()).outcome, 'recovered');
  const due = numbers.toSorted((a, b) => b - a).map((n) => `a-${10 - n}`);
  const begun = s.calls.filter((c) => c.startsWith('POST ')).map((c) => c.slice('POST '.length));
  assert.deepEqual(begun.toSorted(), due.toSorted());
  begun.forEach((name, k) => {
    const before = due.slice(0, due.indexOf(name)).filter((other) => !begun.slice(0, k).includes(other));
    assert.ok(before.length < lanes, `${name} began before ${before.join()}: ${begun.join()}`);
  });
});

test('a node without instances is still fenced and disabled', async (t) => {
  const s = await story(undefined, { instances: [] });
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.equal(report.outcome, 'recovered');
  assert.ok(s.calls.includes('fence bmc') && s.calls.includes('PUT open'));
});

test('posts nothing before the guard has read once', async (t) => {
  let release = (): void => undefined;
  const s = await story((_s, good) => ({
    guardNode: async (input) => {
      await new Promise<void>((r) => (release = r));
      return good.guardNode(input);
    },
  }));
  t.after(() => {
    release();
    return s.end();
  });
  const h = await s.start();
  await until(() => s.calls.includes('PUT open'), { what: 'the node is marked' });
  await phase(h, 'evacuating');
  assert.deepEqual(await h.query(verbs.mayPostQuery, { instance: 'id-web-1' }).then((r) => r.ok), false);
  assert.ok(!s.calls.some((c) => c.startsWith('POST')));
  await until(() => release.length >= 0 && (release(), s.calls.includes('guard 1')), { what: 'the guard reads' });
  assert.equal((await h.result()).outcome, 'recovered');
});

test('a level that cannot prove it leads to the next, and people hear of it meanwhile', async (t) => {
  const s = await story(({ calls }, good) => ({
    fencingPlan: async () => [
      { level: 'bmc', kind: 'power', devices: [{ label: 'ipmi', confirmCommand: 'ipmitool' }] },
      { level: 'pdu', kind: 'power', devices: [{ label: 'pdu', confirmCommand: 'snmp' }] },
    ],
    fenceLevel: async (input) => {
      if (input.level === 'pdu') return good.fenceLevel(input);
      calls.push('fence bmc');
      return { kind: 'unproven', offSent: false, devices: [], why: 'ipmi: unreachable' };
    },
  }));
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.equal(report.proof?.level, 'pdu');
  await until(() => s.notices.some((n) => n.stage === 'blocked'), { what: 'the admins heard of the first level' });
});

const deadBmc = {
  fenceLevel: async () => ({ kind: 'unproven' as const, offSent: false, devices: [], why: 'ipmi: unreachable' }),
};

test('a node that no level can prove off waits for a person, and goes on when one confirms it by name', async (t) => {
  const s = await story(() => deadBmc);
  t.after(() => s.end());
  const h = await s.start();
  const blocked = await phase(h, 'blocked');
  assert.match(blocked.question?.what ?? '', /could not be proven off.*unreachable/);
  assert.deepEqual(blocked.question?.commands, ['ipmitool … chassis power status']);
  assert.ok(!s.calls.includes('PUT open'));
  assert.match(
    await refusal(h.executeUpdate(verbs.confirmFencedUpdate, { args: [{ by: 'ann', node: 'compute-8' }] })),
    /exact name, compute-7/,
  );
  assert.match(
    await refusal(h.executeUpdate(verbs.confirmFencedUpdate, { args: [{ node: 'compute-7' } as never] })),
    /"by" is missing/,
  );
  await h.executeUpdate(verbs.confirmFencedUpdate, {
    args: [{ by: 'ann', node: 'compute-7', reason: 'pulled the plug' }],
  });
  const report = await h.result();
  assert.equal(report.outcome, 'recovered');
  assert.deepEqual([report.proof?.kind, report.proof?.by], ['operator', 'ann']);
});

test('reminds the admins until somebody answers', async (t) => {
  const s = await story(() => deadBmc, { factor: 0.001 });
  t.after(() => s.end());
  const h = await s.start();
  await until(() => s.notices.filter((n) => n.stage === 'blocked').length >= 3, { what: 'three reminders' });
  const keys = s.notices.filter((n) => n.stage === 'blocked').map((n) => n.key);
  assert.equal(new Set(keys).size, keys.length, 'each reminder is a message of its own');
  await h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann' }] });
  assert.equal((await h.result()).outcome, 'aborted');
});

test('a last look that sees it alive closes as a false alarm and touches nothing', async (t) => {
  const s = await story(() => ({ fenceLevel: async () => ({ kind: 'alive', saw: 'TCP 22 answers' }) }));
  t.after(() => s.end());
  const h = await s.start({ automatic: true });
  await until(async () => (await state(h)).report, { what: 'it ends by itself' });
  const report = await h.result();
  assert.equal(report.outcome, 'falseAlarm');
  assert.deepEqual([...new Set(s.calls)], ['admission'], 'a busy machine may ask twice; nothing else is done');
});

test('a contradiction is never a proof', async (t) => {
  const s = await story(() => ({
    fenceLevel: async () => ({ kind: 'contradiction', saw: 'TCP 22 answers', offSent: true }),
  }));
  t.after(() => s.end());
  const h = await s.start();
  assert.match((await phase(h, 'blocked')).question?.what ?? '', /says off but lives/);
  assert.ok(!s.calls.includes('PUT open'));
  await h.cancel();
  assert.equal((await h.result()).outcome, 'aborted', 'a cancel in the console means abort');
});

test('mode confirm prepares, waits for approve, reads the evidence again, then acts', async (t) => {
  const s = await story(undefined, { policy: { mode: 'confirm' } });
  t.after(() => s.end());
  const h = await s.start({ automatic: true });
  const asked = await phase(h, 'approval');
  assert.equal(asked.plan?.evacuate, 3);
  assert.ok(!s.calls.includes('fence bmc'));
  const asks = s.calls.length;
  await h.executeUpdate(verbs.approveUpdate, { args: [{ by: 'ann' }] });
  assert.equal((await h.result()).outcome, 'recovered');
  assert.equal(s.calls[asks], 'admission', 'evidence is never older than it may be');
});

test('an unknown node is denied with the names that are near, and nothing is touched', async (t) => {
  const s = await story();
  t.after(() => s.end());
  const report = await (await s.start({ node: 'compute-77' })).result();
  assert.equal(report.outcome, 'denied');
  assert.match(report.reason, /no compute node compute-77 \(near: compute-7\)/);
  assert.deepEqual(s.calls, []);
});

test('another spelling joins the recovery of the exact host', async (t) => {
  const s = await story((_s, good) => ({
    resolveNode: async (name) => (name.toLowerCase() === 'compute-7' ? { found: aNode() } : good.resolveNode(name)),
  }));
  t.after(() => s.end());
  const report = await (await s.start({ node: 'COMPUTE-7' })).result();
  assert.equal(report.outcome, 'joined');
  assert.match(report.reason, new RegExp(`${s.cloud}/compute-7`));
  await until(() => s.calls.includes('PUT recovered'), { what: 'the right run recovers the node' });
});

test('abort in the middle: what runs ends and is unlocked, nothing new begins, every instance is accounted for', async (t) => {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((r) => (letGo = r));
  const s = await story(
    (_s, good) => ({
      evacuateInstance: async (input) => {
        await gate;
        return good.evacuateInstance(input);
      },
    }),
    {
      policy: {
        evacuation: { ...(await import('../../workflows/defaults.ts')).DEFAULT_POLICY.evacuation, perNode: 1 },
      },
    },
  );
  t.after(() => s.end());
  const h = await s.start();
  await h.signal(verbs.widthSignal, { width: 1 });
  const moving = await until(async () => (await state(h)).instances.find((i) => i.outcome === 'moving'), {
    what: 'one moves',
  });
  const answer = h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann', reason: 'test' }] });
  await until(async () => (await state(h)).phase === 'aborting', { what: 'the abort is seen' });
  assert.match(await answer, new RegExp(`Sent before and watched to the end: .*${moving.name}`));
  letGo();
  const report = await h.result();
  assert.equal(report.outcome, 'aborted');
  assert.equal(report.instances.length, 3);
  assert.ok(s.calls.includes('unlock') && s.calls.includes('PUT aborted'));
});

test('a node that comes back is fenced again before anything else is posted', async (t) => {
  const s = await story(comesBack);
  t.after(() => s.end());
  const h = await s.start();
  await h.signal(verbs.widthSignal, { width: 1 });
  const report = await h.result();
  assert.equal(report.outcome, 'recovered');
  assert.ok(s.calls.filter((c) => c === 'fence bmc').length >= 2, s.calls.join(', '));
  await until(() => s.notices.some((n) => n.stage === 'returned'), { what: 'the admins heard that it came back' });
});

test('a node that came back without our marker is fenced by fresh evidence only: where the gates say no the run lets go of it', async (t) => {
  const s = await story((told, good) => ({
    ...comesBack(told, good),
    askAdmission: async (request) => {
      const first = !told.calls.includes('admission');
      return first ? good.askAdmission(request) : { kind: 'denied', gate: 'alive', why: 'compute-7 is alive' };
    },
    fenceLevel: async (input) => {
      if (input.again === 0) return good.fenceLevel(input);
      told.calls.push('fence again');
      return { kind: 'markGone', saw: 'enabled', offSent: false };
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await h.signal(verbs.widthSignal, { width: 1 });
  const report = await h.result();
  assert.equal(report.outcome, 'stoodDown', report.reason);
  assert.match(report.reason, /the marker of this run is gone from compute-7: compute-7 is alive/);
  assert.equal(s.calls.filter((c) => c === 'fence bmc').length, 1, s.calls.join(', '));
  assert.ok(s.calls.includes('unlock') && s.calls.includes('PUT stoodDown'));
  assert.ok(report.decisions.some((d) => d.what === 'does not fence it again'));
});

test('a node that came back without our marker and is failed by fresh evidence is fenced as at first', async (t) => {
  const s = await story((told, good) => ({
    ...comesBack(told, good),
    fenceLevel: async (input) =>
      input.again === 0 ? good.fenceLevel(input) : { kind: 'markGone', saw: 'enabled', offSent: false },
  }));
  t.after(() => s.end());
  const h = await s.start();
  await h.signal(verbs.widthSignal, { width: 1 });
  const report = await h.result();
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(s.calls.filter((c) => c === 'fence bmc').length, 2, s.calls.join(', '));
});

test('a row that moved between proof and mark is not marked: evidence and power are read once more', async (t) => {
  let marks = 0;
  const s = await story((told, good) => ({
    markNode: async (input) => {
      if (++marks > 1) return good.markNode(input);
      told.calls.push('PUT refused');
      throw ApplicationFailure.nonRetryable('service of compute-7: it moved since the evidence', 'RowMoved');
    },
  }));
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.equal(report.outcome, 'recovered', report.reason);
  const order = ['fence bmc', 'PUT refused', 'admission', 'fence bmc', 'PUT open'];
  assert.deepEqual(s.calls.slice(1, 6), order);
});

test('a blind guard stops new evacuations until it sees again', async (t) => {
  const s = await story((_s, good) => ({
    guardNode: async (input) => good.guardNode({ ...input, epoch: input.epoch }),
    evacuateInstance: async (input) =>
      input.instance.name === 'never' ? { kind: 'notPosted', why: '' } : good.evacuateInstance(input),
    findRoom: async () => ({ fits: [], why: 'wait' }),
  }));
  t.after(() => s.end());
  const h = await s.start();
  await until(async () => (await state(h)).guard.seeing === 'off', { what: 'the guard reads' });
  await h.signal(verbs.guardSawSignal, {
    epoch: 1,
    seeing: 'blind',
    saw: 'unknown for 60 s',
    readAt: new Date().toISOString(),
  });
  const no = await h.query(verbs.mayPostQuery, { instance: 'id-web-1' });
  assert.match(no.why, /does not see it off \(blind\)/);
  await h.signal(verbs.guardSawSignal, { epoch: 7, seeing: 'off', saw: 'late news of another epoch', readAt: '' });
  assert.equal((await state(h)).guard.seeing, 'blind', 'late results of another epoch are ignored');
  await h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann' }] });
  await h.result();
});

test('an instance in limbo is tried again only by a person who names the record', async (t) => {
  let tries = 0;
  const s = await story((_s, good) => ({
    evacuateInstance: async (input) => {
      if (input.instance.name !== 'web-1' || ++tries > 1) return good.evacuateInstance(input);
      return { kind: 'stuck', reason: 'record 42 has no destination for 10 min', record: 42, destination: null };
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  const blocked = await phase(h, 'blocked');
  assert.match(blocked.question?.what ?? '', /web-1 \(record 42/);
  assert.match(
    await refusal(h.executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann', instance: 'web-1' }] })),
    /record 42 in limbo/,
  );
  await h.executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann', instance: 'web-1', record: 42 }] });
  assert.equal((await h.result()).outcome, 'recovered');
});

test('an instance that fails finally is skipped by a person and reported as failed', async (t) => {
  const s = await story((_s, good) => ({
    evacuateInstance: async (input) =>
      input.instance.name === 'web-1'
        ? { kind: 'failed', reason: 'NoValidHost', posts: 1, record: 3, retryable: false }
        : good.evacuateInstance(input),
  }));
  t.after(() => s.end());
  const h = await s.start();
  await phase(h, 'blocked');
  assert.match(
    await refusal(h.executeUpdate(verbs.skipUpdate, { args: [{ by: 'ann', instance: 'web-2' }] })),
    /waiting: web-1/,
  );
  await h.executeUpdate(verbs.skipUpdate, { args: [{ by: 'ann', instance: 'web-1' }] });
  const report = await h.result();
  assert.equal(report.outcome, 'partial');
  assert.match(report.instances.find((i) => i.name === 'web-1')?.reason ?? '', /skipped by ann: NoValidHost/);
});

test('room that comes later recovers what waited, un-posted meanwhile', async (t) => {
  let room = false;
  const s = await story(() => ({
    findRoom: async ({ waiting, once }) => {
      while (!room && !once) await new Promise((r) => setTimeout(r, 20));
      return { fits: room ? waiting.map((w) => w.id) : [], why: 'all hosts are full' };
    },
  }));
  t.after(() => s.end());
  const h = await s.start();
  assert.match((await phase(h, 'blocked')).question?.what ?? '', /no room for 3 instances/);
  assert.ok(!s.calls.some((c) => c.startsWith('POST')));
  room = true;
  assert.equal((await h.result()).outcome, 'recovered');
});

test('kept and gone instances stand in the report with their reasons', async (t) => {
  const kept = anInstance('local-1', { decision: 'keep', reason: 'its disk is on the failed node' });
  const s = await story(
    () => ({
      listAgain: async () => ({
        instances: [kept],
        gone: [{ id: 'id-web-1', reason: 'deleted by its user', host: null, at: new Date().toISOString() }],
        needs: {},
      }),
    }),
    { instances: [kept, anInstance('web-1')] },
  );
  t.after(() => s.end());
  const report = await (await s.start()).result();
  assert.deepEqual(report.counts, { recovered: 0, moved: 0, kept: 1, gone: 1, waiting: 0, failed: 0 });
  assert.ok(report.instances.every((i) => i.reason !== ''));
});

test('pause names what was sent, and nothing is posted until resume', async (t) => {
  const s = await story(() => deadBmc);
  t.after(() => s.end());
  const h = await s.start();
  await phase(h, 'blocked');
  assert.match(await h.executeUpdate(verbs.pauseUpdate, { args: [{ by: 'ann' }] }), /nothing new begins/);
  assert.equal((await h.query(verbs.mayFenceQuery, { level: 'bmc' })).ok, false);
  assert.equal((await state(h)).phase, 'paused');
  await h.executeUpdate(verbs.resumeUpdate, { args: [{ by: 'ann' }] });
  await phase(h, 'blocked');
  await h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann' }] });
  await h.result();
});

test('no worker for a role: blocked before anything is touched', async (t) => {
  const s = await story(() => ({ readyFencing: () => Promise.reject(new Error('nobody')) }));
  t.after(() => s.end());
  const h = await s.start();
  assert.match(
    (await phase(h, 'blocked')).question?.what ?? '',
    /no worker polls for the role fencing: nothing was touched/,
  );
  assert.ok(!s.calls.includes('fence bmc'));
  await h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann' }] });
  await h.result();
});
