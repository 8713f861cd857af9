// A node of a real OpenStack dies, twice, and nobody helps. Judged by Nova's own rows, the lab's own files and the mails.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as verbs from '../../workflows/verbs.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { until } from '../support/until.ts';
import { giveBack, openLab, PREFIX, type Lab } from './lab.ts';
import { ADMIN, startLifeboat, type Lifeboat, type RunHandle } from './lifeboat.ts';
import { membersOf, utc, type Server } from './nova.ts';
import { watchOneLife, type OneLife } from './one-life.ts';
import { command, forNode } from './settings.ts';

const MINUTES = 60_000;
const hostOf = (s: Server): string | null => s['OS-EXT-SRV-ATTR:host'];

/** Seconds since the node was made to fail, in the order in which they were told. */
type Times = Record<string, number>;

let lab: Lab;
let lifeboat: Lifeboat | null = null;
let life: OneLife | null = null;

before(async () => {
  lab = await openLab();
  lifeboat = await startLifeboat(lab.settings, lab.nodes);
});

after(async () => {
  await lifeboat?.end();
  if (lab) await giveBack(lab);
});

describe('a node of a real OpenStack dies', () => {
  test('crashed: it is fenced, all its instances run elsewhere as they were, its people are told, and it comes back', async (t) => {
    const made = await makeInstances();
    const { victims, bystander } = made;
    const stopped = victims.find((v) => v.name.startsWith(PREFIX))!;
    await stop(stopped);
    const lastRecord = Math.max(0, ...(await lab.admin.evacuations(lab.node)).map((m) => m.id));
    const { times, run } = await die('crash');

    await until(() => lab.power(lab.node) === 'off', { what: 'it is powered off', timeoutMs: 2 * MINUTES });
    times['powered off'] = since(times);
    assert.deepEqual(life!.guests(lab.node), [], 'nothing runs on a node without power');
    const report = await ended(run, times);

    assert.equal(report.outcome, 'recovered', report.reason);
    assert.equal(report.proof?.kind, 'power');
    await provesElsewhere(victims, stopped, lastRecord, times);
    const row = await lab.service(lab.node);
    assert.deepEqual([row.status, row.forced_down], ['disabled', true]);
    assert.equal(hostOf(await lab.admin.server(bystander.id)), hostOf(bystander), 'a bystander stays where it is');
    await mailsAreRight(victims, ['started', 'finished']);
    times['all mails'] = since(times);

    await readmit(times);
    tell(t, times, report);
  });

  test('without power and BMC: nothing is evacuated until a person says that it is off', async (t) => {
    const { victims } = await makeInstances();
    lifeboat!.mailbox.mails.length = 0;
    const lastRecord = Math.max(0, ...(await lab.admin.evacuations(lab.node)).map((m) => m.id));
    const { times, run } = await die('power-loss');

    const blocked = await lifeboat!.phase(run, 'blocked', 3 * MINUTES);
    times['blocked'] = since(times);
    assert.match(blocked.question?.what ?? '', /could not be proven off/);
    await until(
      () => lifeboat!.mailbox.mails.some((m) => addressed(m.to).includes(ADMIN) && /confirmFenced/.test(m.text ?? '')),
      {
        what: 'the admins are told what to do',
        timeoutMs: MINUTES,
      },
    );
    times['admins told'] = since(times);
    assert.deepEqual(await evacuationsAfter(lastRecord), [], 'no evacuation without a proof');
    assert.deepEqual((await lab.service(lab.node)).status, 'enabled', 'the row is untouched');

    await run.executeUpdate(verbs.confirmFencedUpdate, {
      args: [{ by: 'ann', node: lab.node, reason: 'its rack has no power' }],
    });
    times['confirmed'] = since(times);
    const report = await ended(run, times);
    assert.equal(report.outcome, 'recovered', report.reason);
    assert.deepEqual([report.proof?.kind, report.proof?.by], ['operator', 'ann']);
    await provesElsewhere(victims, null, lastRecord, times);

    await command(forNode(lab.settings.bmcup, lab.node));
    await readmit(times);
    tell(t, times, report);
  });
});

/** Each project has two on the node that fails, one of them with a name of its own; one elsewhere is a bystander. */
async function makeInstances(): Promise<{ victims: Server[]; bystander: Server }> {
  const other = lab.nodes.find((n) => n !== lab.node)!;
  const [first] = lab.projects;
  for (const project of lab.projects.values()) await project.remove(PREFIX);
  for (const [name, project] of lab.projects) await project.make(`${PREFIX}${name}`, lab.node, 2);
  const [bystander] = await first![1].make(`${PREFIX}elsewhere`, other);
  const victims = await lab.admin.servers(`all_tenants=1&host=${lab.node}`);
  life = watchOneLife(lab.settings, lab.nodes);
  return { victims, bystander: await lab.admin.server(bystander!.id) };
}

async function stop(server: Server): Promise<void> {
  await lab.admin.act(server.id, { 'os-stop': null });
  await until(async () => (await lab.admin.server(server.id)).status === 'SHUTOFF', {
    ...{ what: `${server.name} is stopped`, timeoutMs: MINUTES, everyMs: 250 },
  });
}

/** Wall clock (ms): Nova's rows have no other. */
const failedAt = new WeakMap<Times, number>();
const since = (times: Times, at = Date.now()): number => Math.round((at - failedAt.get(times)!) / 100) / 10;

async function die(how: 'crash' | 'power-loss'): Promise<{ times: Times; run: RunHandle }> {
  const before = await lifeboat!.watch();
  assert.deepEqual(before.open, []);
  const times: Times = {};
  failedAt.set(times, Date.now());
  await lab.fail(how);
  const run = await lifeboat!.started(lab.node, lastRun);
  lastRun = (await run.describe()).runId;
  times['seen'] = since(times);
  return { times, run };
}
let lastRun: string | undefined;

async function ended(run: RunHandle, times: Times): Promise<RecoveryReport> {
  const report = await run.result();
  times['proof'] = since(times, Date.parse(report.proof?.readAt ?? ''));
  times['run ended'] = since(times);
  return report;
}

const evacuationsAfter = async (id: number) => (await lab.admin.evacuations(lab.node)).filter((m) => m.id > id);

/** By Nova's rows and the lab's files: each once, on another node, as it was, unlocked. */
async function provesElsewhere(
  victims: Server[],
  stopped: Server | null,
  lastRecord: number,
  times: Times,
): Promise<void> {
  const records = await evacuationsAfter(lastRecord);
  // By Nova's own rows, in whole seconds.
  times['first POST'] = since(times, Math.min(...records.map((r) => utc(r.created_at))));
  times['last instance'] = since(times, Math.max(...records.map((r) => utc(r.updated_at ?? r.created_at))));
  for (const victim of victims) {
    const now = await lab.admin.server(victim.id);
    assert.notEqual(hostOf(now), lab.node, `${victim.name} is elsewhere`);
    assert.equal(now.status, victim.id === stopped?.id ? 'SHUTOFF' : 'ACTIVE', `${victim.name} is as it was`);
    assert.equal(now.locked, false, `${victim.name} is not locked`);
    assert.equal(now['OS-EXT-STS:task_state'], null);
    const mine = records.filter((r) => r.instance_uuid === victim.id);
    assert.deepEqual(
      mine.map((r) => [r.status, r.dest_compute]),
      [['done', hostOf(now)]],
      `${victim.name} was evacuated once`,
    );
    assert.ok(life!.guests(hostOf(now)!).includes(victim.id), `${victim.name} runs on ${hostOf(now)}`);
  }
  assert.equal(records.length, victims.length, 'one evacuation for each instance, none for others');
}

const addressed = (to: unknown): string[] =>
  (Array.isArray(to) ? to : [to]).flatMap((a) =>
    ((a as { value?: { address?: string }[] } | undefined)?.value ?? []).map((v) => v.address ?? ''),
  );

/** Each person of a project concerned gets one mail a stage, with all of their instances and nobody else's. */
async function mailsAreRight(victims: Server[], stages: string[]): Promise<void> {
  const { mailbox } = lifeboat!;
  const people = new Map<string, Set<string>>();
  for (const projectId of new Set(victims.map((v) => v.tenant_id)))
    for (const address of await membersOf(lab.admin, projectId))
      people.set(address, new Set([...(people.get(address) ?? []), projectId]));
  const mailsOf = (address: string) => mailbox.mails.filter((m) => addressed(m.to).includes(address));
  for (const [address, projects] of people) {
    const told = await until(() => (mailsOf(address).length >= stages.length ? mailsOf(address) : null), {
      ...{ what: `${address} gets ${stages.length} mails`, timeoutMs: MINUTES },
    });
    assert.equal(told.length, stages.length, `${address}: one mail a stage`);
    for (const mail of told) {
      const text = `${mail.subject}\n${mail.text}\n${String(mail.html)}`;
      for (const victim of victims)
        assert.equal(
          text.includes(victim.id) || text.includes(victim.name),
          projects.has(victim.tenant_id),
          `${victim.name} in a mail to ${address}: ${mail.text}`,
        );
      assert.ok(!lab.nodes.some((n) => text.includes(n)), `no name of a node in a mail to ${address}`);
    }
  }
  const strangers = mailbox.mails.flatMap((m) => addressed(m.to)).filter((a) => a !== ADMIN && !people.has(a));
  assert.deepEqual(strangers, [], 'nobody else is told');
  const admins = await until(() => (mailsOf(ADMIN).length >= stages.length ? mailsOf(ADMIN) : null), {
    ...{ what: 'the admins are told', timeoutMs: MINUTES },
  });
  assert.ok(admins.every((m) => m.text?.includes(lab.node)));
}

/** `npm run readmit`; Nova's cleanup leaves no guest and no open record on the node. */
async function readmit(times: Times): Promise<void> {
  times['readmission begun'] = since(times);
  await lifeboat!.readmit(lab.node);
  times['readmitted'] = since(times);
  const row = await lab.service(lab.node);
  assert.deepEqual([row.status, row.state, row.forced_down], ['enabled', 'up', false]);
  assert.equal(lab.power(lab.node), 'on');
  assert.deepEqual(life!.guests(lab.node), [], 'the old copies are gone');
  const records = await lab.admin.evacuations(lab.node);
  assert.deepEqual(
    records.filter((r) => r.status !== 'completed').map((r) => `${r.id} ${r.status}`),
    [],
    'all records are completed',
  );
}

function tell(t: { diagnostic(line: string): void }, times: Times, report: RecoveryReport): void {
  const looks = life!.end();
  life = null;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  t.diagnostic(
    `seconds after the failure: ${Object.entries(times)
      .sort(([, a], [, b]) => a - b)
      .map(([what, s]) => `${what} ${s}`)
      .join(', ')}`,
  );
  t.diagnostic(
    `seconds of the run: ${Object.entries(report.stages)
      .map(([what, ms]) => `${what} ${seconds(ms)}`)
      .join(', ')}; ` + `${report.counts.recovered} instances recovered, nobody on two nodes in ${looks} looks`,
  );
}
