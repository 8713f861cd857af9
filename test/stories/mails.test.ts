// Who is told what, as it arrives in the mailbox; and that no mail server delays a recovery.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../support/until.ts';
import type { FullMail } from '../world/mailbox.ts';
import type { World } from '../world/world.ts';
import { ADMIN, shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

/** The same message may come twice; it is one message. */
const distinct = (mails: FullMail[]): FullMail[] => [...new Map(mails.map((m) => [m.messageId, m])).values()];
const stagesOf = (world: World, address: string): string[] =>
  distinct(world.mailbox.to(address)).map((m) => (/failed/.test(m.subject) ? 'started' : 'finished'));
const everybody = (world: World): string[] => [...new Set(world.mailbox.mails.flatMap((m) => m.to))].sort();

test('each affected user gets one message a stage, of their own instances; nobody else any; no tenant reads a name of a node', async (t) => {
  const projects = [
    ...[
      { name: 'acme', users: ['alice'] },
      { name: 'globex', users: ['bob'] },
      { name: 'initech' },
      { name: 'umbrella' },
    ],
    { name: 'staff', users: ['dave'] },
  ];
  const s = await tellStory({ world: { instances: 0, projects } });
  t.after(() => s.end());
  const { world } = s;
  world.person('bob', 'acme');
  world.person('eve', 'acme', { email: null });
  world.person('gone', 'acme', { enabled: false });
  world.userGroup('initech-operators', ['dave'], 'initech');
  const found = { 'a-1': 'acme', 'a-2': 'acme', 'g-1': 'globex', 'i-1': 'initech' };
  for (const [name, project] of Object.entries(found)) world.addInstance({ name, project, host: 'compute-2' });
  world.addInstance({ name: 'u-1', project: 'umbrella', host: 'compute-3' });
  await s.lookout();
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);

  const told: Record<string, string[]> = {
    'alice@acme.example': ['a-1', 'a-2'],
    'bob@globex.example': ['a-1', 'a-2', 'g-1'],
    'dave@staff.example': ['i-1'],
    'initech-user@initech.example': ['i-1'],
  };
  await until(() => [...Object.keys(told), ADMIN].every((a) => stagesOf(world, a).length >= 2), {
    what: 'all are told start and end',
    timeoutMs: 45_000,
  });
  assert.deepEqual(everybody(world), [...Object.keys(told), ADMIN].sort());
  for (const [address, names] of Object.entries(told)) {
    assert.deepEqual(stagesOf(world, address), ['started', 'finished'], address);
    for (const { subject, text, html } of world.mailbox.to(address)) {
      const said = Object.keys({ ...found, 'u-1': '' }).filter((name) =>
        [subject, text, html].join('\n').includes(name),
      );
      assert.deepEqual(said, names, `${address}: ${subject}`);
      assert.doesNotMatch(`${subject}${text}${html}`, /compute-\d/, address);
    }
  }
  const [start, end] = world.mailbox.to(ADMIN);
  assert.match(start!.subject, /compute-2 is off; 4 of its 4 instances are being moved/);
  assert.match(end!.subject, /compute-2: recovered/);
  assert.match(end!.text, /NOT TOLD[^]*eve \(project acme\): no address/);
  for (const i of report.instances) assert.ok(end!.text.includes(i.name) && end!.text.includes(i.host!), i.name);
  s.audit({}, report);
});

test('a mail server that is down during the whole recovery delays nothing; the mails come when it is back', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  const { world } = s;
  const people = [
    'adam@acme.example',
    'alice@acme.example',
    'bob@globex.example',
    'carol@initech.example',
    ADMIN,
  ].sort();
  await s.lookout();
  await world.mailbox.down();
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(world.mailbox.mails.length, 0, 'it was down all the time');

  await world.mailbox.up();
  await until(() => people.every((a) => stagesOf(world, a).length === 2), {
    what: 'all are told',
    timeoutMs: 45_000,
  });
  assert.deepEqual(everybody(world), people);
  s.audit({}, report);
});

test('a mail that was taken but whose answer was lost comes again under the same Message-ID', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  world.mailbox.faults.takeThenDrop = 3;
  await world.powerLoss('compute-2');
  await s.started('compute-2');
  const report = await s.ends('compute-2');
  assert.equal(report.outcome, 'recovered', report.reason);
  const { mails } = world.mailbox;
  const repeats = (): FullMail[] =>
    mails.filter((m, i) => mails.findIndex((o) => o.messageId === m.messageId && o.to[0] === m.to[0]) < i);
  await until(() => repeats().length === 3 && everybody(world).every((a) => stagesOf(world, a).length === 2), {
    what: 'what was dropped came again',
    timeoutMs: 45_000,
  });
  for (const again of repeats()) {
    const first = mails.find((m) => m.messageId === again.messageId)!;
    assert.deepEqual([again.to, again.subject], [first.to, first.subject]);
  }
  assert.equal(mails.length - repeats().length, new Set(mails.map((m) => m.messageId)).size);
  s.audit({}, report);
});
