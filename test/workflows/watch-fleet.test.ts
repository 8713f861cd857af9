// watchFleet: the gates over all nodes together, serial admissions, what people can say to it. The sweep is scripted.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import type { FleetSight, Finding, SweepInput, SweepResult } from '../../activities/monitoring/contract.ts';
import type { Notice, WatchInput } from '../../workflows/contract.ts';
import type { Verdict } from '../../workflows/domain.ts';
import * as verbs from '../../workflows/verbs.ts';
import { admin } from '../activities/notification/notices.ts';
import { until } from '../support/until.ts';
import { aNode, shut, story, untilCancelled, type Fakes } from './harness.ts';

after(shut);

const aSight = (over: Partial<FleetSight> = {}): FleetSight => ({
  whole: true,
  trouble: '',
  nodes: 20,
  alive: 20,
  failed: [],
  ours: [],
  unknown: 0,
  readAt: new Date().toISOString(),
  ...over,
});

const failed = (node: string): Finding => ({
  kind: 'failed',
  node,
  suspicion: { node: aNode({ host: node, serviceId: `uuid-${node}` }), evidence: [], samples: 3, silentMs: 60_000 },
});

/** Sweeps that tell these findings one after the other, then wait. */
function sweeps(...results: Partial<SweepResult>[]): Pick<Fakes, 'sweepFleet'> & { inputs: SweepInput[] } {
  const inputs: SweepInput[] = [];
  return {
    inputs,
    sweepFleet: async (input) => {
      inputs.push(input);
      const next = results.shift();
      if (next) return { findings: [], sight: aSight(), sweeps: 1, carry: null, ...next } as SweepResult;
      return untilCancelled();
    },
  };
}

const looks =
  (verdict: Verdict, over: Partial<FleetSight> = {}): Fakes['lookAtFleet'] =>
  async ({ closely }) => ({
    sight: aSight({ failed: closely, ...over }),
    looks:
      over.whole === false
        ? {}
        : Object.fromEntries(
            closely.map((host) => [host, { node: aNode({ host, serviceId: `uuid-${host}` }), verdict, evidence: [] }]),
          ),
  });

test('the sweep of a quiet fleet comes back once a day, so that what probes and people say ends no watch by its history', async (t) => {
  const swept = sweeps({});
  const s = await story(() => ({ sweepFleet: swept.sweepFleet }));
  t.after(() => s.end());
  await s.watch();
  await until(() => swept.inputs.length === 2, { what: 'the second sweep begins' });
  assert.equal(swept.inputs[1]!.wakeInMs, 86_400_000);
});

test('a failed node gets a recovery; many at once get one alarm and none', async (t) => {
  const many = Array.from({ length: 8 }, (_, i) => `compute-${i + 1}`);
  const swept = sweeps(
    { findings: many.map(failed), sight: aSight({ failed: many, alive: 12 }) },
    {
      findings: many.slice(1).map((node) => ({ kind: 'cleared', node, verdict: 'alive' })),
      sight: aSight({ failed: ['compute-1'] }),
    },
    // A while after the storm: what is still failed now is really failed.
    { sight: aSight({ failed: ['compute-1'] }) },
  );
  const s = await story(
    ({ calls }) => ({
      sweepFleet: swept.sweepFleet,
      resolveNode: async (name) => ({ found: aNode({ host: name }) }),
      askAdmission: async ({ node }) => {
        calls.push(`asks ${node}`);
        return { kind: 'denied', gate: 'test', why: 'enough seen' };
      },
    }),
    { factor: 0.0001 },
  );
  t.after(() => s.end());
  await s.watch();
  await until(() => s.calls.includes('asks compute-1'), { what: 'the really dead node is recovered after the storm' });
  assert.deepEqual(s.calls, ['asks compute-1'], 'nothing was asked for during the storm');
  await until(() => s.notices.filter((n) => n.stage === 'alarm').length === 2, {
    what: 'one alarm, and one that it is over',
  });
  assert.match(
    s.notices
      .filter((n) => n.stage === 'alarm')
      .map((n) => n.headline)
      .join('\n'),
    /8 of 20 nodes look failed.*\n.*within the limits/s,
  );
});

test('of a node in trouble people are told once, and when it is over; one to be ignored is only known', async (t) => {
  const trouble = (node: string): Finding => ({
    kind: 'degraded',
    node,
    suspicion: {
      node: aNode({ host: node }),
      evidence: [{ channel: 'raid', verdict: 'degraded', saw: 'rebuilding', readAt: '' }],
      samples: 3,
      silentMs: 0,
    },
  });
  const swept = sweeps(
    { findings: [trouble('compute-1'), trouble('gpu-1')] },
    {},
    { findings: [{ kind: 'cleared', node: 'compute-1', verdict: 'alive' }] },
  );
  const s = await story(() => ({ sweepFleet: swept.sweepFleet }), {
    factor: 0.0001,
    policy: { groups: [{ nodes: ['gpu-*'], failedWhen: { all: ['tcp'] }, degraded: 'ignore' }] },
  });
  t.after(() => s.end());
  const watch = await s.watch();
  await until(() => s.notices.length === 2, { what: 'one alarm, and one that it is over' });
  const said = s.notices.map((n) => n.headline).join('\n');
  assert.match(
    said,
    /compute-1 is in trouble, and alive: raid: rebuilding.*Nothing is fenced.*\n.*compute-1 is well again/s,
  );
  assert.ok(swept.inputs[1]!.known.includes('degraded:gpu-1'), 'the sweep need not tell it again');
  const state = await watch.query(verbs.watchStateQuery);
  assert.deepEqual([state.degraded, state.open], [{}, []]);
});

test('admissions are serial: the third of three that ask at once waits for the limit', async (t) => {
  const s = await story(() => ({ ...sweeps(), lookAtFleet: looks('failed') }), { factor: 0.0001 });
  t.after(() => s.end());
  await s.watch();
  const answers = await Promise.all(['a', 'b', 'c'].map((n) => s.admit(`compute-${n}`, `run-${n}`)));
  assert.deepEqual(answers.map((a) => a.kind).sort(), ['granted', 'granted', 'wait']);
  const waits = answers.find((a) => a.kind === 'wait');
  assert.ok(waits?.kind === 'wait' && waits.gate === 'atOnce', JSON.stringify(waits));
  assert.equal((await s.admit('compute-c', 'run-c', { force: true })).kind, 'granted', 'force passes limits');
});

test('force never passes proof: a node that lives is denied, an unknown one waits', async (t) => {
  let verdict: Verdict = 'alive';
  const s = await story(() => ({ ...sweeps(), lookAtFleet: (i) => looks(verdict)(i) }), { factor: 0.0001 });
  t.after(() => s.end());
  await s.watch();
  const lives = await s.admit('compute-a', 'run-a', { force: true });
  assert.ok(lives.kind === 'denied' && lives.gate === 'alive', JSON.stringify(lives));
  verdict = 'unknown';
  const unknown = await s.admit('compute-a', 'run-a', { force: true });
  assert.ok(unknown.kind === 'wait' && unknown.gate === 'unknown', JSON.stringify(unknown));
});

test('a list that is not whole makes everybody wait, and nobody is called gone', async (t) => {
  const s = await story(
    () => ({ ...sweeps(), lookAtFleet: looks('failed', { whole: false, trouble: '3 nodes of 20' }) }),
    { factor: 0.0001 },
  );
  t.after(() => s.end());
  await s.watch();
  const answer = await s.admit('compute-a', 'run-a', { force: true });
  assert.ok(answer.kind === 'wait' && /not whole: 3 nodes/.test(answer.why), JSON.stringify(answer));
});

test('a node that was rebuilt meanwhile is denied: another machine has its name', async (t) => {
  const s = await story(() => ({ ...sweeps(), lookAtFleet: looks('failed') }), { factor: 0.0001 });
  t.after(() => s.end());
  await s.watch();
  const answer = await s.admit('compute-a', 'run-a', { serviceId: 'uuid-of-before', force: true });
  assert.ok(answer.kind === 'denied' && answer.gate === 'uuid', JSON.stringify(answer));
});

test('observe, carries and exclusions deny, also by hand and with force', async (t) => {
  const s = await story(() => ({ ...sweeps(), lookAtFleet: looks('failed') }), {
    factor: 0.0001,
    policy: { carries: ['compute-db'], exclude: ['gpu-*'] },
  });
  t.after(() => s.end());
  const watch = await s.watch();
  for (const [node, gate] of [
    ['compute-db', 'carries'],
    ['gpu-1', 'excluded'],
  ] as const) {
    const answer = await s.admit(node, randomUUID(), { force: true });
    assert.ok(answer.kind === 'denied' && answer.gate === gate, JSON.stringify(answer));
  }
  await watch.executeUpdate(verbs.configureUpdate, {
    args: [
      {
        policy: { ...s.policy, mode: 'observe' },
        policyHash: 'h2',
        configuredBy: 'a new file',
        searchAttributes: true,
      },
    ],
  });
  const answer = await s.admit('compute-a', randomUUID(), { force: true });
  assert.ok(answer.kind === 'denied' && answer.gate === 'observe', JSON.stringify(answer));
});

test('a pause needs a name, holds new admissions and reaches open runs; resume ends it', async (t) => {
  const told: string[] = [];
  const s = await story(
    () => ({
      ...sweeps(),
      lookAtFleet: looks('failed'),
      tellRuns: async ({ verb, workflowIds }) => {
        told.push(`${verb} ${workflowIds.join()}`);
        return workflowIds.map((workflowId) => ({
          workflowId,
          answer: 'paused: nothing new begins',
          acknowledged: true,
        }));
      },
    }),
    { factor: 0.0001 },
  );
  t.after(() => s.end());
  const watch = await s.watch();
  await s.admit('compute-a', 'run-a');
  const refused = await watch
    .executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: ' ' }] })
    .catch((e: Error) => (e.cause as Error).message);
  assert.match(refused, /"by" is missing/);
  assert.match(
    await watch.executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: 'ann', reason: 'works' }] }),
    /compute-a: paused/,
  );
  const held = await s.admit('compute-b', 'run-b');
  assert.ok(held.kind === 'wait' && held.gate === 'paused', JSON.stringify(held));
  await watch.executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
  assert.equal((await s.admit('compute-b', 'run-b')).kind, 'granted');
  assert.deepEqual(
    told.map((x) => x.split(' ')[0]),
    ['pause', 'resume'],
  );
});

test('a run that was aborted untouched is not started again until the node was seen alive', async (t) => {
  const swept = sweeps(
    { findings: [failed('compute-1')], sight: aSight({ failed: ['compute-1'] }) },
    {},
    {},
    {},
    { findings: [{ kind: 'cleared', node: 'compute-1', verdict: 'alive' }] },
    { findings: [failed('compute-1')], sight: aSight({ failed: ['compute-1'] }) },
  );
  let release = (): void => undefined;
  const gate = new Promise<void>((r) => (release = r));
  let runs = 0;
  const s = await story(
    ({ calls }) => ({
      resolveNode: async (name) => ({ found: aNode({ host: name }) }),
      sweepFleet: async (input) => {
        if (swept.inputs.length === 4) await gate;
        return swept.sweepFleet(input);
      },
      askAdmission: async ({ node }) => {
        calls.push(`asks ${node}`);
        runs += 1;
        return runs === 1
          ? { kind: 'wait', gate: 'test', why: 'waits', againInMs: 60_000 }
          : { kind: 'denied', gate: 'test', why: 'enough' };
      },
    }),
    { factor: 0.0001 },
  );
  t.after(() => {
    release();
    return s.end();
  });
  const watch = await s.watch();
  const run = await until(async () => (s.calls.length === 1 ? s.handle('compute-1') : null), {
    what: 'the first run asks',
  });
  await run.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann', reason: 'I look first' }] });
  await until(async () => (await watch.query(verbs.watchStateQuery)).standDowns.includes('compute-1'), {
    what: 'the watch keeps the stand-down',
  });
  await until(() => swept.inputs.length >= 4, { what: 'more sweeps while it stands down' });
  assert.equal(runs, 1, 'not started again');
  release();
  await until(() => runs === 2, { what: 'a new failure after it was seen alive starts a new run' });
});

test('a node with our marker and no run is adopted as an orphan', async (t) => {
  const s = await story(
    ({ calls }) => ({
      ...sweeps({ findings: [{ kind: 'orphan', node: 'compute-1', view: aNode({ host: 'compute-1' }), run: 'lost' }] }),
      resolveNode: async (name) => ({ found: aNode({ host: name }) }),
      askAdmission: async ({ node, orphan }) => {
        calls.push(`asks ${node} orphan=${orphan}`);
        return { kind: 'denied', gate: 'test', why: 'enough' };
      },
    }),
    { factor: 0.0001 },
  );
  t.after(() => s.end());
  await s.watch();
  await until(() => s.calls.includes('asks compute-1 orphan=true'), { what: 'the orphan is taken up' });
});

test('a full node that a person disabled is paged once, with the command that starts it by hand', async (t) => {
  const finding: Finding = { kind: 'notOurs', node: 'compute-1', reason: 'disabled by a person: RAM', instances: 41 };
  const s = await story(() => sweeps({ findings: [finding] }, { findings: [finding] }, {}), { factor: 0.0001 });
  t.after(() => s.end());
  await s.watch();
  await until(() => s.notices.length === 1, { what: 'the page' });
  assert.match(s.notices[0]?.headline ?? '', /41 instances.*disabled by a person: RAM.*start-recovery -- compute-1/);
});

const notOurs = (node: string): Finding => ({ kind: 'notOurs', node, reason: 'disabled by ann', instances: 4 });

/** A watch whose admin takes every message, as it is delivered. */
async function limited(swept: Pick<Fakes, 'sweepFleet'>, hourMs: number) {
  const taken: Notice[] = [];
  const s = await story(() => swept, {
    policy: { messages: { perHour: 2, hourMs } },
    notify: {
      findRecipients: async () => ({ recipients: [admin], unreachable: [] }),
      deliverNotice: async ({ notice }) => {
        taken.push(notice);
        return 'id';
      },
    },
  });
  return { s, taken };
}

test('beyond notification.perHour messages go to pagers at once and to nobody else yet, and the fleet waits behind no node', async (t) => {
  const nodes = ['compute-1', 'compute-2', 'compute-3', 'compute-4', 'compute-5'];
  const { s, taken } = await limited(
    sweeps({ findings: nodes.map(notOurs) }, { findings: [{ kind: 'blind', node: '', why: 'Nova: 503' }] }),
    3_600_000,
  );
  t.after(() => s.end());
  await s.watch();
  await until(() => taken.length === 6, { what: 'six messages' });
  const of = (only: Notice['only']): string[] =>
    taken.filter((n) => n.only === only).map((n) => n.headline.split(' ')[0]!);
  assert.deepEqual(
    of(undefined).toSorted(),
    ['compute-1', 'compute-2', 'the'],
    'two of nodes, and the one of the fleet',
  );
  assert.deepEqual(of('pagers').toSorted(), ['compute-3', 'compute-4', 'compute-5']);
  assert.ok(taken.filter((n) => n.only === 'pagers').every((n) => n.incident?.over === false));
});

test('what was held back is said in one message when its time has come, also where the watch continued as new meanwhile', async (t) => {
  const { s, taken } = await limited(sweeps({}), 3_600_000);
  t.after(() => s.end());
  const at = new Date().toISOString();
  const held = ['compute-7', 'compute-8', 'compute-9'].map((node) => ({ at, headline: `${node} is excluded` }));
  const kept = { told: { node: { sent: [at, at], held, due: at } } } as unknown as NonNullable<WatchInput['kept']>;
  await s.watch({ kept });
  const gathered = await until(() => taken.find((n) => n.only === 'people'), { what: 'the gathered message' });
  assert.match(gathered.headline, /^3 more messages of the last hour/);
  assert.deepEqual(
    gathered.lines.slice(0, 3).map((l) => l.replace(/^.* UTC: /, '')),
    held.map(({ headline }) => headline),
    'none is lost',
  );
  assert.equal(gathered.incident, null);
});
