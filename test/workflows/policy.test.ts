import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_POLICY, DEFAULT_TIMINGS, LARGE_FLEET } from '../../workflows/defaults.ts';
import type { FailedWhen, Policy } from '../../workflows/defaults.ts';
import { OUTCOMES } from '../../workflows/domain.ts';
import type { InstanceView, MigrationRecord, NodeView, Verdict } from '../../workflows/domain.ts';
import { marker, readMarker } from '../../workflows/marker.ts';
import * as policy from '../../workflows/policy.ts';
import type { Facts, GateInput, InstanceContext, Matcher } from '../../workflows/policy.ts';

const NAMES = ['a', 'b', 'c'];
const verdict = fc.constantFrom<Verdict>('alive', 'failed', 'unknown');
const names = fc.subarray(NAMES, { minLength: 1 });
const rule: fc.Arbitrary<FailedWhen> = fc.oneof(
  names.map((all) => ({ all })),
  names.map((any) => ({ any })),
  names.chain((of) => fc.integer({ min: 1, max: of.length }).map((atLeast) => ({ atLeast, of }))),
);
const verdicts = fc.tuple(verdict, verdict, verdict);
const evidenceOf = (vs: readonly Verdict[]) => vs.map((v, i) => ({ channel: NAMES[i]!, verdict: v }));

describe('combine', () => {
  test('unknown never makes failed: to know less never turns a verdict into failed', () => {
    fc.assert(
      fc.property(rule, verdicts, fc.nat(2), (r, vs, i) => {
        const before = policy.combine(r, evidenceOf(vs));
        const after = policy.combine(r, evidenceOf(vs.with(i, 'unknown')));
        if (before !== 'failed') assert.notEqual(after, 'failed');
        if (before !== 'alive') assert.notEqual(after, 'alive');
      }),
    );
  });

  test('whatever the unknown channels would have said, a verdict that is not unknown stands', () => {
    fc.assert(
      fc.property(rule, verdicts, verdicts, (r, vs, truth) => {
        const known = policy.combine(r, evidenceOf(vs));
        const full = policy.combine(r, evidenceOf(vs.map((v, i) => (v === 'unknown' ? truth[i]! : v))));
        if (known !== 'unknown') assert.equal(full, known);
      }),
    );
  });

  test('a channel that said nothing is unknown, and one that the rule does not name counts for nothing', () => {
    fc.assert(
      fc.property(rule, verdicts, (r, vs) => {
        const heard = evidenceOf(vs);
        const told = heard.filter((e) => e.verdict !== 'unknown');
        assert.equal(policy.combine(r, told), policy.combine(r, heard));
        assert.equal(policy.combine(r, [...heard, { channel: 'other', verdict: 'failed' }]), policy.combine(r, heard));
      }),
    );
  });

  test('degraded is never failed: it counts as alive, in the rule and as a veto, and shows where the node is alive', () => {
    const any = fc.constantFrom<Verdict>('alive', 'degraded', 'failed', 'unknown');
    fc.assert(
      fc.property(rule, fc.subarray(NAMES), fc.tuple(any, any, any), (r, veto, vs) => {
        const healthy = vs.map((v) => (v === 'degraded' ? 'alive' : v));
        const plain = policy.combine({ ...r, veto }, evidenceOf(healthy));
        const told = policy.combine({ ...r, veto }, evidenceOf(vs));
        assert.equal(told, plain === 'alive' && vs.includes('degraded') ? 'degraded' : plain);
      }),
    );
    const beside = [...evidenceOf(['alive', 'alive', 'alive']), { channel: 'raid', verdict: 'degraded' as const }];
    assert.equal(policy.combine({ all: NAMES }, beside), 'degraded', 'also by a channel that the rule does not name');
  });

  test('what is done about a node in trouble is its group to say, else the policy: by default people are told', () => {
    const groups = [{ nodes: ['gpu-*'], failedWhen: { all: ['tcp'] }, degraded: 'ignore' as const }];
    assert.equal(policy.onDegraded({ groups, degraded: 'tell' }, 'gpu-1'), 'ignore');
    assert.equal(policy.onDegraded({ groups }, 'compute-1'), 'tell');
    assert.equal(
      policy.onDegraded({ groups: [{ nodes: ['*'], failedWhen: { all: ['tcp'] } }], degraded: 'ignore' }, 'x'),
      'ignore',
    );
  });

  test('by default both channels must agree', () => {
    const say = (nova: Verdict, tcp: Verdict): Verdict =>
      policy.combine(DEFAULT_POLICY.failedWhen, [
        { channel: 'nova-service', verdict: nova },
        { channel: 'tcp', verdict: tcp },
      ]);
    assert.equal(say('failed', 'failed'), 'failed');
    assert.equal(say('failed', 'alive'), 'alive');
    assert.equal(say('failed', 'unknown'), 'unknown');
    assert.equal(policy.combine({ all: [] }, []), 'unknown');
  });

  test('a veto only takes away: failed is what the rule calls failed and no veto channel calls alive', () => {
    fc.assert(
      fc.property(rule, fc.subarray(NAMES), verdicts, (r, veto, vs) => {
        const told = policy.combine({ ...r, veto }, evidenceOf(vs));
        const plain = policy.combine(r, evidenceOf(vs));
        const vetoed = veto.some((name) => vs[NAMES.indexOf(name)] === 'alive');
        assert.equal(told, vetoed ? 'alive' : plain);
      }),
    );
  });

  test('a veto channel that is silent forbids nothing, and to hear more of it never makes failed', () => {
    fc.assert(
      fc.property(rule, verdicts, verdict, (r, vs, said) => {
        const known = policy.combine({ ...r, veto: ['judge'] }, evidenceOf(vs));
        assert.equal(known, policy.combine(r, evidenceOf(vs)));
        const heard = [...evidenceOf(vs), { channel: 'judge', verdict: said }];
        const after = policy.combine({ ...r, veto: ['judge'] }, heard);
        if (known !== 'failed') assert.notEqual(after, 'failed');
        assert.equal(after, said === 'alive' ? 'alive' : known);
      }),
    );
  });

  test('to know less of a channel without a veto never turns a verdict into failed, whatever the veto', () => {
    fc.assert(
      fc.property(rule, fc.subarray(NAMES), verdicts, fc.nat(2), (r, veto, vs, i) => {
        fc.pre(!veto.includes(NAMES[i]!));
        const before = policy.combine({ ...r, veto }, evidenceOf(vs));
        const after = policy.combine({ ...r, veto }, evidenceOf(vs.with(i, 'unknown')));
        if (before !== 'failed') assert.notEqual(after, 'failed');
      }),
    );
  });

  test('a node is judged by the first group that it is in, else by the rule of all', () => {
    const rules = {
      failedWhen: { all: ['a', 'b'] },
      groups: [
        { nodes: ['gpu-9'], failedWhen: { all: ['c'] } },
        { nodes: ['gpu-*', 'big-1'], failedWhen: { any: ['a'] } },
      ],
    };
    const of = (host: string) => policy.ruleOf(rules, host);
    assert.deepEqual(['gpu-9', 'gpu-1', 'big-1', 'big-10'].map(of), [
      { all: ['c'] },
      { any: ['a'] },
      { any: ['a'] },
      rules.failedWhen,
    ]);
    assert.equal(policy.ruleOf(DEFAULT_POLICY, 'gpu-9'), DEFAULT_POLICY.failedWhen);
  });
});

describe('names and numbers', () => {
  test('a pattern means its star and nothing else', () => {
    assert.ok(policy.matches(['gpu-*'], 'gpu-7'));
    assert.ok(!policy.matches(['compute.1'], 'computeX1'));
    assert.ok(!policy.matches(['compute-1'], 'compute-10'));
    assert.ok(!policy.matches([], 'compute-1'));
    fc.assert(
      fc.property(
        fc.string().filter((s) => !s.includes('*') && !s.includes('\n')),
        (s) => policy.matches([s], s),
      ),
    );
  });

  test('one node may always fail, more only up to the share', () => {
    assert.deepEqual(
      [1, 3, 4, 8, 100].map((n) => policy.allowedFailures(0.25, n)),
      [1, 1, 1, 2, 25],
    );
  });

  test('the widths of all open runs together stay within the overall width, and none is nought', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 64 }),
        fc.nat(80),
        (perNode, overall, open) => {
          const width = policy.widthOf({ ...DEFAULT_POLICY.evacuation, perNode, overall }, open);
          assert.ok(width >= 1 && width <= Math.max(1, perNode));
          if (open <= overall) assert.ok(width * open <= overall);
        },
      ),
    );
  });

  test('reminders follow their table, and the last interval repeats', () => {
    const table = DEFAULT_TIMINGS.reminderMs;
    const at = [0, 1, 2, 3, 4, 5].map((n) => policy.reminderAfter(table, n) / 60_000);
    assert.deepEqual(at, [0, 15, 45, 300, 360, 360]);
  });

  test('from death to the first evacuation by default takes at most 60 s', () => {
    assert.ok(policy.deathToFirstPost(DEFAULT_POLICY, 50, LARGE_FLEET) <= 60_000);
    assert.ok(policy.deathToFirstPost(DEFAULT_POLICY, 1_000, LARGE_FLEET) > 60_000);
  });
});

const NODE: NodeView = {
  host: 'compute-1',
  serviceId: 'id',
  zone: 'nova',
  status: 'enabled',
  state: 'down',
  forcedDown: false,
  disabledReason: null,
  updatedAt: null,
  hostIp: null,
};
const AUTO: Policy = { ...DEFAULT_POLICY, mode: 'auto' };
const gate = (over: Partial<GateInput> = {}): GateInput => ({
  policy: AUTO,
  node: NODE,
  verdict: 'failed',
  byHand: false,
  force: false,
  orphan: false,
  paused: null,
  stoodDown: null,
  sight: { whole: true, trouble: '', nodes: 20, failed: ['compute-1'], ours: [] },
  othersOpen: 0,
  grantsLastHour: 0,
  upMs: 3_600_000,
  ...over,
});
const answer = (over: Partial<GateInput>): string => {
  const v = policy.judgeGates(gate(over));
  return v.kind === 'pass' ? 'pass' : `${v.kind} ${v.gate}`;
};

describe('the gates', () => {
  test('let a single failed node of a sound fleet pass', () => {
    assert.equal(answer({}), 'pass');
  });

  test('a node under maintenance waits, and a person may still recover it by name', () => {
    const maintenance = { by: 'ann', reason: 'new memory', until: '2026-01-01T18:00:00.000Z' };
    assert.equal(answer({ maintenance }), 'wait maintenance');
    assert.equal(answer({ maintenance, orphan: true, mark: { outcome: null } }), 'wait maintenance');
    assert.equal(answer({ maintenance, byHand: true }), 'pass');
  });

  test('an override passes the share and the hour, never evidence, atOnce or what a person forbade', () => {
    const sight = { whole: true, trouble: '', nodes: 4, failed: ['compute-1', 'x', 'y'], ours: [] };
    assert.equal(answer({ sight, grantsLastHour: 9, cooling: true, override: true }), 'pass');
    assert.equal(answer({ override: true, othersOpen: 2 }), 'wait atOnce');
    assert.equal(answer({ override: true, verdict: 'unknown' }), 'wait unknown');
    assert.equal(answer({ override: true, sight: { ...sight, whole: false } }), 'wait sight');
    assert.equal(answer({ override: true, policy: { ...AUTO, carries: ['compute-*'] } }), 'deny carries');
  });

  test('what comes back again and again, and what fails right after a storm, waits; by hand it does not', () => {
    assert.deepEqual([answer({ flaps: 2 }), answer({ flaps: 3 })], ['pass', 'wait flapping']);
    assert.equal(answer({ flaps: 3, policy: { ...AUTO, limits: { ...AUTO.limits, flaps: 5 } } }), 'pass');
    assert.equal(answer({ cooling: true }), 'wait coolDown');
    assert.equal(answer({ flaps: 9, cooling: true, byHand: true }), 'pass');
  });

  test('force passes limits, never proof, mode, pause or exclusion', () => {
    const sight = { whole: true, trouble: '', nodes: 4, failed: ['compute-1', 'x', 'y'], ours: [] };
    for (const limit of [{ sight }, { othersOpen: 2 }, { grantsLastHour: 5 }]) {
      assert.match(answer(limit), /^wait (share|atOnce|perHour)$/);
      assert.equal(answer({ ...limit, force: true, byHand: true }), 'pass');
    }
    const forced = { force: true, byHand: true };
    assert.equal(answer({ ...forced, verdict: 'unknown' }), 'wait unknown');
    assert.equal(answer({ ...forced, verdict: 'alive' }), 'deny alive');
    assert.equal(answer({ ...forced, policy: DEFAULT_POLICY }), 'deny observe');
    assert.equal(answer({ ...forced, policy: { ...AUTO, carries: ['compute-*'] } }), 'deny carries');
    assert.equal(answer({ ...forced, policy: { ...AUTO, exclude: ['compute-1'] } }), 'deny excluded');
    assert.equal(answer({ ...forced, paused: { by: 'ann', reason: 'drill' } }), 'wait paused');
    assert.equal(answer({ ...forced, sight: { ...gate().sight, whole: false, trouble: 'half' } }), 'wait sight');
    assert.equal(answer({ ...forced, sight: { ...gate().sight, nodes: 1 } }), 'deny fleetOfOne');
  });

  test('nothing passes that is not failed, unless it is an orphan of ours', () => {
    const anything = fc.record({
      verdict: fc.constantFrom<Verdict>('alive', 'unknown'),
      byHand: fc.boolean(),
      force: fc.boolean(),
      othersOpen: fc.nat(5),
      upMs: fc.nat(1_000_000),
    });
    fc.assert(fc.property(anything, (over) => assert.notEqual(answer(over), 'pass')));
    const orphan = { orphan: true, mark: { outcome: null }, node: { ...NODE, forcedDown: true } };
    assert.equal(answer({ ...orphan, verdict: 'unknown' }), 'pass');
    assert.equal(answer({ ...orphan, verdict: 'alive' }), 'wait orphanAlive');
  });

  test('an orphan whose marker is gone was given back: it is judged like any other node', () => {
    for (const mark of [null, undefined, { outcome: 'recovered' }]) {
      assert.equal(answer({ orphan: true, mark, verdict: 'unknown' }), 'wait unknown');
      assert.equal(answer({ orphan: true, mark, verdict: 'alive' }), 'deny alive');
      assert.equal(answer({ orphan: true, mark }), 'pass');
      assert.equal(answer({ orphan: true, mark, node: { ...NODE, forcedDown: true } }), 'deny notOurs');
    }
  });

  test('a person holds a node: only a person starts it', () => {
    for (const held of [{ status: 'disabled' as const }, { forcedDown: true }]) {
      assert.equal(answer({ node: { ...NODE, ...held } }), 'deny notOurs');
      assert.equal(answer({ node: { ...NODE, ...held }, byHand: true }), 'pass');
    }
    for (const was of [null, 'new fans']) {
      const reason = marker('0193f8a2-1111', 'partial', was);
      const ours: NodeView = { ...NODE, status: 'disabled', disabledReason: reason };
      const verdict = policy.judgeGates(gate({ node: ours, mark: readMarker(reason) }));
      assert.ok(verdict.kind === 'deny' && verdict.gate === 'notOurs');
      assert.match(verdict.why, /off by us \(its recovery ended as partial\).*npm run readmit -- compute-1/);
    }
    assert.equal(answer({ stoodDown: 'ann aborted it' }), 'deny stoodDown');
    assert.equal(answer({ stoodDown: 'ann aborted it', byHand: true }), 'pass');
  });

  test('nodes that are off by us count for the share, and none counts twice', () => {
    const sight = { whole: true, trouble: '', nodes: 12, failed: ['compute-1', 'b'], ours: ['b', 'c'] };
    assert.equal(answer({ sight }), 'pass');
    assert.equal(answer({ sight: { ...sight, ours: ['b', 'c', 'd'] } }), 'wait share');
  });

  test('nodes that are silent on the network count for the share, though all channels together do not call them failed', () => {
    const sight = { whole: true, trouble: '', nodes: 8, failed: ['compute-1'], ours: [] };
    assert.equal(answer({ sight: { ...sight, silent: ['b'] } }), 'pass');
    assert.equal(answer({ sight: { ...sight, silent: ['b', 'c'] } }), 'wait share');
    assert.equal(answer({ sight: { ...sight, silent: ['b', 'c'] }, force: true }), 'pass');
  });

  test('just after the start it looks first', () => {
    assert.equal(answer({ upMs: DEFAULT_TIMINGS.graceMs - 1 }), 'wait grace');
  });
});

const INSTANCE: InstanceView = {
  id: 'i',
  name: 'web-1',
  projectId: 'p',
  userId: 'u',
  host: 'compute-1',
  vmState: 'active',
  taskState: null,
  powerState: 1,
  status: 'ACTIVE',
  locked: false,
  lockedReason: null,
  launchedAt: '2026-01-01T00:00:00Z',
  volumeBacked: true,
  az: null,
  flavor: { name: 'm1', vcpus: 1, ram: 512, disk: 1, swap: 0, extraSpecs: {} },
  metadata: {},
  tags: [],
  serverGroups: [],
  fault: null,
};
const CALM: InstanceContext = { openEvacuation: null, openMigration: null, hardAffinity: false };
const RECORD: MigrationRecord = {
  id: 7,
  instanceId: 'i',
  type: 'evacuation',
  status: 'accepted',
  sourceCompute: 'compute-1',
  destCompute: null,
  createdAt: '',
  updatedAt: null,
};
const withEvacuation = (over: Partial<Policy['evacuation']>): Policy => ({
  ...AUTO,
  evacuation: { ...AUTO.evacuation, ...over },
});
const decision = (i: Partial<InstanceView>, c: Partial<InstanceContext> = {}, p: Policy = AUTO): string =>
  policy.decide({ ...INSTANCE, ...i }, { ...CALM, ...c }, p).decision;

describe('the state table', () => {
  test('what Nova accepts is evacuated, what it refuses is kept', () => {
    for (const vmState of ['active', 'stopped', 'error']) assert.equal(decision({ vmState }), 'evacuate');
    for (const vmState of [
      'paused',
      'suspended',
      'rescued',
      'resized',
      'shelved',
      'shelved_offloaded',
      'building',
      'new-state',
    ])
      assert.equal(decision({ vmState }), 'keep', vmState);
    assert.equal(decision({ vmState: 'error', launchedAt: null }), 'keep');
  });

  test('what is being deleted is never evacuated, whatever else is true of it', () => {
    for (const i of [{ taskState: 'deleting' }, { vmState: 'soft-delete' }, { vmState: 'deleted' }])
      assert.equal(decision(i, { openEvacuation: RECORD, openMigration: RECORD }), 'keep');
  });

  test('an evacuation that is on its way is adopted, a migration is held', () => {
    assert.equal(decision({}, { openEvacuation: RECORD }), 'adopt');
    assert.equal(decision({}, { openMigration: RECORD }), 'hold');
    for (const taskState of ['migrating', 'resize_migrating', 'resizing'])
      assert.equal(decision({ taskState }), 'hold');
  });

  test('a disk on the dead node is never rebuilt without a word, and whoever loses data is told', () => {
    const local = { volumeBacked: false };
    assert.equal(decision(local), 'keep');
    assert.equal(decision(local, {}, withEvacuation({ imageBackedDisks: 'shared' })), 'evacuate');
    const flavored = withEvacuation({ imageBackedDisks: 'shared', localFlavors: ['m*'] });
    assert.equal(decision(local, {}, flavored), 'keep');
    const agreed = [
      policy.decide({ ...INSTANCE, ...local }, CALM, withEvacuation({ onLocalDisk: 'rebuild' })),
      policy.decide({ ...INSTANCE, ...local, metadata: { 'lifeboat:rebuild': 'true' } }, CALM, AUTO),
      policy.decide({ ...INSTANCE, ...local, tags: ['lifeboat-rebuild'] }, CALM, AUTO),
    ];
    for (const sorted of agreed) {
      assert.equal(sorted.decision, 'evacuate');
      assert.match(sorted.loses ?? '', /data on it is gone/);
    }
    assert.equal(policy.decide(INSTANCE, CALM, withEvacuation({ onLocalDisk: 'rebuild' })).loses, undefined);
  });

  test('a state that only a reset makes movable is reset by policy alone, and its owner is told of the memory', () => {
    const states = { ...AUTO.evacuation.states, paused: 'reset' as const };
    const sorted = policy.decide({ ...INSTANCE, vmState: 'paused' }, CALM, withEvacuation({ states }));
    assert.deepEqual([sorted.decision, sorted.reset], ['evacuate', true]);
    assert.match(sorted.loses ?? '', /memory is lost/);
  });

  test('with opt-in only those whose owners said so are moved', () => {
    const optIn = withEvacuation({ selection: 'opt-in' });
    assert.equal(decision({}, {}, optIn), 'keep');
    assert.equal(decision({ metadata: { HA_Enabled: 'True' } }, {}, optIn), 'evacuate');
    assert.equal(decision({ metadata: { HA_Enabled: 'False' } }, {}, optIn), 'keep');
    assert.equal(decision({ tags: ['HA_Enabled'] }, {}, optIn), 'evacuate');
    const evacuable = withEvacuation({ selection: 'opt-in', selectionKey: 'evacuable' });
    const flavor = { ...INSTANCE.flavor, extraSpecs: { evacuable: 'true' } };
    assert.deepEqual([decision({ flavor }, {}, evacuable), decision({}, {}, evacuable)], ['evacuate', 'keep']);
  });

  test('with none, and by name, nothing is moved, and the account says why', () => {
    assert.match(policy.decide(INSTANCE, CALM, withEvacuation({ selection: 'none' })).reason, /fenced, and people/);
    const left = withEvacuation({ leaveNames: ['amphora-*'] });
    assert.equal(decision({ name: 'amphora-17' }, {}, left), 'keep');
    assert.equal(decision({ name: 'web' }, {}, left), 'evacuate');
    assert.equal(decision({}, { openEvacuation: RECORD }, withEvacuation({ selection: 'none' })), 'adopt');
  });

  test('everything that is not evacuated has a reason', () => {
    const instance = fc.record({
      vmState: fc.constantFrom('active', 'stopped', 'error', 'paused', 'shelved', 'building', 'deleted'),
      taskState: fc.constantFrom(null, 'deleting', 'migrating', 'rebuilding', 'powering-off'),
      launchedAt: fc.constantFrom(null, '2026-01-01T00:00:00Z'),
      volumeBacked: fc.boolean(),
    });
    const context = fc.record({
      openEvacuation: fc.constantFrom(null, RECORD),
      openMigration: fc.constantFrom(null, RECORD),
      hardAffinity: fc.boolean(),
    });
    fc.assert(
      fc.property(instance, context, (i, c) => {
        const sorted = policy.decide({ ...INSTANCE, ...i }, c, AUTO);
        if (sorted.decision !== 'evacuate') assert.notEqual(sorted.reason, '');
      }),
    );
  });

  test('a higher number goes first, and nonsense counts for nothing', () => {
    const of = (metadata: Record<string, string>): number => policy.priorityOf({ ...INSTANCE, metadata }, AUTO);
    assert.equal(of({}), 0);
    assert.equal(of({ HA_Enabled: 'true' }), 1);
    assert.equal(of({ 'lifeboat:priority': '7' }), 7);
    assert.equal(of({ 'lifeboat:priority': 'high' }), 0);
    const flavor = { ...INSTANCE.flavor, extraSpecs: { 'lifeboat:priority': '3' } };
    const made = (metadata: Record<string, string>): number =>
      policy.priorityOf({ ...INSTANCE, flavor, metadata }, AUTO);
    assert.deepEqual(
      [made({}), made({ 'lifeboat:priority': '-1' }), made({ 'lifeboat:priority': 'high' })],
      [3, -1, 3],
    );
    const other = withEvacuation({ priorityElse: 500 });
    assert.equal(policy.priorityOf({ ...INSTANCE, metadata: { HA_Enabled: 'true' } }, other), 500);
  });
});

describe('rules of selection', () => {
  const words = fc.constantFrom<string[]>(['gold'], ['g*'], ['silver', 'GOLD'], ['x']);
  const keyed = fc.dictionary(fc.constantFrom('tier', 'os', 't*'), words, { minKeys: 1, maxKeys: 2 });
  const texts = fc.constantFrom<string[]>(['web-*'], ['db'], ['*'], ['acme'], ['x']);
  const parts = {
    ...{ project: texts, name: texts, tag: texts, metadata: keyed, flavor: keyed, flavorName: texts, image: keyed },
    ...{ imageTag: texts, aggregate: texts, aggregateMetadata: keyed },
  };
  // One or two parts: an entry of many fits nothing, and shows nothing.
  const entry: fc.Arbitrary<Matcher> = fc
    .tuple(fc.record(parts), fc.subarray(Object.keys(parts), { minLength: 1, maxLength: 2 }))
    .map(([whole, keys]) => Object.fromEntries(Object.entries(whole).filter(([key]) => keys.includes(key))));
  const entries = fc.array(entry, { maxLength: 3 });
  const values = fc.dictionary(fc.constantFrom('tier', 'os'), fc.constantFrom('gold', 'silver'));
  const seen = fc.record({
    name: fc.constantFrom('web-1', 'WEB-2', 'db', 'x'),
    tags: fc.subarray(['gold', 'web-7']),
    metadata: values,
    imageId: fc.constant('img'),
    volumeBacked: fc.boolean(),
  });
  const known = fc.record({
    projectName: fc.constantFrom('acme', 'globex'),
    image: fc.record({ properties: values, tags: fc.subarray(['gold', 'db']) }),
    aggregates: fc.array(fc.record({ name: fc.constantFrom('rack-1', 'db'), metadata: values }), { maxLength: 2 }),
  });
  const shared = { imageBackedDisks: 'shared' as const };
  const sort = (i: Partial<InstanceView>, facts: Facts, over: Partial<Policy['evacuation']>) =>
    policy.decide({ ...INSTANCE, ...i }, { ...CALM, facts }, withEvacuation({ ...shared, ...over }));

  test('one more entry of leave never moves what would stay, one more of only never leaves what would move', () => {
    fc.assert(
      fc.property(seen, known, entries, entries, entry, (i, facts, only, leave, more) => {
        const now = sort(i, facts, { only, leave }).decision;
        const left = sort(i, facts, { only, leave: [...leave, more] }).decision;
        if (now === 'keep') assert.equal(left, 'keep');
        const wider = sort(i, facts, { only: [...only, more], leave }).decision;
        if (now === 'evacuate' && only.length > 0) assert.equal(wider, 'evacuate');
      }),
    );
  });

  test('what is not known leaves nobody behind: to know less never keeps what is moved, and it is said', () => {
    fc.assert(
      fc.property(
        seen,
        known,
        entries,
        entries,
        fc.subarray(['projectName', 'image', 'aggregates'] as const),
        (i, all, only, leave, lost) => {
          const facts: Facts = { ...all };
          for (const name of lost) facts[name] = null;
          const full = sort(i, all, { only, leave });
          const less = sort(i, facts, { only, leave });
          if (full.decision === 'evacuate') assert.equal(less.decision, 'evacuate');
          if (full.decision !== less.decision) assert.match(less.reason, /could not be read: it is moved/);
          assert.doesNotMatch(full.reason, /could not be read/);
        },
      ),
    );
  });

  test('what no rule turns on is not asked for, and what is asked for is enough', () => {
    fc.assert(
      fc.property(seen, known, entries, (i, all, leave) => {
        const needed = policy.factsFor({ ...INSTANCE, ...i }, leave);
        const facts: Facts = {
          ...(needed.has('project') ? { projectName: all.projectName } : {}),
          ...(needed.has('image') ? { image: all.image } : {}),
          ...(needed.has('aggregates') ? { aggregates: all.aggregates } : {}),
        };
        assert.deepEqual(sort(i, facts, { leave }), sort(i, all, { leave }));
      }),
    );
    const asks = (m: Matcher) => [...policy.factsFor(INSTANCE, [m])];
    assert.deepEqual(asks({ name: ['db-*'], image: { os: ['x'] }, project: ['acme'] }), [], 'the name does not fit');
    assert.deepEqual(asks({ image: { os: ['x'] } }), [], 'it boots from a volume');
    assert.deepEqual(asks({ project: ['0123456789abcdef0123456789abcdef'] }), [], 'an id needs no name');
    assert.deepEqual(asks({ name: ['web*'], project: ['acme'] }), ['project']);
  });

  test('all that an entry names must fit, any entry counts, and case does not', () => {
    const leave = [{ name: ['DB-*'], metadata: { tier: ['gold', 'silver'] } }, { tag: ['scratch'] }];
    const of = (i: Partial<InstanceView>) => sort(i, {}, { leave });
    assert.equal(of({ name: 'db-1' }).decision, 'evacuate');
    assert.equal(of({ name: 'db-1', metadata: { Tier: 'Silver' } }).decision, 'keep');
    assert.deepEqual(of({ tags: ['Scratch'] }), {
      decision: 'keep',
      reason: 'left alone for its tags, by evacuation.leave[1]',
    });
    assert.match(
      sort({}, {}, { only: [{ image: { os: ['x'] } }] }).reason,
      /evacuation.only fits it .*boots from a volume/,
    );
  });

  test('what Nova tells of an image counts where Glance has it no more; what only Glance could tell stays open', () => {
    const gone = { volumeBacked: false, imageId: 'img', imageProperties: { os_distro: 'windows' } };
    const by = (image: Record<string, string[]>) => sort(gone, { image: null }, { leave: [{ image }] });
    assert.equal(by({ os_distro: ['windows'] }).decision, 'keep');
    assert.deepEqual(by({ os_distro: ['ubuntu'] }), { decision: 'evacuate', reason: '' });
    assert.match(by({ own: ['x'] }).reason, /^its image \(img\) could not be read: it is moved/);
  });

  test('both sorts of aggregate rules are held against the same aggregate', () => {
    const leave = [{ aggregate: ['rack-*'], aggregateMetadata: { spare: ['true'] } }];
    const of = (...aggregates: { name: string; metadata: Record<string, string> }[]) =>
      sort({}, { aggregates }, { leave }).decision;
    assert.equal(of({ name: 'rack-1', metadata: { spare: 'True' } }), 'keep');
    assert.equal(of({ name: 'rack-1', metadata: {} }, { name: 'x', metadata: { spare: 'true' } }), 'evacuate');
  });

  test('what first names goes before the rest, a number in its metadata before both', () => {
    const first = withEvacuation({ first: [{ flavorName: ['m1'] }] });
    assert.equal(policy.priorityOf(INSTANCE, first), 1);
    assert.equal(policy.priorityOf({ ...INSTANCE, metadata: { 'lifeboat:priority': '-3' } }, first), -3);
  });
});

test('every instance is counted exactly once, and a node is recovered only when nothing waits or failed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...OUTCOMES)), (outcomes) => {
      const counts = policy.countOutcomes(outcomes.map((outcome) => ({ outcome })));
      assert.equal(
        Object.values(counts).reduce((a, b) => a + b, 0),
        outcomes.length,
      );
      const open = outcomes.some((o) => o === 'waiting' || o === 'failed');
      assert.equal(policy.outcomeOf(counts), open ? 'partial' : 'recovered');
    }),
  );
});
