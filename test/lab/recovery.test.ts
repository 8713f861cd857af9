// A node of a real OpenStack dies, twice, and nobody helps. Judged by Nova's own rows, the lab's own files and the mails.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import {
  die,
  ended,
  evacuationsOf,
  furnish,
  hostOf,
  MINUTES,
  provesElsewhere,
  readmit,
  since,
  stop,
  tell,
} from './incident.ts';
import { giveBack, openLab, PREFIX, type Lab } from './lab.ts';
import { ADMIN, startLifeboat, type Lifeboat } from './lifeboat.ts';
import { membersOf, type Server } from './nova.ts';
import { command, forNode } from './settings.ts';

let lab: Lab;
let lifeboat: Lifeboat | null = null;

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
    const cast = await furnish(lab);
    const { victims, bystander } = cast;
    const stopped = victims.find((v) => v.name.startsWith(PREFIX))!;
    await stop(lab, stopped);
    const { times, run } = await die(lab, lifeboat!, 'crash');

    await until(() => lab.power(lab.node) === 'off', { what: 'it is powered off', timeoutMs: 2 * MINUTES });
    times['powered off'] = since(times);
    assert.deepEqual(cast.life.guests(lab.node), [], 'nothing runs on a node without power');
    const report = await ended(run, times);

    assert.equal(report.outcome, 'recovered', report.reason);
    assert.equal(report.proof?.kind, 'power');
    await provesElsewhere(lab, cast, times, stopped);
    const row = await lab.service(lab.node);
    assert.deepEqual([row.status, row.forced_down], ['disabled', true]);
    assert.equal(hostOf(await lab.admin.server(bystander.id)), hostOf(bystander), 'a bystander stays where it is');
    await mailsAreRight(victims, ['started', 'finished']);
    times['all mails'] = since(times);

    await readmit(lab, lifeboat!, cast, times);
    tell(t, cast, times, report);
  });

  test('without power and BMC: nothing is evacuated until a person says that it is off', async (t) => {
    const cast = await furnish(lab);
    lifeboat!.mailbox.mails.length = 0;
    const { times, run } = await die(lab, lifeboat!, 'power-loss');

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
    assert.deepEqual(await evacuationsOf(lab, cast), [], 'no evacuation without a proof');
    assert.deepEqual((await lab.service(lab.node)).status, 'enabled', 'the row is untouched');

    await run.executeUpdate(verbs.confirmFencedUpdate, {
      args: [{ by: 'ann', node: lab.node, reason: 'its rack has no power' }],
    });
    times['confirmed'] = since(times);
    const report = await ended(run, times);
    assert.equal(report.outcome, 'recovered', report.reason);
    assert.deepEqual([report.proof?.kind, report.proof?.by], ['operator', 'ann']);
    await provesElsewhere(lab, cast, times);

    await command(forNode(lab.settings.bmcup, lab.node));
    await readmit(lab, lifeboat!, cast, times);
    tell(t, cast, times, report);
  });
});

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
