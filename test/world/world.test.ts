import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { createTransport } from 'nodemailer';
import { connectAs, powerOf, resetPower } from './caller.ts';
import type { Caller } from './caller.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
let api: Caller;
before(async () => {
  world = await startWorld({ seed: 7, nodes: 4, instances: 8, timeScale: 0.02 });
  api = await connectAs(world);
});
after(() => world.stop());

function knock(host: string, port: number, ms = 300): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    const end = (what: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => end('timeout'))), ms);
    socket.once('connect', () => end('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
  });
}

test('tells the whole recovery of a crashed node, as Nova and Redfish would', async () => {
  const { address, tcpPort } = world.node('compute-1');
  assert.equal(await knock(address, tcpPort), 'connected');
  await world.crash('compute-1');
  assert.equal(await knock(address, tcpPort), 'timeout');
  const guests = world.truth().nodes['compute-1']!.guests;
  assert.equal(guests.length, 2, 'a crashed node goes on running its guests');

  const listed = async () => (await api.services()).find((s) => s.host === 'compute-1')!;
  assert.equal((await listed()).state, 'up', 'not yet silent for service_down_time');
  await world.until((t) => !t.nodes['compute-1']!.up, 5_000);
  assert.equal((await listed()).state, 'down');

  assert.equal(await powerOf(world, 'compute-1'), 'On');
  assert.equal(await resetPower(world, 'compute-1', 'ForceOff'), 204);
  await world.until((t) => t.nodes['compute-1']!.power === 'off');
  assert.equal(await powerOf(world, 'compute-1'), 'Off');
  assert.deepEqual(world.truth().nodes['compute-1']!.guests, []);

  const { serviceId } = world.node('compute-1');
  const put = await api.put(serviceId, { status: 'disabled', disabled_reason: 'lifeboat:1', forced_down: true });
  assert.equal(put.status, 200);
  for (const id of guests) assert.equal((await api.act(id, { evacuate: {} })).status, 200);
  await world.until((t) => t.records.length === 2 && t.records.every((r) => r.status === 'done'));
  for (const id of guests) {
    const { server } = (await api.get(`/servers/${id}`)).body as { server: Record<string, unknown> };
    assert.notEqual(server['OS-EXT-SRV-ATTR:host'], 'compute-1');
    assert.equal(server['OS-EXT-STS:task_state'], null);
    assert.equal(world.truth().instances[id]!.runsOn.length, 1);
  }
});

test('keeps every mail', async () => {
  const mailer = createTransport({ host: world.smtp.host, port: world.smtp.port, ignoreTLS: true });
  await mailer.sendMail({ from: 'l@x', to: 'alice@acme.example', subject: 'moved', text: 'hello', messageId: '<a@b>' });
  mailer.close();
  const [mail] = world.mailbox.to('alice@acme.example');
  assert.equal(mail?.messageId, '<a@b>');
  assert.equal(mail?.text.trim(), 'hello');
});
