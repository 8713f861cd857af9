// Who gets a message, and by which channel: rooms, admins by role, tenants by role, makers and contacts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OpenChannel } from '../../../activities/notification/index.ts';
import type { Compute, Identity, Person } from '../../../activities/openstack/types.ts';
import type { Notice } from '../../../workflows/contract.ts';
import { activities, channel, keystone, person, type Parts } from './activity-stage.ts';
import { account, admin, blocked, notice } from './notices.ts';

const ours = notice({
  instances: [account('web-1', 'recovered'), account('db', 'recovered', { projectId: 'p-bank' })],
});

describe('rooms', () => {
  const ops = { name: 'Ops', address: 'ops@example.net' };
  const room = (name: string, more: Partial<OpenChannel> = {}) => channel(undefined, { name, room: true, ...more });
  const alarm = notice({ stage: 'alarm', audience: 'admins' });

  it("get the admins' message once a stage, each as a recipient of its own, beside the admins", async () => {
    const identity = keystone({ 'p-shop': [person('ann')] });
    const { find } = activities({ identity, channels: [channel(), room('chat'), room('pager')], admins: [ops] });
    const told = async (n: Notice) => (await find(n)).recipients.map((r) => [r.id, r.audience, r.channel]);
    assert.deepEqual(await told(alarm), [
      ['channel:chat', 'admin', 'chat'],
      ['channel:pager', 'admin', 'pager'],
      ['ops@example.net', 'admin', undefined],
    ]);
    assert.deepEqual(await told({ ...ours, audience: 'users' }), [['u-ann', 'user', undefined]]);
  });

  it('want no admins: a cloud with a room alone has somebody to tell', async () => {
    const { find } = activities({ channels: [room('chat')] });
    const { recipients, unreachable } = await find(alarm);
    assert.deepEqual([recipients.map((r) => r.id), unreachable], [['channel:chat'], []]);
  });

  it('get their stages only', async () => {
    const { find } = activities({ channels: [room('chat', { stages: ['blocked'] })] });
    assert.deepEqual((await find(alarm)).recipients, []);
    assert.equal((await find({ ...alarm, stage: 'blocked' })).recipients.length, 1);
  });

  it('get no message of a person, and a person none of theirs', async () => {
    const [mail, chat, pager] = [channel(), room('chat'), room('pager')];
    const { find, deliver } = activities({ channels: [mail, chat, pager], admins: [ops] });
    for (const recipient of (await find(alarm)).recipients) await deliver(alarm, recipient);
    assert.deepEqual(
      [mail, chat, pager].map((c) => c.sent.map((m) => m.to.address)),
      [['ops@example.net'], ['chat'], ['pager']],
    );
    assert.equal(new Set([mail, chat, pager].map((c) => c.sent[0]?.id)).size, 3);
  });

  it('that are gone from the configuration are refused, not tried for a day', async () => {
    const { deliver } = activities({ channels: [channel()] });
    await assert.rejects(deliver(alarm, { ...admin, id: 'channel:old', channel: 'old' }), {
      type: 'NotificationRefused',
    });
  });

  it('read the values of the message beside its words', async () => {
    const chat = room('chat');
    const { find, deliver } = activities({ channels: [chat] });
    const asks = blocked();
    await deliver(asks, (await find(asks)).recipients[0]);
    assert.deepEqual(chat.sent[0]?.brief.incident, { id: 'prod/compute-7/0198c7a2-run', over: false });
    assert.match(
      chat.sent[0]?.brief.question?.answers[0]?.command ?? '',
      /^temporal workflow update execute .*0198c7a2-run/,
    );
  });
});

describe('admins by role', () => {
  const roles = (name: string, ...names: string[]): Person => person(name, { roles: names });
  const people = {
    'p-admin': [roles('root', 'cloud-operator'), roles('ann', 'member')],
    'p-our': [roles('dora', 'cloud-operator')],
  };
  const identity: Identity = {
    ...keystone(people),
    whoAmI: async () => ({ userId: 'u', userName: 'lifeboat', roles: [], projectId: 'p-our' }),
  };
  const alarm = notice({ stage: 'alarm', audience: 'admins' });
  const role = { adminRole: 'cloud-operator', identity };
  const told = async (parts: Parts) => (await activities(parts).find(alarm)).recipients.map((r) => r.address);

  it('are who has it on our own project, or on the one that is named, and nobody else', async () => {
    assert.deepEqual(await told(role), ['dora@example.net']);
    assert.deepEqual(await told({ ...role, adminProject: 'p-admin' }), ['root@example.net']);
  });

  it('stand beside the list, each address once', async () => {
    const admins = ['ops@example.net', 'Dora@example.net'].map((address) => ({ name: '', address }));
    assert.deepEqual(await told({ ...role, admins }), ['ops@example.net', 'Dora@example.net']);
  });

  it('say so where nobody has it, and where our login has no project', async () => {
    const nobody = await activities({ ...role, adminRole: 'king' }).find(alarm);
    assert.match(nobody.unreachable.join(), /admins by role king: nobody has it on project p-our/);
    const system = { ...identity, whoAmI: keystone({}).whoAmI };
    assert.match(
      (await activities({ ...role, identity: system }).find(alarm)).unreachable.join(),
      /notification\.adminProject/,
    );
  });

  it('keep nobody waiting: while Keystone does not answer, the list and the rooms are told after three tries', async () => {
    const broken = { ...identity, peopleOf: async () => Promise.reject(new Error('503')) };
    const admins = [{ name: '', address: 'ops@example.net' }];
    await assert.rejects(told({ ...role, identity: broken, admins, attempt: 2 }));
    assert.deepEqual(await told({ ...role, identity: broken, admins, attempt: 3 }), ['ops@example.net']);
    await assert.rejects(told({ ...role, identity: broken, attempt: 9 }), 'there is nobody else');
  });
});

describe('which tenants', () => {
  const [web, db] = [
    account('web-1', 'recovered', { userId: 'u-cat' }),
    account('db', 'kept', { projectId: 'p-bank' }),
  ];
  const n = notice({ instances: [web, db], audience: 'users' });
  const people = [
    person('ann', { roles: ['reader'] }),
    person('bob', { roles: ['member', 'reader'] }),
    person('cat', { roles: ['reader'] }),
  ];
  const identity = keystone({ 'p-shop': people, 'p-bank': [person('bob', { roles: ['member'] })] });
  const found = async (parts: Parts) => activities({ identity, ...parts }).find(n);
  const ids = async (parts: Parts) => (await found(parts)).recipients.map((r) => r.id).sort();

  it('are all with a role, or those with one of the roles', async () => {
    assert.deepEqual(await ids({}), ['u-ann', 'u-bob', 'u-cat']);
    assert.deepEqual(await ids({ tenantRoles: ['member', 'admin'] }), ['u-bob']);
  });

  it('are who made an instance, of that instance alone, while they still have a role there', async () => {
    const { recipients, unreachable } = await found({ tenantRoles: [], creator: true });
    assert.deepEqual(
      recipients.map((r) => [r.id, r.projects, r.instances, r.projectNames]),
      [['u-cat', [], ['id-of-web-1'], { 'p-shop': 'shop' }]],
    );
    assert.deepEqual(unreachable, [
      'project bank: nobody to tell of db (notification.tenantRoles, creator, metadataKey)',
    ]);
    const both = await found({ tenantRoles: ['reader'], creator: true });
    assert.deepEqual(
      both.recipients.find((r) => r.id === 'u-cat')?.instances,
      undefined,
      'they may read the whole project',
    );
  });

  it('read of their own instance only, also where the project has others', async () => {
    const box = channel();
    const other = account('web-2', 'recovered');
    const { find, deliver } = activities({ identity, channels: [box], tenantRoles: [], creator: true });
    const whole = { ...n, instances: [web, other, db] };
    await deliver(whole, (await find(whole)).recipients[0]);
    assert.match(box.sent[0]?.text ?? '', /web-1 \(project shop/);
    assert.doesNotMatch(JSON.stringify(box.sent[0]), /web-2|id-of-db/);
  });

  it('are an address in the metadata, one message an address', async () => {
    const contact: Record<string, string> = { 'id-of-web-1': 'Bob@example.net', 'id-of-db': 'desk@bank.example' };
    const instance = async (id: string) =>
      ({ metadata: { ha_contact: contact[id] } }) as unknown as ReturnType<Compute['instance']>;
    const parts = { tenantRoles: ['member'], metadataKey: 'ha_contact', compute: { instance } };
    assert.deepEqual(
      (await found(parts)).recipients.map((r) => [r.id, r.projects.toSorted(), r.instances]),
      [
        ['u-bob', ['p-bank', 'p-shop'], undefined],
        ['contact:desk@bank.example', [], ['id-of-db']],
      ],
    );
    contact['id-of-db'] = 'desk@bank.example, eve@example.net';
    assert.deepEqual((await found(parts)).unreachable, ['db (project bank): its ha_contact is no usable address']);
  });

  it('are told though an instance with a contact is gone, and nobody reads instances without a key', async () => {
    assert.deepEqual(await ids({ metadataKey: 'ha_contact', compute: { instance: async () => null } }), [
      'u-ann',
      'u-bob',
      'u-cat',
    ]);
    await ids({ compute: { instance: async () => assert.fail('Nova was asked') } });
  });
});
