// What a drill makes of what was read: what would not work, how long it takes, and which node is the worst.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOfFleet, answerOfNode } from '../../scripts/drill/answer.ts';
import { estimate, paceOf } from '../../scripts/drill/duration.ts';
import { judge, type Drilled } from '../../scripts/drill/judge.ts';
import type { FleetDrill, NodeDrill, RecoveryPreview } from '../../workflows/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
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
