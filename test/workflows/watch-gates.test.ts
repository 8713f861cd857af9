// The watch and its gates: who is told of what holds, when it is over, what a limit that asks makes of a grant, and a group of its own mode.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FleetSight, Finding, SweepResult } from '../../activities/monitoring/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { aNode, shut, story, untilCancelled, type Fakes } from './harness.ts';

after(shut);

const aSight = (over: Partial<FleetSight> = {}): FleetSight => ({
  ...{ whole: true, trouble: '', nodes: 20, alive: 20, failed: [], ours: [], unknown: 0 },
  readAt: new Date().toISOString(),
  ...over,
});
const failed = (node: string): Finding => ({
  ...{ kind: 'failed', node },
  suspicion: { node: aNode({ host: node, serviceId: `uuid-${node}` }), evidence: [], samples: 3, silentMs: 60_000 },
});
const sweeps = (...results: Partial<SweepResult>[]): Pick<Fakes, 'sweepFleet'> => ({
  sweepFleet: async () => {
    const next = results.shift();
    if (next) return { findings: [], sight: aSight(), sweeps: 1, carry: null, ...next } as SweepResult;
    return untilCancelled();
  },
});
const looks =
  (over: () => Partial<FleetSight> = () => ({})): Fakes['lookAtFleet'] =>
  async ({ closely }) => ({
    sight: aSight({ failed: closely, ...over() }),
    looks: Object.fromEntries(
      closely.map((host) => [
        host,
        { node: aNode({ host, serviceId: `uuid-${host}` }), verdict: 'failed' as const, evidence: [] },
      ]),
    ),
  });
const limits = DEFAULT_POLICY.limits;

test('while no conductor is up an admission waits, also by force; the watch shows it, the admins hear once, and once when it is over', async (t) => {
  let control = 'no nova-conductor is up';
  const s = await story(() => ({ ...sweeps(), lookAtFleet: looks(() => ({ control, references: '' })) }), {
    factor: 0.0001,
  });
  t.after(() => s.end());
  const watch = await s.watch();
  for (let n = 0; n < 2; n++) {
    const waits = await s.admit('compute-a', 'run-a', { force: true });
    assert.ok(waits.kind === 'wait' && waits.gate === 'control', JSON.stringify(waits));
  }
  const { held, alarms } = await watch.query(verbs.watchStateQuery);
  assert.match(held['compute-a'] ?? '', /^control: Nova itself is in trouble: no nova-conductor is up/);
  assert.deepEqual(alarms, ['control']);
  control = '';
  assert.equal((await s.admit('compute-a', 'run-a')).kind, 'granted');
  await until(() => s.notices.length === 2, { what: 'both are told' });
  assert.match(
    s.notices.map((n) => n.headline).join('\n'),
    /nothing is fenced: no nova-conductor is up\ncontrol since/,
  );
  assert.deepEqual((await watch.query(verbs.watchStateQuery)).held, {});
});

test('a limit that asks grants the run as confirm, and says why; without it the same limit holds', async (t) => {
  const lost = { lost: 9 };
  for (const ask of [['cliff' as const], []]) {
    const s = await story(() => ({ ...sweeps(), lookAtFleet: looks(() => lost) }), {
      ...{ factor: 0.0001, policy: { limits: { ...limits, ask } } },
    });
    t.after(() => s.end());
    await s.watch();
    const answer = await s.admit('compute-a', 'run-a');
    if (ask.length === 0) {
      assert.ok(answer.kind === 'wait' && answer.gate === 'cliff', JSON.stringify(answer));
      continue;
    }
    assert.ok(answer.kind === 'granted', JSON.stringify(answer));
    assert.equal(answer.grant.policy.mode, 'confirm');
    assert.match(answer.grant.asks ?? '', /^cliff: 9 of 20 nodes fell silent/);
  }
});

test('a group is acted on by its own mode, while the rest of the fleet is only observed', async (t) => {
  const groups = [{ nodes: ['canary-*'], failedWhen: DEFAULT_POLICY.failedWhen, mode: 'auto' as const }];
  const swept = sweeps({
    findings: [failed('canary-1'), failed('compute-2')],
    sight: aSight({ failed: ['canary-1', 'compute-2'] }),
  });
  const s = await story(
    ({ calls }) => ({
      ...swept,
      resolveNode: async (name) => ({ found: aNode({ host: name }) }),
      askAdmission: async ({ node }) => {
        calls.push(`asks ${node}`);
        return { kind: 'denied', gate: 'test', why: 'enough seen' };
      },
    }),
    { factor: 0.0001, policy: { mode: 'observe', groups } },
  );
  t.after(() => s.end());
  const watch = await s.watch();
  await until(() => s.calls.includes('asks canary-1'), { what: 'the canary is recovered' });
  await until(() => s.notices.some((n) => /compute-2 is failed; in mode confirm or auto/.test(n.headline)), {
    what: 'the other one is told of',
  });
  assert.ok(!s.calls.includes('asks compute-2'));
  assert.match((await watch.query(verbs.watchStateQuery)).held['compute-2'] ?? '', /^observe:/);
});

test('a failure domain over its limit holds its own nodes with one message, others are recovered', async (t) => {
  const down = ['compute-1', 'compute-2'];
  const domains = [{ name: 'zone az-1', nodes: 5, down, most: 1 }];
  const all = [...down, 'compute-9'];
  const s = await story(
    ({ calls }) => ({
      ...sweeps(
        { findings: all.map(failed), sight: aSight({ failed: all, domains }) },
        {
          findings: [{ kind: 'cleared', node: 'compute-2', verdict: 'alive' }],
          sight: aSight({ failed: ['compute-1'], domains: [] }),
        },
      ),
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
  await until(() => s.calls.includes('asks compute-1'), { what: 'the one that stayed dead is recovered afterwards' });
  assert.equal(s.calls.indexOf('asks compute-9') < s.calls.indexOf('asks compute-1'), true);
  await until(() => s.notices.length >= 2, { what: 'it is told, and its end' });
  const told = s.notices.map((n) => n.headline).filter((h) => /domain|zone/.test(h));
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told[0]!, /compute-1 is not fenced: 2 of 5 nodes of zone az-1 look failed/);
});
