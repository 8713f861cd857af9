// What a person types, against a whole Lifeboat and a simulated data centre: every command is a process of its own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RecoveryPreview, ReadmitReport } from '../../workflows/contract.ts';
import type { Fleet } from '../../scripts/cli/fleet.ts';
import { resumeWatchUpdate } from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory, type Story } from '../stories/harness.ts';
import { runScript, startScript, type Ran } from './run-script.ts';

let story: Story;
let env: Record<string, string | undefined>;
const run = (name: string, ...args: string[]): Promise<Ran> => runScript(name, args, env);

before(async () => {
  story = await tellStory({ cloud: 'typed', mode: 'confirm', console: 'https://temporal.cloud.example/' });
  env = {
    LIFEBOAT_CONFIG: story.config.file,
    TEMPORAL_ADDRESS: story.temporal.server.address,
    OS_CLIENT_CONFIG_FILE: process.env.OS_CLIENT_CONFIG_FILE,
  };
  await story.lookout();
});

after(async () => {
  await story.end();
  await shutTemporal();
});

test('a healthy cloud: status is 0, watch --once says exactly "No failed nodes", check finds only the broken power device', async () => {
  story.world.bmc('compute-3', { wrongPassword: true });
  const [status, watch, check] = await Promise.all([run('status'), run('watch', '--once'), run('check')]);
  story.world.bmc('compute-3', null);
  assert.equal(status.code, 0, status.stdout + status.stderr);
  assert.match(status.stdout, /^typed: all is well\n/);
  assert.match(status.stdout, /last sign \d+(\.\d)? s ago/);
  assert.match(status.stdout, /first evacuation at most [\d.]+ s after a node's death/);
  assert.deepEqual([watch.code, watch.stdout], [0, 'No failed nodes\n'], watch.stderr);
  assert.equal(check.code, 1, check.stdout);
  assert.match(check.stdout, /^FAIL +fencing +compute-3, bmc +.*\n +→ .*by hand: /m);
  for (const node of ['compute-1', 'compute-2', 'compute-4'])
    assert.match(check.stdout, new RegExp(`^ok +fencing +${node}, bmc +on, identity confirmed`, 'm'));
  assert.equal(check.stdout.match(/^FAIL/gm)?.length, 1, check.stdout);
  assert.ok(!check.stdout.includes(story.world.node('compute-3').redfish.password));
  assert.deepEqual(story.mutations(), [], 'looking changes nothing');
});

test('a recovery of a node that lives is denied, and one of an unknown node names those that are near', async () => {
  const [alive, unknown] = await Promise.all([run('start-recovery', 'compute-1'), run('start-recovery', 'compute-9')]);
  assert.equal(alive.code, 1, alive.stderr);
  assert.match(
    alive.stdout,
    /^started the recovery of compute-1: https:\/\/temporal\.cloud\.example\/namespaces\/default\//,
  );
  assert.match(alive.stdout, /\ncompute-1: denied — compute-1 is alive/);
  assert.equal(unknown.code, 1, unknown.stderr);
  assert.match(unknown.stdout, /there is no compute node compute-9 \(near: compute-1, /);
  assert.deepEqual(story.mutations(), []);
});

test('a dry run shows what would happen and touches nothing', async () => {
  const dry = await run('start-recovery', 'compute-2', '--dry-run', '--json');
  const preview = JSON.parse(dry.stdout) as RecoveryPreview;
  assert.equal(dry.code, 1, 'it would not begin: the node lives');
  assert.match(preview.gate, /^alive: /);
  assert.deepEqual(
    preview.power.map((p) => p.power),
    ['on'],
  );
  assert.equal(preview.instances.length, story.on('compute-2').size);
  assert.ok(preview.instances.every((i) => i.decision === 'evacuate' && i.room));
  assert.ok(preview.tells.some((t) => t.audience === 'admin') && preview.tells.some((t) => t.audience === 'user'));
  assert.deepEqual(story.mutations(), []);
});

test('a dead node from the question to the report: joined, answered, followed to the end, and brought back', async () => {
  await story.world.powerLoss('compute-2', { withBmc: false });
  await story.phase('compute-2', 'approval');
  const leaving = startScript('start-recovery', ['compute-2'], env);
  const following = startScript('start-recovery', ['compute-2', '--by', 'bea', '--json'], env);
  await until(() => leaving.output().includes('update approve with {"by":"your name"}'), {
    what: 'it is asked',
    timeoutMs: 60_000,
  });
  leaving.interrupt();
  const left = await leaving.ended;
  assert.equal(left.code, 130, 'Ctrl-C ends the looking only');
  assert.match(left.stdout, /a recovery of this node runs already, you have joined it/);
  assert.match(left.stdout, /detached: typed\/compute-2 goes on without you\n$/);
  await until(() => following.output().includes('A person is needed'), {
    what: 'the other one is asked too',
    timeoutMs: 60_000,
  });

  const [status, refused, readmit] = await Promise.all([
    run('status', '--json'),
    run('answer', 'confirm-fenced', 'compute-2', '--node-is-off', 'compute-2'),
    run('readmit', 'compute-2'),
  ]);
  const fleet = JSON.parse(status.stdout) as Fleet;
  assert.deepEqual([status.code, fleet.well], [1, false]);
  assert.ok(fleet.reasons.includes('compute-2: a recovery is open, and a person is needed'), fleet.reasons.join('\n'));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^confirmFenced: the run does not wait for the fence \(phase approval\)\n$/);
  assert.equal(readmit.code, 1);
  assert.match(readmit.stdout, /^compute-2 cannot be readmitted while its recovery is open/);

  const approved = await run('answer', 'approve', 'compute-2', '--reason', 'seen');
  assert.deepEqual([approved.code, approved.stderr], [0, '']);
  const end = await following.ended;
  assert.equal(end.code, 0, end.stderr);
  const report = JSON.parse(end.stdout) as Awaited<ReturnType<ReturnType<Story['run']>['result']>>;
  assert.equal(report.outcome, 'recovered');
  assert.ok(report.decisions.some((d) => d.by === 'bea' && d.what.includes('joined')));
  assert.match(end.stderr, /proven off \(power, bmc\)/);
  for (const { name, host } of report.instances) assert.ok(end.stderr.includes(`${name} recovered on ${host}`), name);
  story.audit({}, report);

  // Another spelling leads to the operation under the node's exact name.
  const back = await run('readmit', 'COMPUTE-2.example', '--json');
  assert.equal(back.code, 0, back.stderr);
  assert.match(back.stderr, /the node's name is compute-2: its readmission is the workflow typed\/compute-2\n/);
  const { outcome, destroys } = JSON.parse(back.stdout) as ReadmitReport;
  assert.deepEqual([outcome, destroys.length], ['readmitted', report.instances.length]);
  assert.match(back.stderr, /waits for its nova-compute to start[\s\S]*watches whether it stays up/);
});

test('maintenance and an override are said to the watch; a mistake is refused in one line; status shows them', async () => {
  const maintained = await run('answer', 'maintain', 'Compute-3', '--until', '4h', '--by', 'cy', '--reason', 'memory');
  assert.match(maintained.stdout, /^compute-3 is under maintenance until /);
  const unknown = await run('answer', 'maintain', 'compute-99', '--until', '4h', '--by', 'cy');
  assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
  assert.match(unknown.stderr, /there is no compute node compute-99/);
  const bare = await run('answer', 'override', '--until', '1h', '--by', 'cy');
  assert.match(bare.stderr, /"reason" is missing/);
  const shown = await run('status');
  assert.match(shown.stdout, /maintenance +compute-3 until .* by cy: memory/);
  const over = await run('answer', 'end-maintenance', 'compute-3', '--by', 'cy');
  assert.match(over.stdout, /the maintenance of compute-3 is over/);
});

test('a pause without a node is said to the watch, with the name of who said it', async () => {
  const paused = await run('answer', 'pause', '--by', 'cy', '--reason', 'works on the switch');
  assert.match(paused.stdout, /^paused: nothing new is fenced or evacuated/);
  assert.equal((await story.watch()).paused?.by, 'cy');
  await story.watchHandle().executeUpdate(resumeWatchUpdate, { args: [{ by: 'cy' }] });
});
