// The gates that look at more than one node: Nova's own services, our own network, reports that do not arrive, cliffs, failure domains;
// limits that ask a person, and groups with a mode of their own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ASKING_GATES, DEFAULT_POLICY, type Limits, type Policy } from '../../workflows/defaults.ts';
import type { NodeView } from '../../workflows/domain.ts';
import * as policy from '../../workflows/policy.ts';
import type { GateInput } from '../../workflows/policy.ts';

const NODE: NodeView = {
  host: 'compute-1',
  serviceId: 'id',
  zone: 'az-1',
  status: 'enabled',
  state: 'down',
  forcedDown: false,
  disabledReason: null,
  updatedAt: null,
  hostIp: null,
};
const SIGHT = { whole: true, trouble: '', nodes: 100, failed: ['compute-1'], ours: [] };
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `compute-${i + 1}`);

function judge(over: Partial<GateInput> & { limits?: Partial<Limits> } = {}): policy.GateVerdict {
  const { limits, ...rest } = over;
  const auto: Policy = { ...DEFAULT_POLICY, mode: 'auto', limits: { ...DEFAULT_POLICY.limits, ...limits } };
  return policy.judgeGates({
    ...{ policy: auto, node: NODE, verdict: 'failed', byHand: false, force: false, orphan: false },
    ...{ paused: null, stoodDown: null, sight: SIGHT, othersOpen: 0, grantsLastHour: 0, upMs: 3_600_000 },
    ...rest,
  });
}
const said = (v: policy.GateVerdict): string => (v.kind === 'pass' ? 'pass' : `${v.kind} ${v.gate}: ${v.why}`);
const seen = (over: Partial<policy.Sight>): Partial<GateInput> => ({ sight: { ...SIGHT, ...over } });

test('without a scheduler, a conductor or a reference address nothing is fenced, by hand, by force or by override either', () => {
  for (const trouble of [{ control: 'no nova-conductor is up' }, { references: 'no reference address answers' }]) {
    const [gate] = Object.keys(trouble);
    assert.match(said(judge(seen(trouble))), new RegExp(`^wait ${gate}: .*${Object.values(trouble)[0]}`));
    const sure = { byHand: true, force: true, override: true };
    assert.match(said(judge({ ...seen(trouble), ...sure })), new RegExp(`^wait ${gate}`));
  }
  assert.equal(said(judge(seen({ control: '', references: '' }))), 'pass');
});

test('where the reports of many do not arrive, one that also does not answer is no dead node yet', () => {
  assert.match(
    said(judge(seen({ stale: names(100) }))),
    /^wait allStale: the reports of 100 of 100 nodes do not reach/,
  );
  assert.equal(said(judge(seen({ stale: names(25) }))), 'pass');
  assert.equal(said(judge({ ...seen({ stale: names(100) }), override: true })), 'pass');
});

test('a cliff holds; as many as may be recovered at once are none, however small the fleet', () => {
  assert.match(
    said(judge(seen({ lost: 16 }))),
    /^wait cliff: 16 of 100 nodes fell silent within one interval, more than 15/,
  );
  assert.equal(said(judge(seen({ lost: 15 }))), 'pass');
  assert.equal(said(judge(seen({ nodes: 8, lost: 2 }))), 'pass');
  assert.match(said(judge({ ...seen({ nodes: 8, lost: 3 }), limits: { share: 0.5 } })), /^wait cliff/);
  assert.equal(said(judge({ ...seen({ nodes: 8, lost: 3 }), limits: { atOnce: 3 } })), 'pass');
  const { cliff: _, ...older } = DEFAULT_POLICY.limits;
  const granted = { ...DEFAULT_POLICY, mode: 'auto' as const, limits: older };
  assert.equal(said(judge({ ...seen({ lost: 50 }), policy: granted })), 'pass', 'an older release did not judge it');
});

test('the fleet has a limit in nodes beside its share', () => {
  assert.equal(said(judge(seen({ failed: names(5) }))), 'pass');
  assert.match(
    said(judge({ ...seen({ failed: names(5) }), limits: { nodes: 4 } })),
    /^wait share: 5 of 100 .*more than 4/,
  );
});

test('a failure domain that lost too many holds its own nodes, and no others', () => {
  const domains = [{ name: 'zone az-1', nodes: 10, down: ['compute-1', 'compute-2', 'compute-3'], most: 2 }];
  assert.match(said(judge(seen({ domains }))), /^wait domain: 3 of 10 nodes of zone az-1 look failed.* more than 2/);
  assert.equal(said(judge({ ...seen({ domains }), node: { ...NODE, host: 'compute-77' } })), 'pass');
  assert.equal(said(judge({ ...seen({ domains }), byHand: true, force: true })), 'pass');
});

test('a limit that asks lets a person decide; evidence, sight and atOnce never ask', () => {
  const flapping = { flaps: 3, limits: { ask: ['flapping' as const] } };
  assert.match(said(judge(flapping)), /^ask flapping: compute-1 went down and came back 3 times/);
  assert.match(said(judge({ ...flapping, othersOpen: 2 })), /^wait atOnce/);
  const ask = [...ASKING_GATES];
  assert.match(said(judge({ ...seen({ lost: 50, stale: names(60) }), limits: { ask } })), /^ask allStale/);
  assert.match(said(judge({ verdict: 'unknown', limits: { ask } })), /^wait unknown/);
  assert.match(said(judge({ ...seen({ whole: false }), limits: { ask } })), /^wait sight/);
  assert.match(said(judge({ ...seen({ control: 'no conductor' }), limits: { ask } })), /^wait control/);
  const verdict = judge(flapping);
  assert.equal(policy.grantedMode({ ...DEFAULT_POLICY, mode: 'auto' }, 'compute-1', verdict), 'confirm');
});

test('a group has a mode of its own; the first group that fits decides', () => {
  const { failedWhen } = DEFAULT_POLICY;
  const groups = [
    { nodes: ['canary-*'], failedWhen, mode: 'auto' as const },
    { nodes: ['gpu-*'], failedWhen, mode: 'observe' as const },
    { nodes: ['canary-9'], failedWhen, mode: 'observe' as const },
    { nodes: ['plain-*'], failedWhen },
  ];
  const at = (mode: Policy['mode'], host: string): string =>
    said(judge({ policy: { ...DEFAULT_POLICY, mode, groups }, node: { ...NODE, host } })).slice(0, 12);
  assert.deepEqual([at('observe', 'canary-9'), at('observe', 'plain-1')], ['pass', 'deny observe']);
  assert.deepEqual([at('auto', 'gpu-1'), at('auto', 'plain-1')], ['deny observe', 'pass']);
  const mode = (host: string): string => policy.modeOf({ mode: 'confirm', groups }, host);
  assert.deepEqual(['canary-1', 'gpu-1', 'plain-1', 'other'].map(mode), ['auto', 'observe', 'confirm', 'confirm']);
});

test('domains are each zone, each aggregate that fits, or all nodes that do; one node of each may always fail', () => {
  const nodes = names(12).map((host, i) => ({ host, zone: `az-${i % 3}` }));
  const over = (rule: NonNullable<Limits['domains']>[number], down: string[], aggregates = {}): string[] =>
    policy
      .overfullDomains({ limits: { ...DEFAULT_POLICY.limits, domains: [rule] } }, nodes, new Set(down), aggregates)
      .map((d) => `${d.name}: ${d.down.length} of ${d.nodes}, most ${d.most}`);
  const down = ['compute-1', 'compute-4', 'compute-2'];
  assert.deepEqual(over({ zones: ['*'], most: 1 }, down), ['zone az-0: 2 of 4, most 1']);
  assert.deepEqual(over({ zones: ['az-1', 'az-2'], most: 1 }, down), []);
  assert.deepEqual(over({ zones: ['*'], share: 0.01 }, ['compute-1']), []);
  assert.deepEqual(over({ zones: ['*'], share: 0.5, most: 3 }, [...down, 'compute-7']), ['zone az-0: 3 of 4, most 2']);
  const racks = { 'rack-a': ['compute-1', 'compute-2', 'gone'], 'rack-b': ['compute-4'], gpu: names(12) };
  assert.deepEqual(over({ aggregates: ['rack-*'], most: 1 }, down, racks), ['aggregate rack-a: 2 of 2, most 1']);
  assert.deepEqual(over({ name: 'row 3', nodes: ['compute-1*'], most: 1 }, ['compute-1', 'compute-12']), [
    'row 3: 2 of 4, most 1',
  ]);
});

test('whatever is down, a domain within its limit holds nobody', () => {
  const nodes = names(20).map((host, i) => ({ host, zone: `az-${i % 4}` }));
  const given = fc.record({ down: fc.subarray(nodes.map((n) => n.host)), most: fc.integer({ min: 1, max: 6 }) });
  fc.assert(
    fc.property(given, ({ down, most }) => {
      const limits = { ...DEFAULT_POLICY.limits, domains: [{ zones: ['*'], most }] };
      const over = policy.overfullDomains({ limits }, nodes, new Set(down));
      for (const zone of ['az-0', 'az-1', 'az-2', 'az-3']) {
        const here = nodes.filter((n) => n.zone === zone && down.includes(n.host)).length;
        assert.equal(
          over.some((d) => d.name === `zone ${zone}`),
          here > most,
        );
      }
    }),
  );
});
