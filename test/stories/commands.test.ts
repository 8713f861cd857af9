// Every verb as people type it: twice by one person, and by two people at the same moment. Each command is a process of its own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ReadmitReport } from '../../workflows/contract.ts';
import { until } from '../support/until.ts';
import { runScript, type Ran } from '../scripts/run-script.ts';
import { shutTemporal, tellStory, type Story } from './harness.ts';

let story: Story;
let env: Record<string, string | undefined>;

before(async () => {
  story = await tellStory({ cloud: 'said', mode: 'confirm' });
  env = {
    LIFEBOAT_CONFIG: story.config.file,
    TEMPORAL_ADDRESS: story.temporal.server.address,
    OS_CLIENT_CONFIG_FILE: story.env['OS_CLIENT_CONFIG_FILE'],
  };
  await story.lookout();
});
after(async () => {
  await story.end();
  await shutTemporal();
});

const NODE = 'compute-2';
const words = (line: string): string[] => line.split(' ');
const say = (line: string, by = 'ann', reason = 'a test'): Promise<Ran> =>
  runScript('answer', [...words(line), '--by', by, '--reason', reason], env);
const both = (line: string, other = line): Promise<Ran[]> => Promise.all([say(line, 'ann'), say(other, 'bob')]);
const said = ({ stdout, stderr }: Ran): string => (stdout + stderr).trim();

/** Done by one of them, and answered to the other in this way. */
function onceAndAgain(all: Ran[], first: RegExp, second: RegExp): void {
  const texts = all.map(said);
  assert.ok(
    texts.some((a, i) => first.test(a) && texts.some((b, j) => i !== j && second.test(b))),
    `${first} and ${second}: ${texts.join(' | ')}`,
  );
}
const refused = (ran: Ran, why: RegExp): void => {
  assert.match(ran.stderr.trim(), why);
  assert.deepEqual([ran.code, ran.stdout, ran.stderr.trim().split('\n').length], [1, '', 1]);
};

test('the watch: a pause by two people is one pause, and one resume ends it', async () => {
  const two = await both('pause');
  assert.deepEqual(
    two.map(({ code }) => code),
    [0, 0],
    two.map(said).join(' | '),
  );
  onceAndAgain(two, /^paused: nothing new/, /^paused already by (ann|bob): nothing new/);
  const first = (await story.watch()).paused?.by;
  assert.match(said(await say('pause', 'cy')), new RegExp(`^paused already by ${first}`));
  assert.equal((await story.watch()).paused?.by, first);
  onceAndAgain(await both('resume'), /^resumed \(was paused by/, /^it was not paused/);
  assert.match(said(await say('resume')), /^it was not paused/);
  assert.equal((await story.watch()).paused, null);
});

test('the watch: maintenance by two people holds for the one who needs it longer, and is ended once', async () => {
  const two = await both('maintain compute-3 --until 4h', 'maintain compute-3 --until 30m');
  assert.deepEqual(
    two.map(({ code }) => code),
    [0, 0],
    two.map(said).join(' | '),
  );
  const held = (await story.watch()).maintenance;
  const of3 = JSON.stringify(held);
  assert.match(of3, /"by":"ann"/, of3);
  assert.match(said(await say('maintain compute-3 --until 30m', 'bob')), /until \S+ already, by ann: that is longer/);
  assert.match(
    said(await say('maintain compute-3 --until 1h', 'ann')),
    /^compute-3 is under maintenance until \S+ \(was/,
  );
  onceAndAgain(await both('end-maintenance compute-3'), /is over: it is watched/, /is over: |is not under maintenance/);
  assert.match(said(await say('end-maintenance compute-3')), /^compute-3 is not under maintenance$/);
});

test('the watch: the later word of an override holds, and says what it replaces', async () => {
  const two = await both('override --until 1h', 'override --until 2h');
  onceAndAgain(two, /^until \S+ the share/, /^until \S+ \(was until \S+, by (ann|bob)\) the share/);
  assert.match(said(await say('override --until 30m', 'cy')), /\(was until/);
  assert.equal((await story.watch()).override?.by, 'cy');
  refused(
    await runScript('answer', ['override', '--until', '2d', '--by', 'ann', '--reason', 'x'], env),
    /more than 24 h/,
  );
});

test('nothing to say it to: each verb of a run says so in one line, and touches nothing', async () => {
  const verbs = ['approve', 'retry', 'skip', 'abort', 'detach', 'pause', 'resume'];
  const off = `confirm-fenced ${NODE} --node-is-off ${NODE}`;
  for (const pair of [verbs.slice(0, 4), verbs.slice(4), []]) {
    const all = await Promise.all(pair.length ? pair.map((verb) => say(`${verb} ${NODE}`)) : [say(off)]);
    for (const ran of all) refused(ran, /^no recovery or drain of compute-2 is open/);
  }
  assert.deepEqual(story.mutations(), []);
});

test('a run: paused and resumed by two, what does not fit refused, aborted by two at once, and untouched', async () => {
  await story.world.powerLoss(NODE, { withBmc: false });
  await story.started(NODE);
  await story.phase(NODE, 'approval');
  onceAndAgain(await both(`pause ${NODE}`), /^paused: nothing new/, /^paused already by (ann|bob)/);
  onceAndAgain(await both(`resume ${NODE}`), /^goes on/, /^it was not paused/);
  const [skip, off, noReason] = await Promise.all([
    say(`skip ${NODE}`),
    say(`confirm-fenced ${NODE} --node-is-off ${NODE}`),
    runScript('answer', ['detach', NODE, '--by', 'ann'], env),
  ]);
  refused(skip, /^skip: no instance waits for a person \(phase approval\)$/);
  refused(off, /^confirmFenced: the run does not wait for the fence \(phase approval\)$/);
  refused(noReason, /^detach: "reason" is missing/);
  assert.match(said(await say(`retry ${NODE}`)), /^tries again now/);
  const aborted = await both(`abort ${NODE}`);
  onceAndAgain(aborted, /^aborted: nothing new/, /^aborted already by|has ended as aborted|no recovery or drain/);
  assert.equal((await story.ends(NODE)).outcome, 'aborted');
  refused(await say(`abort ${NODE}`), /^no recovery or drain of compute-2 is open/);
  assert.deepEqual(story.mutations(), []);
});

test('a run: detached by two people at once, it is one person’s, and stays untouched', async () => {
  const started = await runScript('start-recovery', [NODE, '--detach', '--by', 'ann'], env);
  assert.equal(started.code, 0, said(started));
  await story.phase(NODE, 'approval');
  const two = await both(`detach ${NODE}`);
  onceAndAgain(
    two,
    /^compute-2 is yours: nothing more is done with it/,
    /detached by (ann|bob)|has ended as|no recovery or drain/,
  );
  const report = await story.ends(NODE);
  assert.equal(report.outcome, 'detached');
  assert.equal(report.decisions.filter(({ what }) => what === 'detached').length, 1);
  refused(await say(`detach ${NODE}`), /^no recovery or drain of compute-2 is open/);
  assert.deepEqual(story.mutations(), []);
});

test('a run: approved by two people at once it is fenced once; then nothing is left to say', async () => {
  const twice = await Promise.all(
    ['ann', 'bob'].map((by) => runScript('start-recovery', [NODE, '--detach', '--by', by], env)),
  );
  for (const ran of twice) assert.equal(ran.code, 0, said(ran));
  onceAndAgain(twice, /started the recovery/, /runs already/);
  await story.phase(NODE, 'approval');
  onceAndAgain(await both(`approve ${NODE}`), /^approved: reads the evidence again/, /^approved already$/);
  const report = await story.ends(NODE, 90_000);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.decisions.filter(({ what }) => what === 'approved').length, 1);
  refused(await say(`retry ${NODE}`), /^no recovery or drain of compute-2 is open/);
  story.audit({}, report);
});

test('readmit: dead hardware by two at once is one answer and deletes nothing; then it comes back once', async () => {
  const readmit = (...args: string[]): Promise<Ran> => runScript('readmit', [NODE, ...args], env);
  const before = story.mutations();
  const dead = await Promise.all(['ann', 'bob'].map((by) => readmit('--dead', '--by', by, '--json')));
  for (const ran of dead) {
    assert.equal(ran.code, 0, said(ran));
    const { outcome, reason } = JSON.parse(ran.stdout) as ReadmitReport;
    assert.equal(outcome, 'mayBeDeleted', reason);
    assert.match(reason, /openstack compute service delete [0-9a-f-]{36}/);
  }
  assert.deepEqual(story.mutations(), before);
  const back = await Promise.all(['ann', 'bob'].map((by) => readmit('--by', by)));
  for (const ran of back) assert.equal(ran.code, 0, said(ran));
  const ons = () => story.mutations().filter((call) => call === `On ${NODE}`).length;
  assert.equal(ons(), 1, story.mutations().join('\n'));
  await until(() => story.world.truth().nodes[NODE]?.up, { what: 'it is up' });
  const again = await readmit('--by', 'cy');
  assert.equal(again.code, 0, said(again));
  assert.match(again.stdout, /alreadyEnabled/);
  const alive = await readmit('--dead', '--by', 'cy');
  assert.equal(alive.code, 1, `a node that lives may not be deleted: ${said(alive)}`);
  assert.equal(ons(), 1);
});
