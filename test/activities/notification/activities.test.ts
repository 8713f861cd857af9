import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ApplicationFailure } from '@temporalio/activity';
import { findKept } from '../../../activities/notification/report/keep.ts';
import { NotificationError } from '../../../activities/notification/driver.ts';
import { notificationConfig, openChannels } from '../../../activities/notification/index.ts';
import { serves, wants } from '../../../activities/notification/routing.ts';
import type { Identity } from '../../../activities/openstack/types.ts';
import type { Stage } from '../../../workflows/contract.ts';
import { activities, channel, keystone, person } from './activity-stage.ts';
import { account, admin, notice, report, user } from './notices.ts';

const ours = notice({
  instances: [account('web-1', 'recovered'), account('db', 'recovered', { projectId: 'p-bank' })],
});

describe('who is told', () => {
  it('writes once to a person with several projects, and tells which', async () => {
    const ann = person('ann');
    const identity = keystone({ 'p-shop': [ann], 'p-bank': [ann, person('bob')] });
    const { recipients } = await activities({ identity }).find({ ...ours, audience: 'users' });
    assert.deepEqual(
      recipients.map((r) => [r.address, r.projects.toSorted()]),
      [
        ['ann@example.net', ['p-bank', 'p-shop']],
        ['bob@example.net', ['p-bank']],
      ],
    );
    assert.deepEqual(recipients[0]?.projectNames, { 'p-bank': 'bank', 'p-shop': 'shop' });
  });

  it('writes once to an address that two users share, always under the same id', async () => {
    const one = person('ann', { email: 'Team@example.net' });
    const two = person('zoe', { email: 'team@example.net' });
    const ids = [];
    for (const people of [
      [one, two],
      [two, one],
    ]) {
      const found = await activities({ identity: keystone({ 'p-shop': people }) }).find({ ...ours, audience: 'users' });
      assert.equal(found.recipients.length, 1);
      ids.push(found.recipients[0]?.id);
    }
    assert.deepEqual(ids, ['u-ann', 'u-ann']);
  });

  it('leaves out who is disabled, and names who has no usable address', async () => {
    const people = [
      person('off', { enabled: false }),
      person('mute', { email: null }),
      person('odd', { email: 'odd@example.net, eve@example.net' }),
    ];
    const found = await activities({ identity: keystone({ 'p-shop': people }) }).find({ ...ours, audience: 'users' });
    assert.deepEqual(found, {
      recipients: [],
      unreachable: [
        'project bank: nobody has a role on it',
        'mute (project shop): no address',
        'odd (project shop): unusable address',
      ],
    });
  });

  it('asks Keystone nothing where no instance is concerned, or the stage is for admins', async () => {
    const identity: Identity = { ...keystone({}), peopleOf: async () => assert.fail('Keystone was asked') };
    const admins = [{ name: 'Ops', address: 'ops@example.net' }];
    const { find } = activities({ identity, admins });
    const none = notice({ instances: [] });
    assert.deepEqual(await find({ ...none, audience: 'users' }), { recipients: [], unreachable: [] });
    for (const stage of ['blocked', 'approval', 'alarm', 'returned', 'readmitted'] as const) {
      const found = await find({ ...ours, stage, audience: 'both' });
      assert.deepEqual(
        found.recipients.map((r) => [r.id, r.audience]),
        [['ops@example.net', 'admin']],
        stage,
      );
    }
  });

  it('goes on where a project has no name any more, and fails where Keystone does not answer', async () => {
    const failing = (kind: string): Identity => ({
      ...keystone({ 'p-shop': [person('ann')], 'p-bank': [person('ann')] }),
      projectName: async () => Promise.reject(Object.assign(new Error('no'), { kind })),
    });
    const found = await activities({ identity: failing('notFound') }).find({ ...ours, audience: 'users' });
    assert.deepEqual(found.recipients[0]?.projectNames, { 'p-shop': 'p-shop', 'p-bank': 'p-bank' });
    await assert.rejects(activities({ identity: failing('unreachable') }).find({ ...ours, audience: 'users' }));
  });

  it('says so where there is no admin or no channel', async () => {
    const alarm = notice({ stage: 'alarm', audience: 'admins' });
    assert.match((await activities({}).find(alarm)).unreachable.join(), /notification\.admins/);
    assert.match((await activities({ channels: [] }).find(alarm)).unreachable.join(), /notification\.channels/);
  });

  it('finds nobody for a stage that no channel delivers', async () => {
    const stages: Stage[] = ['finished'];
    const identity = keystone({ 'p-shop': [person('ann')] });
    const { find } = activities({ identity, channels: [channel(undefined, { stages, audience: 'users' })] });
    assert.equal((await find({ ...ours, stage: 'started' })).recipients.length, 0);
    assert.deepEqual(
      (await find(ours)).recipients.map((r) => r.audience),
      ['user'],
    );
  });
});

describe('delivering', () => {
  it('gives every repeat the same id', async () => {
    const box = channel();
    const { deliver } = activities({ channels: [box] });
    const ids = [await deliver(ours), await deliver(ours)];
    assert.equal(ids[0], ids[1]);
    assert.deepEqual(
      box.sent.map((m) => m.id),
      ids,
    );
  });

  it('does not try again what was refused for good', async () => {
    const { deliver } = activities({ channels: [channel(new NotificationError('no such\nuser', true))] });
    await assert.rejects(deliver(ours), { type: 'NotificationRefused', nonRetryable: true, message: 'no such user' });
  });

  it('tries again what may pass later', async () => {
    const { deliver } = activities({ channels: [channel(new NotificationError('busy', false))] });
    await assert.rejects(deliver(ours), { type: 'NotificationFailed', nonRetryable: false });
  });

  it('waits as long as the other side asks for, at most an hour', async () => {
    for (const [asked, wait] of [
      [90_000, 90_000],
      [86_400_000, 3_600_000],
    ] as const) {
      const { deliver } = activities({ channels: [channel(new NotificationError('429', false, asked))] });
      await assert.rejects(deliver(ours), { type: 'NotificationFailed', nextRetryDelay: wait });
    }
  });

  it('keeps the words of an unknown error, which may hold a secret, out of the history', async () => {
    const { deliver } = activities({ channels: [channel(new TypeError('https://user:pass@hooks.example.net'))] });
    await assert.rejects(deliver(ours), (e) => {
      assert.ok(e instanceof ApplicationFailure);
      assert.equal(e.message, 'the channel failed: TypeError');
      return e.cause === undefined;
    });
  });

  it('counts as told when one channel took it and the others never will', async () => {
    const box = channel();
    await activities({ channels: [channel(new NotificationError('no', true)), box] }).deliver(ours);
    assert.equal(box.sent.length, 1);
    const mixed = activities({ channels: [channel(new NotificationError('later', false)), channel()] });
    await assert.rejects(mixed.deliver(ours), { type: 'NotificationFailed' });
  });

  it('sends nothing to a tenant whom nothing concerns', async () => {
    const box = channel();
    const { deliver } = activities({ channels: [box] });
    await assert.rejects(deliver(ours, user({ projects: ['p-other'] })), { type: 'NotificationRefused' });
    assert.equal(box.sent.length, 0);
  });

  it("keeps tenants' messages out of a channel for admins", async () => {
    const box = channel(undefined, { audience: 'admins' });
    const { deliver } = activities({ channels: [box] });
    await assert.rejects(deliver(ours), { type: 'NotificationRefused' });
    await deliver(ours, admin);
    assert.deepEqual(
      box.sent.map((m) => m.to.address),
      ['ops@example.net'],
    );
  });
});

describe('the configuration', () => {
  const context = { secret: async () => 'x' };
  const options = { host: 'mail.example.net', from: 'lifeboat@example.net' };

  it('takes admins with and without a name', () => {
    const { admins, tellNodeNames } = notificationConfig.parse({
      admins: ['ops@example.net', { name: 'Dora', address: 'dora@example.net' }],
    });
    assert.deepEqual(admins, [
      { name: '', address: 'ops@example.net' },
      { name: 'Dora', address: 'dora@example.net' },
    ]);
    assert.equal(tellNodeNames, false);
  });

  it('refuses unknown keys and addresses that are none', () => {
    assert.equal(notificationConfig.safeParse({ admin: [] }).success, false);
    assert.equal(notificationConfig.safeParse({ admins: ['Ops <ops@example.net>'] }).success, false);
  });

  it('gives each channel a name, and refuses a second one of the same name', async () => {
    const open = (...channels: object[]) => openChannels(notificationConfig.parse({ channels }), context);
    const hook = { driver: 'webhook', options: { url: 'https://h.example.net' } };
    const opened = await open(hook, { ...hook, name: 'desk' }, hook, { driver: 'email', options });
    assert.deepEqual(
      opened.map((c) => [c.name, c.room]),
      [
        ['webhook', true],
        ['desk', true],
        ['webhook-2', true],
        ['email', false],
      ],
    );
    await assert.rejects(
      open({ ...hook, name: 'a' }, { ...hook, name: 'a' }),
      /channels\[1\]\.name: a second channel named a/,
    );
  });

  it("refuses a room for users: it would get the admins' messages", async () => {
    const hook = { driver: 'webhook', audience: 'users', options: { url: 'https://h.example.net' } };
    const open = (channel: object) => openChannels(notificationConfig.parse({ channels: [channel] }), context);
    await assert.rejects(open(hook), /channels\[0\]\.audience: webhook is no person/);
    await open({ ...hook, options: { ...hook.options, per: 'recipient' } });
  });

  it('opens the channels that it names, and says where an option is wrong', async () => {
    const open = (driver: string, more: object) =>
      openChannels(notificationConfig.parse({ channels: [{ driver, options: { ...options, ...more } }] }), context);
    assert.equal((await open('email', {})).length, 1);
    await assert.rejects(open('email', { prot: 25 }), /notification\.channels\[0\]\.options.*prot/);
    await assert.rejects(open('email', { port: 0 }), /notification\.channels\[0\]\.options\.port: /);
    await assert.rejects(
      open('no-such-driver', {}),
      /channels\[0\]\.driver no-such-driver: cannot be loaded.*known: email/,
    );
    await assert.rejects(open('node:path', {}), /its default export is no notification driver/);
  });
});

describe('beyond notification.perHour', () => {
  it('tells pagers at once and people later, and each of them once', async () => {
    const config = notificationConfig.parse({
      admins: ['ops@example.net'],
      channels: [
        { driver: 'email', options: { host: 'mail.example.net', from: 'l@example.net' } },
        { driver: 'slack', options: { url: { env: 'SLACK' } } },
        { driver: 'pagerduty', options: { routingKey: { env: 'PAGER' } } },
        { driver: 'command', name: 'program', options: { program: '/bin/true', per: 'stage' } },
        { driver: 'command', name: 'sms', options: { program: '/bin/true', per: 'recipient' } },
      ],
    });
    const channels = await openChannels(config, { secret: async () => 'x' });
    const told = async (only?: 'pagers' | 'people') => {
      const alarm = notice({ stage: 'alarm', audience: 'admins', ...(only && { only }) });
      const { recipients } = await activities({ channels, admins: config.admins }).find(alarm);
      return recipients.map((r) => r.channel ?? 'a person').toSorted();
    };
    assert.deepEqual(await told(), ['a person', 'pagerduty', 'program', 'slack']);
    assert.deepEqual(await told('pagers'), ['pagerduty', 'program']);
    assert.deepEqual(await told('people'), ['a person', 'slack']);
    const mine = { id: 'a', name: 'a', address: 'ops@example.net', audience: 'admin' as const, projects: [] };
    const serving = (only: 'pagers' | 'people') =>
      channels.filter((c) => serves(c, mine) && wants(c, { stage: 'alarm', only }, 'admin')).map((c) => c.name);
    assert.deepEqual([serving('pagers'), serving('people')], [[], ['email', 'sms']]);
  });
});

describe('where reports are kept', () => {
  const folderOf = async (t: TestContext): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'lifeboat-kept-'));
    t.after(() => rm(folder, { recursive: true }));
    return join(folder, 'reports');
  };
  const told = (runId: string, startedAt: string, node = 'compute-7') =>
    notice({ node, report: report([account('web-1', 'recovered')], { runId, startedAt, node }) });
  const ID = '0198c7a2-0000-7000-8000-000000000001';

  it('writes JSON and the page under the name of the run, whole, and the same again when it is repeated', async (t) => {
    const keep = await folderOf(t);
    const acts = activities({ keep });
    const file = await acts.keep(told(ID, '2026-08-02T14:03:00.000Z'));
    assert.equal(file, join(keep, `compute-7-20260802T140300Z-${ID}`));
    const first = await readFile(`${file}.json`, 'utf8');
    await acts.keep(told(ID, '2026-08-02T14:03:00.000Z'));
    assert.deepEqual((await readdir(keep)).toSorted(), [
      `compute-7-20260802T140300Z-${ID}.html`,
      `compute-7-20260802T140300Z-${ID}.json`,
    ]);
    assert.equal(await readFile(`${file}.json`, 'utf8'), first);
    assert.match(await readFile(`${file}.html`, 'utf8'), /^<!doctype html>[^]*web-1/);
  });

  it('finds the last one of a node, or that of a run, and no other node that is called alike', async (t) => {
    const keep = await folderOf(t);
    const acts = activities({ keep });
    const later = ID.replace(/1$/, '2');
    await acts.keep(told(later, '2026-08-03T14:03:00.000Z'));
    await acts.keep(told(ID, '2026-08-02T14:03:00.000Z'));
    await acts.keep(told(ID.replace(/1$/, '3'), '2026-09-03T14:03:00.000Z', 'compute-7-b'));
    const found = async (word: string): Promise<string | undefined> => (await findKept(keep, 'prod', word))?.runId;
    assert.deepEqual([await found('compute-7'), await found('prod/compute-7'), await found(ID)], [later, later, ID]);
    assert.deepEqual([await found('compute'), await found('compute-70')], [undefined, undefined]);
    assert.equal(await findKept(join(keep, 'none'), 'prod', 'compute-7'), null);
  });

  it('keeps nothing where no folder is configured or there is no report, and no name leads out of the folder', async (t) => {
    assert.equal(await activities({}).keep(told(ID, '2026-08-02T14:03:00.000Z')), null);
    const keep = await folderOf(t);
    assert.equal(await activities({ keep }).keep(notice()), null);
    const file = await activities({ keep }).keep(told(ID, '2026-08-02T14:03:00.000Z', '../../etc/x'));
    assert.deepEqual((await readdir(keep)).length, 2);
    assert.ok(file?.startsWith(`${keep}/`) && !file.slice(keep.length + 1).includes('/'));
  });

  it('says why it cannot write, and leaves no half file', async (t) => {
    const keep = await folderOf(t);
    await writeFile(keep, 'a file where the folder should be');
    await assert.rejects(
      activities({ keep }).keep(told(ID, '2026-08-02T14:03:00.000Z')),
      /report 0198c7a2-.*: it cannot be kept in .*: (EEXIST|ENOTDIR)/,
    );
  });
});
