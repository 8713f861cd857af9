// What people read: the lines of a followed recovery, the reasons of a status, the rows of a check.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunState, WatchState } from '../../workflows/contract.ts';
import type { Account, RecoveryReport } from '../../workflows/domain.ts';
import { createSecrets } from '../../workers/secrets.ts';
import { secretsIn } from '../../scripts/check/configuration.ts';
import { probe } from '../../scripts/check/row.ts';
import { reasonsOf, type Fleet } from '../../scripts/cli/fleet.ts';
import { ago, table, type Feed, type Out } from '../../scripts/cli/print.ts';
import { recoveryView } from '../../scripts/cli/recovery-view.ts';

const NOW = '2026-08-01T10:00:00.000Z';
const plain = { isTTY: false } as Out;

function written(): { feed: Feed; lines: string[] } {
  const lines: string[] = [];
  return { lines, feed: { line: (text) => void lines.push(text), live: () => undefined, end: () => undefined } };
}

const account = (name: string, outcome: Account['outcome'], more: Partial<Account> = {}): Account => ({
  ...{ id: `id-${name}`, name, projectId: 'p', userId: 'u', outcome, reason: '', host: null, at: NOW },
  ...more,
});

const STATE: RunState = {
  ...{ cloud: 'prod', node: 'compute-7', phase: 'evacuating', doing: 'moves them', startedAt: NOW },
  ...{ question: null, evidence: [], proof: null, paused: null, instances: [], stages: {}, plan: null, report: null },
  guard: { seeing: 'off', at: NOW, saw: 'off' },
};

test('each change is one line, and what did not change is not said again', () => {
  const { feed, lines } = written();
  const view = recoveryView(feed, plain);
  const moved = account('web-1', 'recovered', { host: 'compute-4' });
  const moving = { id: 'id-web-2', name: 'web-2', outcome: 'moving' as const, reason: '' };
  view.show(STATE);
  view.show(STATE);
  view.show({ ...STATE, instances: [moved, moving] });
  view.show({ ...STATE, instances: [moved, moving] });
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /evacuating: moves them$/);
  assert.match(lines[1]!, /web-1 recovered on compute-4$/);
});

test('a question shows every answer for this shell and as the JSON to paste', () => {
  const { feed, lines } = written();
  const answers = [{ verb: 'confirmFenced', json: '{"by":"your name","node":"compute-7"}', means: 'its power is off' }];
  const question = { what: 'compute-7 could not be proven off', answers, commands: ['ipmitool …'], since: NOW };
  recoveryView(feed, plain).show({ ...STATE, phase: 'blocked', question });
  const text = lines.join('\n');
  assert.match(text, /A person is needed: compute-7 could not be proven off/);
  assert.match(text, /npm run answer -- confirm-fenced compute-7 --node-is-off compute-7/);
  assert.match(text, /update confirmFenced with \{"by":"your name","node":"compute-7"\}/);
  assert.match(text, /ipmitool …/);
});

test('the report names every instance that was not shown before, with its reason and what was lost', () => {
  const { feed, lines } = written();
  const view = recoveryView(feed, plain);
  const moved = account('web-1', 'recovered', { host: 'compute-4' });
  const failed = account('db-1', 'failed', { reason: 'No valid host', loses: 'its memory' });
  view.show({ ...STATE, instances: [moved] });
  const counts = { recovered: 1, moved: 0, kept: 0, gone: 0, waiting: 0, failed: 1 };
  const report: RecoveryReport = {
    ...{ cloud: 'prod', node: 'compute-7', workflowId: 'prod/compute-7', runId: 'r', outcome: 'partial', reason: '' },
    ...{ startedAt: NOW, endedAt: NOW, evidence: [], proof: null, stages: { admitted: 10 }, counts, decisions: [] },
    instances: [moved, failed],
  };
  view.report(report);
  const text = lines.join('\n');
  assert.equal(text.match(/web-1/g)?.length, 1);
  assert.match(text, /db-1 failed: No valid host; its memory/);
  assert.match(text, /compute-7: partial\n +instances +1 recovered, 1 failed\n/);
});

const WATCH: WatchState = {
  ...{ cloud: 'prod', mode: 'auto', policyHash: 'h', paused: null, open: [], standDowns: [], held: {}, alarms: [] },
  ...{ maintenance: {}, override: null },
  sight: { whole: true, nodes: 3, alive: 3, failed: [], ours: [], unknown: 0, readAt: NOW, trouble: '' },
  deathToFirstPostMs: 57_000,
};
const polled = (workers: string[]): Fleet['workers'] => [
  { queue: 'fencing', name: 'lifeboat-prod-fencing', role: 'fencing', workers, seen: workers.length },
];
const WELL = {
  ...{ cloud: 'prod', watch: WATCH, open: [], workers: polled(['w']) },
  sweep: { agoMs: 900, worker: 'w', nodes: 3, notWhole: 0 },
};

test('nothing to say of a fleet that is well', () => assert.deepEqual(reasonsOf(WELL, 'hint'), []));

const UNWELL: [string, Partial<typeof WELL> | { watch: null } | { sweep: null }, RegExp][] = [
  ['a watch that is gone', { watch: null }, /^no watch of prod runs: nobody watches its nodes \(hint\)$/],
  ['no sweep', { sweep: null }, /^no sweep runs/],
  ['a sweep that is silent', { sweep: { ...WELL.sweep, agoMs: 61_000 } }, /^the last sign of the sweep is 61 s old$/],
  ['lists that are not whole', { sweep: { ...WELL.sweep, notWhole: 4 } }, /^the last 4 lists of nodes were not whole/],
  ['a role without a worker', { workers: polled([]) }, /^no worker polls lifeboat-prod-fencing \(role fencing\)$/],
  [
    'a held node',
    { watch: { ...WATCH, held: { 'compute-3': 'share: too many' } } },
    /^compute-3 is held: share: too many$/,
  ],
  ['a stand-down', { watch: { ...WATCH, standDowns: ['compute-3'] } }, /^compute-3 is stood down/],
  ['an alarm', { watch: { ...WATCH, alarms: ['blind'] } }, /^alarm: blind$/],
  ['a pause', { watch: { ...WATCH, paused: { by: 'cy', reason: 'works', at: NOW } } }, /^paused by cy at .*: works$/],
  [
    'a node off by us',
    { watch: { ...WATCH, sight: { ...WATCH.sight!, failed: ['n'], ours: ['n'] } } },
    /^n is off by us/,
  ],
];
for (const [what, change, reason] of UNWELL) {
  test(`${what} is a reason why not all is well`, () => {
    const [said, ...more] = reasonsOf({ ...WELL, ...change } as typeof WELL, 'hint');
    assert.match(said ?? 'nothing', reason);
    assert.deepEqual(more, []);
  });
}

test('a probe that throws is a failed row without the secret that its error holds', async () => {
  const secrets = createSecrets({ env: { BMC_PASSWORD: 'hunter-22' } });
  const row = await probe({ secrets }, { part: 'fencing', what: 'compute-1', todo: 'look' }, () =>
    Promise.reject(new Error('login as lifeboat:hunter-22\nfailed')),
  );
  assert.deepEqual(row, {
    part: 'fencing',
    what: 'compute-1',
    verdict: 'fail',
    says: 'login as lifeboat:*** failed',
    todo: 'look',
  });
});

test('every secret that the file names is found once; one that depends on the node is left to its device', () => {
  const device = (password: object): object => ({ driver: 'redfish', options: { user: 'u', password }, perNode: {} });
  const levels = [
    { name: 'bmc', devices: [device({ env: 'BMC' }), device({ env: 'BMC' }), device({ file: '/s/{node}' })] },
  ];
  const channels = [{ driver: 'email', options: { host: 'h', password: { file: '/etc/mail' } } }];
  const found = secretsIn({ fencing: { levels }, notification: { channels } } as unknown as Parameters<
    typeof secretsIn
  >[0]);
  assert.deepEqual(found, [{ env: 'BMC' }, { file: '/etc/mail' }]);
});

test('durations read as people say them, and columns stand under each other', () => {
  assert.deepEqual([0, 400, 1_000, 41_000, 125_000, 3_600_000 * 3].map(ago), [
    '0 s',
    '0.4 s',
    '1 s',
    '41 s',
    '2 min 5 s',
    '3 h 0 min',
  ]);
  assert.deepEqual(
    table([
      ['a', 'bc'],
      ['abc', 'd'],
    ]),
    ['a    bc', 'abc  d'],
  );
});
