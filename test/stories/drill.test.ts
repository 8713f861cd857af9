// "What if it died now", and "what happened": asked of a whole Lifeboat, with nothing touched by the question.
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { FleetAnswer, NodeAnswer } from '../../scripts/drill/answer.ts';
import type { ReportDocument } from '../../activities/notification/report/document.ts';
import { drillsId, type FleetDrill, type RecoveryPreview } from '../../workflows/contract.ts';
import type { DrillFindings } from '../../workflows/drill/findings.ts';
import { ensureDrill } from '../../workers/drill-schedule.ts';
import { runScript, type Ran } from '../scripts/run-script.ts';
import { until } from '../support/until.ts';
import { ADMIN, shutTemporal, tellStory, type Story } from './harness.ts';

let story: Story;
let folder: string;
let env: Record<string, string | undefined>;
const run = (name: string, ...args: string[]): Promise<Ran> => runScript(name, args, env);
type OfNode = NodeAnswer & { preview: RecoveryPreview };
type OfFleet = FleetAnswer & { fleet: FleetDrill };
const parse = <T>({ stdout, stderr }: Ran): T => {
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout) as T;
};

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lifeboat-report-'));
  story = await tellStory({
    ...{ cloud: 'drilled', world: { instances: 12 } },
    // What a busy machine delays is no finding: a device is given seconds, and a held instance may be held for as long as a command takes.
    sections: {
      reports: { keep: path.join(folder, 'kept') },
      timings: { powerStatus: '2m', stuck: '3h', ready: '10m' },
    },
  });
  env = { LIFEBOAT_CONFIG: story.config.file, TEMPORAL_ADDRESS: story.temporal.server.address, ...story.env };
  await story.lookout();
});

after(async () => {
  await story.end();
  await shutTemporal();
  await rm(folder, { recursive: true });
});

/** What changed in the data centre by the work: nothing, if all is well. */
async function touched(work: () => Promise<void>): Promise<string[]> {
  const [calls, mails, truth] = [story.mutations().length, story.world.mailbox.mails.length, instancesNow()];
  await work();
  assert.equal(story.world.mailbox.mails.length, mails, 'nobody is told of a drill');
  assert.deepEqual(instancesNow(), truth);
  return story.mutations().slice(calls);
}

const instancesNow = (): unknown =>
  Object.entries(story.world.truth().instances).map(([id, i]) => [id, i.host, i.vmState, i.taskState, i.locked]);

test('a drill of a healthy node: it would work, every device was read, everything has a seat elsewhere, nothing was touched', async () => {
  const power = story.powerCalls();
  const changed = await touched(async () => {
    const ran = await run('drill', 'compute-2', '--json');
    const { works, problems, moves, time, preview } = parse<OfNode>(ran);
    assert.deepEqual([ran.code, works, problems], [0, true, []], ran.stdout);
    assert.equal(moves, story.on('compute-2').size);
    assert.equal(preview.gate, 'pass', 'judged as if it had died, not as what it is');
    assert.deepEqual(
      preview.power.map((p) => p.power),
      ['on'],
    );
    for (const i of preview.instances) assert.ok(preview.drill?.seats[i.id]?.host.match(/^compute-[134]$/), i.name);
    assert.ok(preview.tells.some((t) => t.address === ADMIN) && preview.tells.some((t) => t.audience === 'user'));
    assert.ok(time.allMs! > time.firstMs);
    assert.match(time.how, /assumed: no recovery is in the history/);
  });
  assert.deepEqual(changed, []);
  assert.ok(story.powerCalls() > power, 'the device was read');
});

test('a drill of the fleet: worst first, and what would not fit, could not be fenced or would be held, with nothing touched', async () => {
  const { world } = story;
  world.bmc('compute-3', { wrongPassword: true });
  const changed = await touched(async () => {
    const [text, ran] = [await run('drill', '--all'), await run('drill', '--all', '--json')];
    const { works, nodes, together, fleet } = parse<OfFleet>(ran);
    assert.deepEqual([text.code, ran.code, works], [1, 1, false]);
    assert.match(text.stdout, /^drilled: 3 of 4 nodes would be recovered if they died now/);
    assert.match(text.stdout, /N\+1: compute-\d gone: all \d+ instances find room/);
    assert.equal(nodes[0]?.node, 'compute-3');
    assert.match(nodes[0].problems.join(), /^it cannot be fenced: level bmc could not prove it off: .*password|auth/i);
    assert.ok(!ran.stdout.includes(world.node('compute-3').redfish.password));
    assert.deepEqual(
      nodes.slice(1).map((n) => n.works),
      [true, true, true],
    );
    for (const n of fleet.nodes) assert.equal(n.moves, story.on(n.node).size, n.node);
    assert.deepEqual(
      together.map((t) => t.nodes.length),
      [1, 2],
    );
  });
  assert.deepEqual(changed, []);
  world.bmc('compute-3', null);
});

test('on a schedule: the first round is told, then only what has changed, and nothing is touched', async (t) => {
  const { world } = story;
  const { client } = story.temporal.env;
  const handle = client.schedule.getHandle(drillsId(story.cloud));
  const [before, calls] = [world.mailbox.mails.length, story.mutations().length];
  await ensureDrill({ client, config: { ...story.config, drill: { every: 86_400_000, survive: 1, timeZone: 'UTC' } } });
  t.after(async () => {
    await handle.delete();
    world.bmc('compute-3', null);
    world.mailbox.mails.splice(before);
  });
  let rounds = 0;
  const round = async (): Promise<DrillFindings> => {
    if (rounds++ > 0) await handle.trigger();
    const what = `round ${rounds} has begun`;
    const begun = await until(
      async () => {
        const { info } = await handle.describe();
        return info.numActionsTaken === rounds ? info.recentActions.at(-1)!.action.workflow : null;
      },
      { what, timeoutMs: 30_000 },
    );
    return (await client.workflow.getHandle(begun.workflowId).result()) as DrillFindings;
  };
  const told = (): string[] => world.mailbox.mails.slice(before).map((m) => m.subject);
  const { works, nodes, trouble } = await round();
  assert.deepEqual([works, nodes, trouble], [4, 4, '']);
  await story.adminMail(/drill: 4 of 4 nodes would be recovered if they died now/);
  await round();
  world.bmc('compute-3', { wrongPassword: true });
  assert.deepEqual(Object.keys((await round()).stopped), ['compute-3']);
  const mail = await story.adminMail(/1 node can no longer be fenced: compute-3/);
  assert.match(mail.text, /npm run check reads their power devices; until one level answers/);
  assert.ok(!mail.text.includes(world.node('compute-3').redfish.password));
  await round();
  world.bmc('compute-3', null);
  await round();
  await story.adminMail(/drill: it is over for 1 node: compute-3/);
  assert.equal(told().length, 3, told().join('\n'));
  assert.deepEqual(story.mutations().slice(calls), []);
  assert.deepEqual((await story.watch()).open, []);
});

test('where the rest is full, the one node with room is the worst to lose, alone and with any other', async (t) => {
  const { world } = story;
  t.after(() => world.nodes.forEach((n) => world.capacity(n.name, world.settings.capacity)));
  const full = { vcpus: 1, ram: 64, disk: 1 };
  for (const n of ['compute-1', 'compute-3', 'compute-4']) world.capacity(n, full);
  const changed = await touched(async () => {
    const [one, fleet] = [
      await run('drill', 'compute-2', '--json'),
      await run('drill', '--all', '--survive', '2', '--json'),
    ];
    const { problems, stranded, moves } = parse<OfNode>(one);
    assert.equal(one.code, 1);
    assert.equal(stranded, moves);
    assert.match(
      problems.join(),
      new RegExp(`^no room now for ${moves} of its ${moves} instances: .*none of them has`),
    );
    const all = parse<OfFleet>(fleet).problems.join('\n');
    assert.match(all, new RegExp(`^N\\+1: compute-2 gone: ${moves} of ${moves} instances find no room`, 'm'));
    assert.match(all, /^N\+2: compute-2 and compute-\d gone at once: \d+ of \d+ instances find no room/m);
  });
  assert.deepEqual(changed, []);
});

test('a drill of a name that is none says what is near, and one of nothing is refused', async () => {
  const [unknown, nothing, both] = [
    await run('drill', 'compute-9'),
    await run('drill'),
    await run('drill', 'compute-1', '--all'),
  ];
  assert.deepEqual([unknown.code, nothing.code, both.code], [1, 2, 2]);
  assert.match(unknown.stdout, /there is no compute node compute-9 \(near: compute-1/);
  assert.match(nothing.stderr, /^drill what\? a NODE, or --all/);
});

test('the report of an open recovery shows it as it stands; of the closed one, all of it; and the page is made again from the JSON', async () => {
  const { world } = story;
  for (const n of world.nodes) world.holdSpawns(n.name);
  await world.powerLoss('compute-2', { withBmc: false });
  await story.started('compute-2');
  await until(() => world.log.of('evacuate').some((e) => e.source === 'compute-2'), {
    what: 'one is on its way',
    timeoutMs: 60_000,
  });
  const open = parse<ReportDocument>(await run('report', 'compute-2', '--json'));
  assert.deepEqual([open.outcome, open.endedAt, open.now?.phase], [null, null, 'evacuating']);
  assert.ok(open.instances.some((i) => i.outcome === 'moving' && i.tries.some((t) => t.to === null)));

  for (const n of world.nodes) world.letSpawn(n.name);
  const report = await story.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  const mail = await story.adminMail(/compute-2: recovered/);
  const attached = new Map(mail.attachments.map((a) => [a.name, a.content]));
  assert.deepEqual([...attached.keys()], ['report.html', 'report.json']);
  assert.deepEqual((JSON.parse(attached.get('report.json')!) as { proof: unknown }).proof, report.proof);
  for (const i of report.instances) assert.ok(attached.get('report.html')!.includes(i.name), i.name);
  await keptAndFound(report.runId);
  const [json, page, again] = ['r.json', 'r.html', 'again.html'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  const made = await run('report', 'drilled/compute-2', '--out', page);
  assert.deepEqual([made.code, made.stderr], [0, `wrote ${page}\n`]);
  assert.equal((await run('report', report.runId, '--out', json)).code, 0);
  assert.equal((await run('report', json, '--out', again)).code, 0);
  const kept = JSON.parse(await readFile(json, 'utf8')) as ReportDocument;
  assert.equal(kept.runId, report.runId);
  assert.deepEqual(kept.proof, report.proof);
  assert.ok(kept.lastSignAt !== null && kept.lastSignAt < kept.startedAt);
  assert.equal(kept.fences.at(-1)?.ended, 'proven');
  for (const i of kept.instances) assert.equal(i.tries.at(-1)?.ended, 'recovered', i.name);
  assert.deepEqual(
    kept.messages.map((m) => m.stage),
    ['started', 'finished'],
  );
  assert.ok(kept.messages.every((m) => m.told?.delivered.includes(ADMIN)));
  const html = await readFile(page, 'utf8');
  for (const i of report.instances) assert.ok(html.includes(i.name), i.name);
  assert.match(await readFile(again, 'utf8'), /Recovery of compute-2/);

  // The next drill knows how long evacuations take here, and that this node is off by us.
  const drill = parse<OfNode>(await run('drill', 'compute-2', '--json'));
  assert.match(drill.problems.join(), /it would be held: notOurs: compute-2 is off by us/);
  assert.match(
    parse<OfNode>(await run('drill', 'compute-1', '--json')).time.how,
    /the slowest of \d+ in the last recovery/,
  );
  story.audit({}, report);
});

/** Both files stand in the folder; the command finds there what Temporal does not know (any more). */
async function keptAndFound(runId: string): Promise<void> {
  const kept = path.join(folder, 'kept');
  const files = await until(
    async () => {
      const names = await readdir(kept).catch((): string[] => []);
      return names.length === 2 ? names.toSorted((a, b) => a.localeCompare(b, 'en')) : null;
    },
    { what: 'the report is kept' },
  );
  assert.deepEqual(
    files.map((f) => path.extname(f)),
    ['.html', '.json'],
  );
  const whole = JSON.parse(await readFile(path.join(kept, files[1]!), 'utf8')) as ReportDocument;
  assert.deepEqual([whole.fences.at(-1)?.ended, whole.asked?.automatic, whole.messages], ['proven', true, []]);
  for (const i of whole.instances) assert.equal(i.tries.at(-1)?.ended, 'recovered', i.name);
  const forgotten = files[1]!.replace(runId, '0198c7a2-0000-7000-8000-000000000001').replace('compute-2', 'compute-9');
  await copyFile(path.join(kept, files[1]!), path.join(kept, forgotten));
  for (const word of ['compute-9', '0198c7a2-0000-7000-8000-000000000001'])
    assert.equal(parse<ReportDocument>(await run('report', word, '--json')).runId, runId, word);
}

test('a recovery that never was has no report', async () => {
  const { code, stderr } = await run('report', 'compute-4');
  assert.deepEqual(
    [code, stderr],
    [1, 'there is no recovery of compute-4 in the history (Temporal keeps them for its retention)\n'],
  );
});
