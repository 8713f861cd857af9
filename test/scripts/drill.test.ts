// What a drill makes of what was read: what would not work, how long it takes, and which node is the worst.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOfFleet, answerOfNode } from '../../scripts/drill/answer.ts';
import type { Fleet } from '../../scripts/cli/fleet.ts';
import { estimate, paceOf } from '../../scripts/drill/duration.ts';
import { stageSeconds, whyNot } from '../../scripts/rehearse/may.ts';
import { judge, type Drilled } from '../../workflows/drill/judge.ts';
import type { FleetDrill, NodeDrill, RecoveryPreview } from '../../workflows/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
import { findingsOf, newsOf, NO_FINDINGS, stillThere } from '../../workflows/drill/findings.ts';
import { gateIfDead, unseen } from '../../workflows/drill/hypothesis.ts';

const READY: NodeDrill = {
  ...{ node: 'compute-1', zone: 'nova', unseen: null, gate: 'pass', up: true, trouble: '', keeps: [], loses: 0 },
  ...{ instances: 12, moves: 12, fits: 12, fitsInZone: 12 },
  power: [{ level: 'bmc', label: 'redfish 10.0.0.1', power: 'on', detail: 'on' }],
};
const policy = { ...DEFAULT_POLICY, mode: 'auto' as const };
const pace = paceOf([10_000, 20_000], 1);
const given = { policy, pace, open: 0, problems: [] };

test('a node with nothing in its way would be recovered', () => {
  assert.deepEqual(judge(READY), { problems: [], notes: [], stranded: 0 });
});

test('each thing that would stop it is told, and strands all its instances', () => {
  const device = READY.power[0]!;
  const cases: [Partial<Drilled>, RegExp][] = [
    [{ unseen: 'tcp cannot tell (no address)' }, /^its death would not be noticed: tcp cannot tell/],
    [{ gate: 'carries: compute-1 carries Lifeboat' }, /^it would be held: carries: /],
    [{ power: [] }, /^no fence device is configured/],
    [
      { power: [{ ...device, power: 'unknown', detail: 'wrong password' }] },
      /cannot be fenced: level bmc .*wrong password/,
    ],
    [{ power: [{ ...device, power: 'off' }] }, /cannot be fenced: .*says off, but it is up/],
    [{ trouble: '503' }, /cannot be read: 503/],
  ];
  for (const [wrong, why] of cases) {
    const { problems, stranded } = judge({ ...READY, ...wrong });
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, why);
    assert.equal(stranded, 12, problems[0]);
  }
});

test('one device of a level that does not answer spoils the level; another level that answers makes it a note', () => {
  const [a] = READY.power;
  const b = { ...a!, label: 'pdu 2', power: 'unknown', detail: 'pdu 2: timeout' };
  assert.match(judge({ ...READY, power: [a!, b] }).problems[0]!, /cannot be fenced: .*pdu 2: timeout/);
  const two = judge({ ...READY, power: [a!, { ...b, level: 'pdu' }] });
  assert.deepEqual(two.problems, []);
  assert.match(two.notes[0]!, /level pdu could not prove it off: pdu 2: timeout/);
});

test('off is no contradiction of a node that is down', () => {
  assert.deepEqual(judge({ ...READY, up: false, power: [{ ...READY.power[0]!, power: 'off' }] }).problems, []);
});

test('without room only those without a seat are stranded; another zone, loss and what stays are notes', () => {
  const { problems, notes, stranded } = judge({
    ...READY,
    ...{ fits: 9, fitsInZone: 5, loses: 1, keeps: [{ reason: 'it is shelved', count: 2 }] },
  });
  assert.deepEqual(problems, ['no room now for 3 of its 12 instances']);
  assert.equal(stranded, 3);
  assert.equal(notes.length, 3);
  assert.match(notes[0]!, /^4 of 12 would go to another availability zone/);
  assert.deepEqual(notes.slice(1), ['1 instance would lose data', '2 instances would stay: it is shelved']);
});

test('the time: detection as status says it, then rounds of the lanes that the limits leave, each as long as the slowest', () => {
  const fleet = { nodes: 40, destinations: 39, open: 1 };
  const { firstMs, allMs, how } = estimate(policy, fleet, 12, pace);
  assert.equal(allMs! - firstMs, 2 * 20_000, how);
  assert.match(how, /8 at a time: 2 rounds of 20 s \(the slowest of 2 in the last recovery\)/);
  assert.equal(
    estimate(policy, { ...fleet, destinations: 1 }, 12, pace).allMs! - firstMs,
    3 * 20_000,
    'four a destination',
  );
  assert.equal(
    estimate(policy, { ...fleet, open: 16 }, 12, pace).allMs! - firstMs,
    6 * 20_000,
    'shared with 15 others',
  );
  assert.equal(estimate(policy, fleet, 0, pace).allMs, null);
  assert.match(paceOf([], 0).from, /assumed/);
});

const fleetOf = (nodes: Partial<NodeDrill>[], more: Partial<FleetDrill> = {}): FleetDrill => ({
  nodes: nodes.map((n, i) => ({ ...READY, node: `compute-${i + 1}`, ...n })),
  together: [{ nodes: ['compute-1'], moves: 12, fits: 12 }],
  ...{ destinations: nodes.length, zones: 1, sightTrouble: '', admins: 1, unreachable: [], readAt: '' },
  ...more,
});

test('the worst node stands first: by what it strands, then by what is to be known, then by its size', () => {
  const { works, nodes } = answerOfFleet(
    fleetOf([
      { moves: 3, fits: 3, fitsInZone: 3 },
      { loses: 1 },
      { fits: 10, fitsInZone: 10 },
      { gate: 'excluded: it is' },
      {},
    ]),
    given,
    1,
  );
  assert.equal(works, false);
  assert.deepEqual(
    nodes.map((n) => n.node),
    ['compute-4', 'compute-3', 'compute-2', 'compute-5', 'compute-1'],
  );
});

test('a fleet works where each node does, and as many at once as have to survive; one more is a note', () => {
  const two = { nodes: ['compute-1', 'compute-2'], moves: 24, fits: 20 };
  const fleet = fleetOf([{}, {}], { together: [{ nodes: ['compute-1'], moves: 12, fits: 12 }, two] });
  const one = answerOfFleet(fleet, given, 1);
  assert.equal(one.works, true, one.problems.join());
  assert.deepEqual(one.notes, ['N+2: compute-1 and compute-2 gone at once: 4 of 24 instances find no room']);
  const both = answerOfFleet(fleet, given, 2);
  assert.deepEqual([both.works, both.problems], [false, one.notes]);
});

test('what stops everybody makes every drill fail: no watch, no worker, no admin, no sight', () => {
  assert.equal(answerOfFleet(fleetOf([{}]), { ...given, problems: ['no watch of prod runs'] }, 1).works, false);
  for (const wrong of [{ admins: 0 }, { sightTrouble: 'half a list' }])
    assert.equal(answerOfFleet(fleetOf([{}], wrong), given, 1).works, false);
});

const PREVIEW: RecoveryPreview = {
  ...{ node: 'compute-1', found: true, near: [], evidence: [], gate: 'pass', mode: 'auto', levels: [] },
  power: READY.power,
  instances: [
    { id: 'a', name: 'web-1', projectId: 'p', decision: 'evacuate', reason: '', priority: 0, room: true },
    { id: 'b', name: 'web-2', projectId: 'p', decision: 'evacuate', reason: '', priority: 0, room: false },
    { id: 'c', name: 'old', projectId: 'p', decision: 'keep', reason: 'it is shelved', priority: 0, room: false },
  ],
  tells: [{ name: 'ops', address: 'ops@cloud.example', audience: 'admin' }],
  unreachable: [],
  drill: {
    ...{ unseen: null, up: true, zone: 'nova', nodes: 4, destinations: 3, roomWhy: 'none of them has 8 VCPU' },
    seats: { a: { host: 'compute-2', zone: 'nova' } },
  },
};

test('of one node the reason that Placement gives is told, and nobody to be told is a problem', () => {
  const short = answerOfNode(PREVIEW, given);
  assert.deepEqual(short.problems, ['no room now for 1 of its 2 instances: none of them has 8 VCPU']);
  assert.deepEqual([short.works, short.stranded, short.notes], [false, 1, ['1 instance would stay: it is shelved']]);
  const roomy = { ...PREVIEW, instances: PREVIEW.instances.filter((i) => i.id !== 'b') };
  assert.equal(answerOfNode(roomy, given).works, true);
  assert.match(answerOfNode({ ...roomy, tells: [] }, given).problems[0]!, /^no admin would be told/);
  assert.match(answerOfNode({ ...roomy, mode: 'confirm' }, given).notes[0]!, /^mode confirm: a person has to approve/);
});

const NODE: NodeView = {
  ...{ host: 'compute-1', serviceId: 's', zone: 'nova', status: 'enabled', state: 'up', forcedDown: false },
  ...{ disabledReason: null, updatedAt: null, hostIp: '10.0.0.1' },
};
const SIGHT = { whole: true, trouble: '', nodes: 40, failed: [], ours: [] };
const CALM = { paused: null, standDowns: [], maintenance: {}, override: false, cooling: false, open: [] };

test('a node that lives is judged by every gate but the one that says that it lives', () => {
  assert.equal(gateIfDead(policy, NODE, SIGHT, CALM), 'pass');
  assert.match(gateIfDead(DEFAULT_POLICY, NODE, SIGHT, CALM), /^observe: /);
  assert.match(gateIfDead(policy, { ...NODE, status: 'disabled' }, SIGHT, CALM), /^notOurs: /);
  assert.match(gateIfDead(policy, NODE, SIGHT, { ...CALM, paused: { by: 'ann', reason: '' } }), /^paused: /);
  assert.match(gateIfDead(policy, NODE, SIGHT, { ...CALM, open: ['compute-2', 'compute-3'] }), /^atOnce: /);
  assert.equal(
    gateIfDead(policy, NODE, SIGHT, { ...CALM, open: ['compute-1', 'compute-3'] }),
    'pass',
    'its own is none',
  );
  assert.match(gateIfDead(policy, NODE, { ...SIGHT, whole: false }, CALM), /^sight: /);
  assert.match(gateIfDead({ ...policy, carries: ['compute-*'] }, NODE, SIGHT, CALM), /^carries: /);
});

const saw = (channel: string, verdict: Evidence['verdict']): Evidence => ({
  channel,
  verdict,
  saw: 'no address',
  readAt: '',
});

test('a death is noticed only where the channels that see the node now are enough for the rule', () => {
  const seen = [saw('nova-service', 'alive'), saw('tcp', 'alive')];
  const half = [saw('nova-service', 'alive'), saw('tcp', 'unknown')];
  assert.equal(unseen(policy, 'compute-1', seen), null);
  assert.equal(unseen(policy, 'compute-1', half), 'tcp cannot tell (no address)');
  assert.equal(unseen({ ...policy, failedWhen: { any: ['nova-service', 'tcp'] } }, 'compute-1', half), null);
  assert.equal(unseen({ ...policy, failedWhen: { atLeast: 1, of: ['nova-service', 'tcp'] } }, 'compute-1', half), null);
  assert.equal(unseen(policy, 'compute-1', []), 'no channel looks at it');
  const grouped = { ...policy, groups: [{ nodes: ['gpu-*'], failedWhen: { all: ['nova-service'] } }] };
  assert.equal(unseen(grouped, 'gpu-1', half), null, 'by the rule of its group');
  assert.equal(unseen(grouped, 'compute-1', half), 'tcp cannot tell (no address)');
});

const found = (nodes: NodeDrill[], over: Partial<FleetDrill> = {}): FleetDrill => ({
  ...{ nodes, together: [], destinations: 9, zones: 1, sightTrouble: '', admins: 1, unreachable: [] },
  ...{ readAt: '2026-11-23T02:30:00.000Z', ...over },
});
const named = (node: string, over: Partial<NodeDrill> = {}): NodeDrill => ({ ...READY, node, ...over });
const broken = (detail: string): Partial<NodeDrill> => ({ power: [{ ...READY.power[0]!, power: 'unknown', detail }] });
const round = (fleet: FleetDrill, before = NO_FINDINGS, left: string[] = []) => findingsOf(fleet, left, 1, before);

test('the first round tells the score and all that is wrong; a second one that finds the same tells nothing', () => {
  const fleet = found([named('compute-1'), named('compute-2', broken('redfish: 401'))]);
  const now = round(fleet);
  const first = newsOf(NO_FINDINGS, now);
  assert.match(
    first!.headline,
    /^drill: 1 of 2 nodes would be recovered if they died now; 1 node cannot be fenced: compute-2$/,
  );
  assert.ok(first!.lines.some((l) => /^compute-2: it cannot be fenced: .*redfish: 401/.test(l)));
  assert.ok(
    first!.lines.some((l) => /npm run check reads/.test(l)),
    'what to do',
  );
  const others = found([named('compute-1'), named('compute-2', broken('redfish: no answer within 15 s'))]);
  assert.equal(newsOf(now, round(others, now)), null, 'the same trouble in other words is no news');
});

test('only what changed is told, by node: what it became, and what is over', () => {
  const before = round(found([named('a'), named('b', broken('x')), named('c')]));
  const after = found([named('a', broken('y')), named('b'), named('c', { gate: 'excluded: c is excluded' })]);
  const { headline, lines } = newsOf(before, round(after, before))!;
  assert.match(
    headline,
    /1 node would be held now: c; 1 node can no longer be fenced: a; it is over for 1 node: b; 1 of 3 nodes/,
  );
  assert.ok(lines.includes('c: it would be held: excluded: c is excluded'));
  assert.ok(lines.some((l) => /^Over: b: it cannot be fenced/.test(l)));
  assert.ok(!lines.some((l) => l.includes('first round')));
});

test('N+1 and the room in a zone are told when they go and when they are back', () => {
  const short = found([named('a', { zone: 'az1', fitsInZone: 9 }), named('b', { zone: 'az2' })], {
    ...{ zones: 2, together: [{ nodes: ['a'], moves: 12, fits: 11 }] },
  });
  const well = found([named('a', { zone: 'az1' }), named('b', { zone: 'az2' })], { zones: 2 });
  const [full, good] = [round(short), round(well)];
  const gone = newsOf(good, full)!;
  assert.match(gone.headline, /^drill: N\+1 does not hold; no room in zone az1; /);
  assert.ok(gone.lines.some((l) => l.startsWith('a gone: 3 of its 12 instances find no room in zone az1')));
  assert.match(newsOf(full, good)!.headline, /^drill: N\+1 holds again; room in zone az1 again; /);
  assert.equal(newsOf(full, round(short, full)), null);
});

test('instances that would stay are told when they become more, and not when they become fewer', () => {
  const keeps = (count: number) => found([named('a', { keeps: [{ reason: 'its disk is on the node', count }] })]);
  const [two, five] = [round(keeps(2)), round(keeps(5))];
  const { headline, lines } = newsOf(two, five)!;
  assert.match(headline, /^drill: 3 more instances would not be evacuated; 1 of 1 nodes/);
  assert.ok(lines.includes('Would stay on their node: its disk is on the node: a 5 (were 2)'));
  assert.equal(newsOf(five, two), null);
});

test('nodes that are off by us or worked on are left as they were known, and one that is gone from Nova is no news', () => {
  const before = round(found([named('a'), named('b', broken('x')), named('c', broken('x'))]));
  const fleet = found([named('a', { gate: 'notOurs: off by us' }), named('b')]);
  const now = round(fleet, stillThere(before, fleet), ['a', 'b']);
  assert.equal(newsOf(stillThere(before, fleet), now), null);
  assert.deepEqual(Object.keys(now.stopped), ['b']);
});

test('a round that cannot be made is told once, keeps what was known, and says when rounds can be made again', () => {
  const before = round(found([named('a', broken('x'))]));
  const failed = { ...before, trouble: 'Nova: 503' };
  assert.match(newsOf(before, failed)!.headline, /^drill: the round could not be made: Nova: 503/);
  assert.equal(newsOf(failed, failed), null);
  const again = newsOf(failed, round(found([named('a', broken('x'))]), failed))!;
  assert.match(again.headline, /^drill: rounds can be made again; 0 of 1/);
});

test('a pause that holds a thousand nodes is one line, and what is remembered of them fits into a result', () => {
  const nodes = Array.from({ length: 1_000 }, (_, i) => named(`compute-${i}`, { gate: 'paused: ann paused it' }));
  const now = round(found(nodes));
  const { headline, lines } = newsOf(round(found(nodes.map((n) => ({ ...n, gate: 'pass' })))), now)!;
  assert.ok(headline.length < 900 && lines.length < 6, `${headline.length}, ${lines.length}`);
  assert.ok(JSON.stringify(now).length < 400_000, `${JSON.stringify(now).length}`);
});

test('a rehearsal is refused for each thing that could touch somebody else, and for what a drill would find', () => {
  const row = { status: 'disabled' as const, forcedDown: false, disabledReason: 'rehearsal, ann' };
  const instance = {
    id: 'i',
    name: 'test-1',
    projectId: 'ours',
    decision: 'evacuate',
    reason: '',
    priority: 0,
    room: true,
  } as const;
  const p = {
    ...{ node: 'compute-7', found: true, near: [], evidence: [], row, gate: 'alive: it is', mode: 'auto', levels: [] },
    ...{ power: READY.power, instances: [instance], tells: [], unreachable: [] },
  } satisfies RecoveryPreview;
  const fleet = {
    cloud: 'prod',
    watch: { paused: null, sight: { failed: ['compute-7'], ours: [] } },
    open: [],
  } as unknown as Fleet;
  assert.deepEqual(whyNot(p, fleet, ['ours']), [], 'that it is failed itself is what it is for');
  const cases: [Partial<RecoveryPreview>, object, RegExp][] = [
    [{ row: { ...row, status: 'enabled', disabledReason: null } }, {}, /is in service: set it aside/],
    [{ row: { ...row, disabledReason: 'new fans' } }, {}, /disabled for another reason: new fans/],
    [{ row: { ...row, disabledReason: null } }, {}, /another reason: none given/],
    [{ row: { ...row, disabledReason: 'lifeboat:0198, was disabled: rehearsal' } }, {}, /disabled for another reason/],
    [{ row: { ...row, forcedDown: true } }, {}, /forced down already/],
    [
      { instances: [instance, { ...instance, name: 'web-1', projectId: 'shop' }] },
      {},
      /1 instance on compute-7 of .*web-1 \(project shop\)/,
    ],
    [{ power: [{ ...READY.power[0]!, power: 'unknown', detail: '401' }] }, {}, /cannot be fenced: .*401/],
    [{ instances: [{ ...instance, room: false }] }, {}, /no room now for 1/],
    [{ mode: 'observe' }, {}, /mode is observe/],
    [{}, { watch: null }, /no watch of prod runs/],
    [{}, { open: [{ node: 'compute-1' }] }, /something is open: compute-1/],
    [{}, { watch: { paused: null, sight: { failed: ['compute-2'], ours: [] } } }, /failed now: compute-2/],
    [{}, { watch: { paused: { by: 'bob' }, sight: null } }, /paused by bob/],
  ];
  for (const [other, around, why] of cases) {
    const found = whyNot({ ...p, ...other }, { ...fleet, ...around } as Fleet, ['ours']);
    assert.equal(found.length, 1, found.join('; '));
    assert.match(found[0]!, why);
  }
  const dark = { power: [{ ...READY.power[0]!, power: 'unknown', detail: 'no power' }] };
  assert.deepEqual(whyNot({ ...p, ...dark }, fleet, ['ours'], true), [], 'its plug was pulled, as it was asked for');
});

test('the stages of a rehearsal are seconds from the one before, in their order', () => {
  assert.deepEqual(stageSeconds({ marked: 9_540, admitted: 1_000, fenced: 8_000 }), [
    { stage: 'admitted', seconds: 1, atSeconds: 1 },
    { stage: 'fenced', seconds: 7, atSeconds: 8 },
    { stage: 'marked', seconds: 1.5, atSeconds: 9.5 },
  ]);
});
