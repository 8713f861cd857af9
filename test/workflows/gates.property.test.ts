// Every gate by itself, as a property: whatever else is true, while its reason stands nothing passes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ASKING_GATES, DEFAULT_POLICY } from '../../workflows/defaults.ts';
import type { Policy } from '../../workflows/defaults.ts';
import { OUTCOMES } from '../../workflows/domain.ts';
import type { NodeView, Verdict } from '../../workflows/domain.ts';
import * as policy from '../../workflows/policy.ts';
import type { GateInput } from '../../workflows/policy.ts';

const HOST = 'compute-1';
const person = fc.record({ by: fc.constant('ann'), reason: fc.string(), until: fc.constant('2026-01-01T18:00:00Z') });
/** Failure domains with too many down: one of other nodes, and the node's own. */
const OTHERS = { name: 'rack b', nodes: 4, down: ['compute-8', 'compute-9'], most: 1 };
const OURS = { name: 'rack a', nodes: 4, down: [HOST, 'compute-2'], most: 1 };
const others = fc.uniqueArray(
  fc.integer({ min: 2, max: 40 }).map((n) => `compute-${n}`),
  { maxLength: 12 },
);

const rules: fc.Arbitrary<Policy> = fc
  .record({
    mode: fc.constantFrom<Policy['mode']>('observe', 'confirm', 'auto'),
    carries: fc.constantFrom<string[]>([], ['control-*'], ['compute-1'], ['compute-*']),
    exclude: fc.constantFrom<string[]>([], ['gpu-*'], ['compute-1']),
    limits: fc.record({
      atOnce: fc.integer({ min: 1, max: 4 }),
      share: fc.double({ min: 0.01, max: 1, noNaN: true }),
      perHour: fc.integer({ min: 1, max: 9 }),
      flaps: fc.integer({ min: 1, max: 5 }),
      nodes: fc.integer({ min: 1, max: 20 }),
      cliff: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
      ask: fc.subarray([...ASKING_GATES]),
    }),
  })
  .map((over) => ({ ...DEFAULT_POLICY, ...over }));

const node: fc.Arbitrary<NodeView> = fc
  .record({ status: fc.constantFrom('enabled' as const, 'disabled' as const), forcedDown: fc.boolean() })
  .map((row) => ({
    ...{
      host: HOST,
      serviceId: 'id',
      zone: 'nova',
      state: 'down',
      disabledReason: null,
      updatedAt: null,
      hostIp: null,
    },
    ...row,
  }));

/** Everything that a gate looks at, drawn freely: most of it gives a reason to hold. */
const anything: fc.Arbitrary<GateInput> = fc
  .record({
    policy: rules,
    node,
    verdict: fc.constantFrom<Verdict>('alive', 'failed', 'unknown'),
    byHand: fc.boolean(),
    force: fc.boolean(),
    orphan: fc.boolean(),
    mark: fc.constantFrom(null, { outcome: null }, { outcome: 'recovered' }),
    returning: fc.boolean(),
    paused: fc.option(person),
    stoodDown: fc.option(fc.constant('ann aborted it')),
    maintenance: fc.option(person),
    override: fc.boolean(),
    flaps: fc.nat(6),
    cooling: fc.boolean(),
    sight: fc.record({
      whole: fc.boolean(),
      trouble: fc.constant('half'),
      nodes: fc.nat(40),
      failed: others,
      silent: others,
      ours: others,
      stale: others,
      lost: fc.nat(12),
      control: fc.constantFrom('', 'no nova-conductor is up'),
      references: fc.constantFrom('', 'no reference address answers'),
      domains: fc.constantFrom<NonNullable<GateInput['sight']['domains']>>([], [OTHERS], [OTHERS, OURS]),
    }),
    othersOpen: fc.nat(5),
    grantsLastHour: fc.nat(10),
    upMs: fc.nat(200_000),
  })
  // Only a person forces.
  .map((g) => ({ ...g, force: g.force && g.byHand }));

/** The same with every reason taken away: passes, so that one reason alone can be put back. */
const sound = (g: GateInput): GateInput => ({
  ...g,
  policy: { ...g.policy, mode: 'auto', carries: [], exclude: [] },
  node: { ...g.node, status: 'enabled', forcedDown: false },
  verdict: 'failed',
  ...{ orphan: false, mark: null, paused: null, stoodDown: null, maintenance: null, flaps: 0, cooling: false },
  sight: { whole: true, trouble: '', nodes: 40, failed: [HOST], silent: [], ours: [], domains: [OTHERS] },
  ...{ othersOpen: 0, grantsLastHour: 0, upMs: 3_600_000 },
});

const gateOf = (g: GateInput): string => {
  const v = policy.judgeGates(g);
  return v.kind === 'pass' ? 'pass' : v.gate;
};

const allowed = (g: GateInput): number =>
  Math.max(1, Math.min(g.policy.limits.nodes ?? Infinity, Math.floor(g.policy.limits.share * g.sight.nodes)));
const down = (g: GateInput): number =>
  new Set([...g.sight.failed, ...(g.sight.silent ?? []), ...g.sight.ours, HOST]).size;
/** By its marker: where that is gone, the node was given back. */
const orphan = (g: GateInput): boolean => g.orphan && g.mark?.outcome === null;
const limited = (g: GateInput): boolean => !g.force && !g.override;

/** Each gate: when it must hold, and how its reason alone looks. What must hold is written here a second time, on purpose. */
const GATES: Record<string, { holds: (g: GateInput) => boolean; alone: (g: GateInput) => GateInput }> = {
  carries: {
    holds: (g) => g.policy.carries.some((p) => p.startsWith('compute-')),
    alone: (g) => ({ ...g, policy: { ...g.policy, carries: ['compute-1'] } }),
  },
  excluded: {
    holds: (g) => g.policy.exclude.includes(HOST),
    alone: (g) => ({ ...g, policy: { ...g.policy, exclude: [HOST] } }),
  },
  observe: {
    holds: (g) => g.policy.mode === 'observe',
    alone: (g) => ({ ...g, policy: { ...g.policy, mode: 'observe' } }),
  },
  notOurs: {
    holds: (g) => !g.byHand && !orphan(g) && !g.returning && (g.node.status === 'disabled' || g.node.forcedDown),
    alone: (g) => ({ ...g, byHand: false, force: false, returning: false, node: { ...g.node, status: 'disabled' } }),
  },
  stoodDown: {
    holds: (g) => !g.byHand && g.stoodDown !== null,
    alone: (g) => ({ ...g, byHand: false, force: false, stoodDown: 'ann' }),
  },
  paused: {
    holds: (g) => g.paused !== null,
    alone: (g) => ({ ...g, paused: { by: 'ann', reason: '' } }),
  },
  maintenance: {
    holds: (g) => !g.byHand && g.maintenance != null,
    alone: (g) => ({ ...g, byHand: false, force: false, maintenance: { by: 'ann', reason: '', until: '' } }),
  },
  sight: {
    holds: (g) => !g.sight.whole,
    alone: (g) => ({ ...g, sight: { ...g.sight, whole: false } }),
  },
  fleetOfOne: {
    holds: (g) => g.sight.nodes <= 1,
    alone: (g) => ({ ...g, sight: { ...g.sight, nodes: 1 } }),
  },
  grace: {
    holds: (g) => !g.byHand && g.upMs < g.policy.timings.graceMs,
    alone: (g) => ({ ...g, byHand: false, force: false, upMs: 0 }),
  },
  orphanAlive: {
    holds: (g) => orphan(g) && g.verdict === 'alive',
    alone: (g) => ({ ...g, orphan: true, mark: { outcome: null }, verdict: 'alive' }),
  },
  alive: {
    holds: (g) => !orphan(g) && g.verdict === 'alive',
    alone: (g) => ({ ...g, verdict: 'alive' }),
  },
  unknown: {
    holds: (g) => !orphan(g) && g.verdict === 'unknown',
    alone: (g) => ({ ...g, verdict: 'unknown' }),
  },
  share: {
    holds: (g) => limited(g) && down(g) > allowed(g),
    alone: (g) => ({
      ...g,
      ...{ force: false, override: false, policy: { ...g.policy, limits: { ...g.policy.limits, share: 0.05 } } },
      sight: { ...g.sight, silent: ['a', 'b', 'c'] },
    }),
  },
  control: {
    holds: (g) => !!g.sight.control,
    alone: (g) => ({ ...g, sight: { ...g.sight, control: 'no nova-conductor is up' } }),
  },
  references: {
    holds: (g) => !!g.sight.references,
    alone: (g) => ({ ...g, sight: { ...g.sight, references: 'no reference address answers' } }),
  },
  allStale: {
    holds: (g) => limited(g) && new Set([...(g.sight.stale ?? []), HOST]).size > allowed(g),
    alone: (g) => ({
      ...g,
      ...{ force: false, override: false, policy: { ...g.policy, limits: { ...g.policy.limits, share: 0.05 } } },
      sight: { ...g.sight, stale: ['a', 'b', 'c'] },
    }),
  },
  cliff: {
    holds: (g) => {
      const { cliff, atOnce } = g.policy.limits;
      return (
        limited(g) && cliff !== undefined && (g.sight.lost ?? 0) > Math.max(atOnce, Math.floor(cliff * g.sight.nodes))
      );
    },
    alone: (g) => ({
      ...g,
      ...{ force: false, override: false, policy: { ...g.policy, limits: { ...g.policy.limits, cliff: 0.1 } } },
      sight: { ...g.sight, lost: 12 },
    }),
  },
  domain: {
    holds: (g) => limited(g) && (g.sight.domains ?? []).some(({ down: d }) => d.includes(HOST)),
    alone: (g) => ({ ...g, force: false, override: false, sight: { ...g.sight, domains: [OTHERS, OURS] } }),
  },
  perHour: {
    holds: (g) => limited(g) && g.grantsLastHour >= g.policy.limits.perHour,
    alone: (g) => ({ ...g, force: false, override: false, grantsLastHour: 9 }),
  },
  coolDown: {
    holds: (g) => limited(g) && !g.byHand && g.cooling === true,
    alone: (g) => ({ ...g, ...{ byHand: false, force: false, override: false, cooling: true } }),
  },
  flapping: {
    holds: (g) => limited(g) && !g.byHand && (g.flaps ?? 0) >= (g.policy.limits.flaps ?? 3),
    alone: (g) => ({ ...g, ...{ byHand: false, force: false, override: false, flaps: 6 } }),
  },
  atOnce: {
    holds: (g) => !g.force && g.othersOpen >= g.policy.limits.atOnce,
    alone: (g) => ({ ...g, force: false, othersOpen: 5 }),
  },
};

describe('every gate', () => {
  for (const [name, { holds, alone }] of Object.entries(GATES)) {
    test(`${name}: while its reason stands nothing passes, whatever else is true`, () => {
      const more = fc.subarray(Object.keys(GATES), { maxLength: 2 });
      fc.assert(
        fc.property(anything, more, (g, also) => {
          const held = alone(also.reduce((so, other) => GATES[other]!.alone(so), sound(g)));
          fc.pre(holds(held));
          assert.notEqual(gateOf(held), 'pass');
          if (holds(g)) assert.notEqual(gateOf(g), 'pass');
        }),
        { numRuns: 200 },
      );
    });

    test(`${name}: its reason alone is enough, and is the one that is told`, () => {
      fc.assert(
        fc.property(anything, (g) => {
          const held = alone(sound(g));
          assert.ok(holds(held));
          assert.equal(gateOf(held), name);
        }),
        { numRuns: 50 },
      );
    });
  }

  test('without any of their reasons it passes: no gate holds without one', () => {
    fc.assert(fc.property(anything, (g) => assert.equal(gateOf(sound(g)), 'pass')));
  });

  test('one that holds has its reason, and says it in words', () => {
    fc.assert(
      fc.property(anything, (g) => {
        const v = policy.judgeGates(g);
        if (v.kind === 'pass') return;
        assert.ok(GATES[v.gate]?.holds(g), `${v.gate} holds without its reason`);
        assert.ok(v.why.length > 10);
      }),
      { numRuns: 1_000 },
    );
  });

  test('an orphan of ours that lives waits for a person', () => {
    fc.assert(
      fc.property(anything, (g) => {
        const v = policy.judgeGates({ ...sound(g), orphan: true, mark: { outcome: null }, verdict: 'alive' });
        assert.deepEqual([v.kind, v.kind !== 'pass' && v.gate], ['wait', 'orphanAlive']);
      }),
    );
  });

  test('an orphan whose marker is gone is judged like any other', () => {
    fc.assert(
      fc.property(anything, fc.subarray(Object.keys(GATES), { maxLength: 1 }), (g, one) => {
        const held = one.reduce((so, gate) => GATES[gate]!.alone(so), sound(g));
        const [plain, given] = [
          { ...held, orphan: false },
          { ...held, orphan: true, mark: null },
        ];
        assert.equal(gateOf(given), gateOf(plain));
      }),
      { numRuns: 500 },
    );
  });

  test('a person is asked only for a limit that the policy names, and never past those at once', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(...ASKING_GATES), (g, one) => {
        const held = GATES[one]!.alone(sound(g));
        const v = policy.judgeGates({ ...held, othersOpen: g.othersOpen });
        const full = g.othersOpen >= g.policy.limits.atOnce;
        if (!g.policy.limits.ask?.includes(one)) assert.deepEqual([v.kind, v.kind !== 'pass' && v.gate], ['wait', one]);
        else assert.deepEqual([v.kind, v.kind !== 'pass' && v.gate], full ? ['wait', 'atOnce'] : ['ask', one]);
      }),
      { numRuns: 500 },
    );
  });

  test('force and override only take limits away: what they let pass has no other reason', () => {
    fc.assert(
      fc.property(anything, (g) => {
        const plain = gateOf({ ...g, force: false, override: false });
        const limits = [...ASKING_GATES, 'atOnce', 'pass'];
        if (!limits.includes(plain)) assert.equal(gateOf(g), plain);
      }),
      { numRuns: 1_000 },
    );
  });
});

test('the share never falls when a fleet grows, and one node may always fail', () => {
  const share = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(share, fc.nat(500), fc.nat(500), (s, nodes, more) => {
      const few = policy.allowedFailures(s, nodes);
      assert.ok(few >= 1 && few <= Math.max(1, nodes));
      assert.ok(policy.allowedFailures(s, nodes + more) >= few);
    }),
  );
});

test('what waits for a person is tried less and less often, never more seldom than the most', () => {
  const t = fc.record({ fenceAgainMs: fc.integer({ min: 1, max: 10_000 }), more: fc.nat(100_000) });
  fc.assert(
    fc.property(t, fc.nat(60), ({ fenceAgainMs, more }, round) => {
      const timings = { fenceAgainMs, fenceAgainMaxMs: fenceAgainMs + more };
      const now = policy.slowly(timings, round);
      assert.ok(now >= fenceAgainMs && now <= timings.fenceAgainMaxMs);
      assert.ok(policy.slowly(timings, round + 1) >= now);
    }),
  );
});

test('an outcome does not depend on the order of the accounts', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...OUTCOMES)), (outcomes) => {
      const of = (list: typeof outcomes) =>
        policy.outcomeOf(policy.countOutcomes(list.map((outcome) => ({ outcome }))));
      assert.equal(of(outcomes), of(outcomes.toReversed()));
    }),
  );
});
