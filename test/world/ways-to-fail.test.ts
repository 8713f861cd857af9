import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTransport } from 'nodemailer';
import { bmcCall, connectAs, powerOf, resetPower } from './caller.ts';
import type { Caller } from './caller.ts';
import { serveWorld } from './serve.ts';
import { evacuate, mark } from './steps.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

describe('BMCs that fail', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ seed: 22, nodes: 10, instances: 10, timeScale: 0.01 });
  });
  after(() => world.stop());
  const isOff = (node: string) => world.until((t) => t.nodes[node]!.power === 'off', 5_000, `${node} off`);

  test('says ok and stays on', async () => {
    world.bmc('compute-1', { saysOkStaysOn: true });
    assert.equal(await resetPower(world, 'compute-1', 'ForceOff'), 204);
    assert.equal(await powerOf(world, 'compute-1'), 'On');
  });
  test('lies off while it is on, and the log knows the truth', async () => {
    world.bmc('compute-2', { liesOff: true });
    assert.equal(await powerOf(world, 'compute-2'), 'Off');
    assert.equal(world.log.of('power-read').at(-1)?.truly, 'on');
  });
  test('goes on again by itself', async () => {
    world.bmc('compute-3', { onAgainAfterMs: 300 });
    await resetPower(world, 'compute-3', 'ForceOff');
    await isOff('compute-3');
    await world.until((t) => t.nodes['compute-3']!.power === 'on', 5_000);
  });
  test('answers a page, null, PoweringOff, another identity', async () => {
    world.bmc('compute-4', { html: true });
    assert.match(String((await bmcCall(world, 'compute-4', 'GET', '')).body), /<html>/);
    world.bmc('compute-4', { nullPower: true });
    assert.equal(await powerOf(world, 'compute-4'), null);
    world.bmc('compute-4', { poweringOffMs: 1_000 });
    await resetPower(world, 'compute-4', 'ForceOff');
    assert.equal(await powerOf(world, 'compute-4'), 'PoweringOff');
    await isOff('compute-4');
    world.bmc('compute-4', { otherIdentity: true });
    const body = (await bmcCall(world, 'compute-4', 'GET', '')).body as { UUID: string };
    assert.notEqual(body.UUID, world.node('compute-4').redfish.uuid);
  });
  test('works off a task', async () => {
    world.bmc('compute-5', { taskMs: 100 });
    const reset = await bmcCall(world, 'compute-5', 'POST', '/Actions/ComputerSystem.Reset', { ResetType: 'ForceOff' });
    assert.equal(reset.status, 202);
    await isOff('compute-5');
  });
  test('wants If-Match; has no ForceOff; refuses the password', async () => {
    world.bmc('compute-6', { wantsIfMatch: true });
    assert.equal(await resetPower(world, 'compute-6', 'ForceOff'), 412);
    world.bmc('compute-6', { noForceOff: true });
    assert.equal(await resetPower(world, 'compute-6', 'ForceOff'), 400);
    world.bmc('compute-6', { wrongPassword: true });
    assert.equal(await powerOf(world, 'compute-6'), 401);
  });
});

describe('scripted faults', () => {
  let world: World;
  let api: Caller;
  before(async () => {
    world = await startWorld({ seed: 23, nodes: 3, instances: 6, timeScale: 0.01 });
    api = await connectAs(world);
    await world.powerLoss('compute-1');
    await mark(world, api, 'compute-1');
  });
  after(() => world.stop());
  const fresh = () => world.addInstance({ host: 'compute-1', project: 'acme' }).id;
  const posts = (id: string) => world.log.of('evacuate').filter((e) => e.instance === id).length;

  test('429 with Retry-After, once, and only the call that was meant', async () => {
    const fault = world.fault(
      { service: 'nova', path: /os-services/, times: 1 },
      { do: 'status', status: 429, retryAfter: 3 },
    );
    const [other, hit, later] = [
      await api.get('/os-migrations'),
      await api.get('/os-services'),
      await api.get('/os-services'),
    ];
    assert.deepEqual([other.status, hit.status, hit.headers.get('retry-after'), later.status], [200, 429, '3', 200]);
    assert.equal(fault.hits, 1);
  });
  test('does it, then cuts the connection', async () => {
    const id = fresh();
    world.fault({ service: 'nova', body: /evacuate/, times: 1 }, { do: 'effect-then-drop' });
    await assert.rejects(evacuate(api, id));
    assert.equal(posts(id), 1);
  });
  test('cuts the connection, and does it later', async () => {
    const id = fresh();
    world.fault({ service: 'nova', body: /evacuate/, times: 1 }, { do: 'drop-then-effect', ms: 500 });
    await assert.rejects(evacuate(api, id));
    assert.equal(posts(id), 0);
    await world.until(() => posts(id) === 1, 2_000);
  });
  test('half a page, half a body, no answer', async () => {
    const count = async () =>
      ((await api.get('/os-services?binary=nova-compute')).body as { services: object[] }).services.length;
    world.fault({ path: /os-services/, times: 1 }, { do: 'half-page' });
    assert.equal(await count(), 1);
    world.fault({ path: /os-services/, times: 1 }, { do: 'cut-body' });
    await assert.rejects(count());
    const hang = world.fault({ path: /os-services/ }, { do: 'hang' });
    const url = `${world.endpoints.nova}/v2.1/os-services`;
    await assert.rejects(fetch(url, { headers: { 'x-auth-token': api.token }, signal: AbortSignal.timeout(50) }));
    hang.remove();
    assert.equal(await count(), 3);
  });
});

describe('the mailbox', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ seed: 24, nodes: 1, instances: 0, bmcs: 'none' });
  });
  after(() => world.stop());
  async function send(to: string, id: string): Promise<void> {
    const mailer = createTransport({ host: world.smtp.host, port: world.smtp.port, ignoreTLS: true });
    try {
      await mailer.sendMail({ from: 'l@x', to, subject: 's', text: 't', messageId: `<${id}@x>` });
    } finally {
      mailer.close();
    }
  }
  test('refuses an address, is busy, and takes a message without saying so', async () => {
    world.mailbox.faults = { refuse: /nobody/ };
    await assert.rejects(send('nobody@x', '1'), /550|No such user/);
    world.mailbox.faults = { busy: 1 };
    await assert.rejects(send('a@x', '2'), /451/);
    world.mailbox.faults = { takeThenDrop: 1 };
    await assert.rejects(send('a@x', '3'));
    await send('a@x', '3');
    assert.deepEqual(
      world.mailbox.to('a@x').map((m) => m.messageId),
      ['<3@x>', '<3@x>'],
    );
  });
  test('is down and comes up at the same port', async () => {
    await world.mailbox.down();
    await assert.rejects(send('b@x', '4'));
    await world.mailbox.up();
    await send('b@x', '4');
    assert.equal(world.mailbox.to('b@x').length, 1);
  });
});

test('the same seed makes the same world', async () => {
  const make = async () => {
    const world = await startWorld({ seed: 26, nodes: 3, instances: 6, bmcs: 'none' });
    const all = Object.entries(world.truth().instances).map(([id, i]) => `${id} ${i.name} ${i.host}`);
    await world.stop();
    return all;
  };
  assert.deepEqual(await make(), await make());
});

test('is driven from another process over its control API', async () => {
  const served = await serveWorld({ seed: 27, nodes: 2, instances: 2, timeScale: 0.01 });
  const post = async (verb: string, ...given: unknown[]) =>
    (await fetch(`${served.control}/${verb}`, { method: 'POST', body: JSON.stringify(given) })).status;
  const get = async (what: string) => (await fetch(`${served.control}/${what}`)).json();
  assert.equal(await post('crash', 'compute-2'), 200);
  assert.equal(await post('fault', { service: 'nova', path: 'os-services' }, { do: 'status', status: 503 }), 200);
  assert.equal(await post('explode'), 400);
  const truth = (await get('truth')) as { nodes: Record<string, { os: string }> };
  assert.equal(truth.nodes['compute-2']?.os, 'crashed');
  assert.equal(((await get('facts')) as { nodes: object[] }).nodes.length, 2);
  assert.equal(await post('stop'), 200);
  await served.close();
});
