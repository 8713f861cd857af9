// People decide: what they hold is left alone, what they start, approve, pause or abort is done, and a refusal says why.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { previewId, taskQueues, WORKFLOW_TYPES, type RecoveryPreview } from '../../workflows/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import type { World } from '../world/world.ts';
import { ADMIN, shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

const WIDE = { atOnce: 4, share: 0.5, perHour: 20 };
const EIGHT = { nodes: 8, instances: 40 };

test('mode observe touches nothing, says what it would do, and a start by hand is denied', async (t) => {
  const s = await tellStory({ mode: 'observe' });
  t.after(() => s.end());
  await s.lookout();
  const here = s.on('compute-2');
  await s.world.crash('compute-2');
  await s.adminMail(/compute-2 is failed; in mode confirm or auto Lifeboat would recover it now/);
  const { held, mode } = await s.watch();
  assert.equal(mode, 'observe');
  assert.match(held['compute-2'] ?? '', /^observe: .*set mode: confirm or auto/);

  const denied = await startAndEnd(s, 'compute-2', { force: true });
  assert.equal(denied.outcome, 'denied');
  assert.match(denied.reason, /the mode is observe/);
  const preview = await previewOf(s, 'compute-2');
  assert.match(preview.gate, /^observe: /);
  assert.deepEqual(
    preview.power.map((p) => p.power),
    ['on'],
  );
  assert.deepEqual(preview.instances.map((i) => i.name).sort(), [...here.keys()].sort());
  assert.ok(preview.instances.every((i) => i.decision === 'evacuate' && i.room));
  assert.ok(preview.tells.some((p) => p.audience === 'user') && preview.tells.some((p) => p.address === ADMIN));

  await s.sweeps(3);
  assert.deepEqual(s.mutations(), []);
  assert.equal(s.world.mailbox.mails.length, 1, 'one mail to the admins, none to users');
  s.audit({ maxNodesFenced: 0 });
});

test('a node held by a person is left alone and paged once; by hand it is recovered, and what denies that says why', async (t) => {
  const s = await tellStory({
    world: EIGHT,
    sections: { limits: WIDE, carries: ['compute-7'], exclude: ['compute-8'] },
  });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  const here = s.on('compute-1');
  world.disableByPerson('compute-1', 'broken DIMM, ticket 7');
  await Promise.all(['compute-1', 'compute-7', 'compute-8'].map((n) => world.crash(n)));
  const page = await s.adminMail(/compute-1 is down .*not ours/);
  const text = `${page.subject}\n${page.text}`;
  assert.match(
    text,
    new RegExp(`with ${here.size} instances and not ours: disabled by a person: broken DIMM, ticket 7`),
  );
  assert.match(text, /npm run start-recovery -- compute-1/);
  await s.adminMail(/compute-7 is failed and left alone: .*carries Lifeboat or Temporal and is never fenced/);
  await s.adminMail(/compute-8 is failed and left alone: .*excluded by the configuration/);
  await s.sweeps(3);
  assert.deepEqual(s.mutations(), []);

  const denials = [
    ['compute-7', 'denied', /carries Lifeboat or Temporal and is never fenced/],
    ['compute-8', 'denied', /excluded by the configuration/],
    ['compute-3', 'denied', /compute-3 is alive/],
    ['compute-33', 'denied', /no compute node compute-33 \(near: .*compute-3/],
    ['COMPUTE-1', 'joined', /the node's name is compute-1: its recovery is the workflow .*compute-1/],
  ] as const;
  for (const [node, outcome, why] of denials) {
    const report = await startAndEnd(s, node, { force: true });
    assert.equal(report.outcome, outcome, `${node}: ${report.reason}`);
    assert.match(report.reason, why);
  }
  const report = await s.ends('compute-1');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.counts.recovered, here.size);

  // An abort of a fence that cannot be proven leaves nothing in Nova that would hold back the next sweep: the watch does.
  world.bmc('compute-4', { saysOkStaysOn: true });
  await world.crash('compute-4');
  await s.started('compute-4');
  await s.phase('compute-4', 'blocked');
  await s.run('compute-4').executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann', reason: 'goes there' }] });
  assert.equal((await s.ends('compute-4')).outcome, 'aborted');
  await s.adminMail(/compute-4 is failed and not recovered: a person stopped .*start-recovery -- compute-4/);
  const before = await runIds(s, ['compute-4']);
  await s.sweeps(5);
  assert.deepEqual(await runIds(s, ['compute-4']), before, 'it is not started again');
  assert.equal(adminMails(world, /compute-1 is down/), 1, 'paged once');
  assert.equal(
    adminMails(world, /compute-1 is (not failed any more|alive again)/),
    0,
    'it is dead, and nobody is told otherwise',
  );
  s.audit({ maxNodesFenced: 2 }, report);
});

test('mode confirm waits for approve; a refusal says why; what was aborted untouched stays so until its node lived or is named', async (t) => {
  const s = await tellStory({ world: EIGHT, mode: 'confirm', sections: { limits: WIDE } });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  await Promise.all([world.crash('compute-1'), world.crash('compute-2'), world.hang('compute-3')]);
  const nodes = ['compute-1', 'compute-2', 'compute-3'];
  for (const n of nodes) {
    await s.started(n);
    await s.phase(n, 'approval');
    await s.adminMail(new RegExp(`${n} looks dead. Fence it and evacuate 5 of its 5 instances\\?[^]*approve[^]*abort`));
  }
  const run = s.run('compute-1');
  const by = { by: 'ann' };
  await refused(
    run.executeUpdate(verbs.approveUpdate, { args: [{} as never] }),
    /approve: "by" is missing: who are you/,
  );
  await refused(run.executeUpdate(verbs.abortUpdate, { args: ['stop' as never] }), /abort: "by" is missing/);
  await refused(
    run.executeUpdate(verbs.confirmFencedUpdate, { args: [{ ...by, node: 'compute-1' }] }),
    /confirmFenced: the run does not wait for the fence \(phase approval\)/,
  );
  await refused(
    run.executeUpdate(verbs.skipUpdate, { args: [{ ...by, instance: 'web' }] }),
    /skip: no instance web waits for a person \(waiting: none\)/,
  );
  assert.equal(s.powerCalls(), 0, 'nothing was even asked of a BMC before the approval');

  const answer = await s
    .run('compute-2')
    .executeUpdate(verbs.abortUpdate, { args: [{ ...by, reason: 'I repair it' }] });
  assert.match(answer, /nothing new begins\. Nothing was in flight/);
  await s.run('compute-3').cancel();
  for (const n of ['compute-2', 'compute-3']) {
    const report = await s.ends(n);
    assert.equal(report.outcome, 'aborted', report.reason);
    assert.match(report.reason, n === 'compute-2' ? /ann: I repair it/ : /a cancel in the console/);
    assert.equal((await s.run(n).describe()).status.name, 'COMPLETED');
    await s.adminMail(new RegExp(`${n} is failed and not recovered: a person stopped .*start-recovery -- ${n}`));
  }
  const before = await runIds(s, nodes);
  await s.sweeps(5);
  assert.deepEqual(await runIds(s, nodes), before, 'none is started again');
  assert.deepEqual(s.mutations(), []);
  s.audit({ maxNodesFenced: 0 });

  await run.executeUpdate(verbs.approveUpdate, { args: [by] });
  await world.thaw('compute-3');
  await until(async () => !(await s.watch()).standDowns.includes('compute-3'), { what: 'compute-3 was seen alive' });
  await world.hang('compute-3');
  const named = await s.start('compute-2');
  for (const n of ['compute-2', 'compute-3']) {
    await until(async () => (await runIds(s, [n]))[0] !== before[nodes.indexOf(n)], { what: `${n} runs again` });
    await s.phase(n, 'approval');
    await s.run(n).executeUpdate(verbs.approveUpdate, { args: [by] });
  }
  const reports = await Promise.all(nodes.map((n) => s.ends(n)));
  for (const r of reports) assert.equal(r.outcome, 'recovered', `${r.node}: ${r.reason}`);
  assert.equal(reports[1]?.runId, (await named.describe()).runId);
  assert.ok(reports[0]?.decisions.some((d) => d.by === 'ann' && d.what === 'approved'));
  s.audit({ runs: reports.map(({ node, instances }) => ({ node, instances })), ended: true, maxOffsPerNode: 1 });
});

test('a pause, an abort and a cancel in the middle: what runs is watched to its end, nothing new begins, nothing starts again', async (t) => {
  const s = await tellStory({ world: EIGHT, sections: { limits: WIDE, evacuation: { perNode: 2 } } });
  t.after(() => s.end());
  await s.lookout();
  const { world } = s;
  for (const n of world.nodes) world.holdSpawns(n.name);
  const nodes = ['compute-1', 'compute-2', 'compute-3'];
  await Promise.all(nodes.map((n) => world.crash(n)));
  await until(() => nodes.every((n) => posts(world, n) === 2), { what: 'each moves two of five', timeoutMs: 40_000 });
  const by = { by: 'ann', reason: 'looks herself' };

  // The pause reaches what runs, and what is not begun yet.
  await refused(
    s.watchHandle().executeUpdate(verbs.pauseWatchUpdate, { args: [{} as never] }),
    /pause: "by" is missing/,
  );
  const paused = await s.watchHandle().executeUpdate(verbs.pauseWatchUpdate, { args: [by] });
  for (const n of nodes)
    assert.match(
      paused,
      new RegExp(`${n}: paused: nothing new begins. Sent before and watched to the end: \\S+, \\S+\\.`),
    );
  await world.crash('compute-4');
  await until(async () => (await s.watch()).held['compute-4'], { what: 'the fourth is seen' });
  assert.match((await s.watch()).held['compute-4'] ?? '', /^paused: paused by ann: looks herself/);

  const aborted = await s.run('compute-1').executeUpdate(verbs.abortUpdate, { args: [by] });
  assert.match(aborted, /Sent before and watched to the end: \S+, \S+\. Should compute-1 come back .* fenced again/);
  await s.run('compute-2').cancel();
  await s.phase('compute-2', 'aborting');
  for (const n of world.nodes) world.letSpawn(n.name);
  const stopped = [await s.ends('compute-1'), await s.ends('compute-2')];
  for (const r of stopped) {
    assert.equal(r.outcome, 'aborted', r.reason);
    assert.deepEqual([r.counts.recovered, r.counts.waiting], [2, 3]);
    assert.ok(r.instances.every((i) => i.outcome === 'recovered' || /left on the node: aborted by/.test(i.reason)));
    assert.equal((await s.run(r.node).describe()).status.name, 'COMPLETED');
    assert.equal(world.truth().nodes[r.node]?.reason, `lifeboat:${r.runId}:aborted`);
  }
  const before = await runIds(s, ['compute-1', 'compute-2']);
  await s.sweeps(5);
  assert.deepEqual(await runIds(s, ['compute-1', 'compute-2']), before, 'no sweep starts them again');
  assert.deepEqual(
    ['compute-1', 'compute-2', 'compute-3', 'compute-4'].map((n) => posts(world, n)),
    [2, 2, 2, 0],
    'nothing new began in the pause',
  );
  assert.ok(!world.log.of('power-command').some((c) => c.node === 'compute-4'));

  // A pause of one run holds that one only.
  const resumed = await s.watchHandle().executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'bob' }] });
  assert.match(resumed, /resumed \(was paused by ann\)\..*compute-3: goes on/);
  await s.started('compute-4');
  const again = await s.run('compute-4').executeUpdate(verbs.pauseUpdate, { args: [by] });
  assert.match(again, /^paused: nothing new begins/);
  assert.equal((await s.phase('compute-4', 'paused')).paused?.by, 'ann');
  const sent = posts(world, 'compute-4');
  const third = await s.ends('compute-3');
  await s.sweeps(3);
  assert.equal(posts(world, 'compute-4'), sent, 'nothing new');
  assert.equal(await s.run('compute-4').executeUpdate(verbs.resumeUpdate, { args: [{ by: 'bob' }] }), 'goes on');
  const reports = [...stopped, third, await s.ends('compute-4')];
  assert.deepEqual(
    reports.map((r) => r.outcome),
    ['aborted', 'aborted', 'recovered', 'recovered'],
  );
  const runs = reports.map(({ node, instances }) => ({ node, instances }));
  s.audit({ runs, ended: true, limits: { perNode: 2 }, maxOffsPerNode: 1 });
});

async function startAndEnd(s: Story, node: string, input: { force?: boolean }): ReturnType<Story['ends']> {
  const run = await s.start(node, input);
  return run.result();
}

function previewOf(s: Story, node: string): Promise<RecoveryPreview> {
  return s.temporal.env.client.workflow.execute(WORKFLOW_TYPES.preview, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: previewId(s.cloud, node, 1),
    args: [{ cloud: s.cloud, node, force: false, policy: s.config.policy }],
  });
}

/** A refused update leaves no trace in the history; what its validator said is the error's cause. */
const refused = (update: Promise<unknown>, why: RegExp): Promise<void> =>
  assert.rejects(update, (e: unknown) => e instanceof WorkflowUpdateFailedError && why.test(e.cause?.message ?? ''));

const runIds = (s: Story, nodes: string[]): Promise<string[]> =>
  Promise.all(nodes.map(async (n) => (await s.run(n).describe()).runId));

const posts = (world: World, node: string): number => world.log.of('evacuate').filter((e) => e.source === node).length;

const adminMails = (world: World, text: RegExp): number =>
  world.mailbox.to(ADMIN).filter((m) => text.test(`${m.subject}\n${m.text}`)).length;
