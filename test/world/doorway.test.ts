import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connectAs, powerOf } from './caller.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

type Knock = 'connected' | 'refused' | 'silent';
function knock(host: string, port: number, ms = 250): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    const end = (what: Knock) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    // A busy loop hears of an answer only after its timers: one more turn before this is called silence.
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => end('silent'))), ms);
    socket.once('connect', () => end('connected'));
    socket.once('error', () => end('refused'));
  });
}

describe('addresses', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ seed: 21, nodes: 3, instances: 3, timeScale: 0.01 });
  });
  after(() => world.stop());
  const knockAt = (node: string) => knock(world.node(node).address, world.node(node).tcpPort);

  test('a dead node is silent, never refusing, and answers again after its boot; its neighbours answer all the time', async () => {
    for (let round = 0; round < 3; round++) {
      await world.powerLoss('compute-1');
      assert.deepEqual(await Promise.all(['compute-1', 'compute-1', 'compute-2'].map(knockAt)), [
        'silent',
        'silent',
        'connected',
      ]);
      await world.powerOn('compute-1');
      await world.until((t) => t.nodes['compute-1']!.os === 'up', 5_000);
      await world.until((_t, log) => log.of('network').filter((e) => e.answers).length === round + 1, 5_000);
      assert.equal(await knockAt('compute-1'), 'connected');
    }
  });

  test('going silent a second time shows no refusal to those who knock meanwhile', async () => {
    const seen = new Set<Knock>();
    let going = true;
    const knocking = (async () => {
      while (going) seen.add(await knock(world.node('compute-1').address, world.node('compute-1').tcpPort, 30));
    })();
    await world.hang('compute-1');
    await world.thaw('compute-1');
    await world.hang('compute-1');
    going = false;
    await knocking;
    assert.equal(seen.has('refused'), false);
    await world.thaw('compute-1');
  });

  test('a node whose network is cut is silent and lives; one whose bus is cut answers and does not report', async () => {
    await world.cut('compute-2', 'network');
    assert.equal(await knockAt('compute-2'), 'silent');
    assert.equal(world.truth().nodes['compute-2']!.up, true);
    await world.mend('compute-2', 'network');
    await world.cut('compute-2', 'bus');
    await world.until((t) => !t.nodes['compute-2']!.up, 5_000);
    assert.equal(await knockAt('compute-2'), 'connected');
    await world.mend('compute-2', 'bus');
    await world.until((t) => t.nodes['compute-2']!.up, 5_000);
  });

  test('a BMC without electricity is silent, and speaks again behind the same address', async () => {
    const at = new URL(world.node('compute-3').redfish.url);
    await world.powerLoss('compute-3', { withBmc: true });
    assert.equal(await knock(at.hostname, Number(at.port)), 'silent');
    await world.bmcBack('compute-3');
    assert.equal(await powerOf(world, 'compute-3'), 'Off');
  });
});

test('a thousand nodes stand, answer and are listed; stopping leaves nothing behind', async () => {
  const world = await startWorld({ seed: 25, nodes: 1_000, instances: 2_000, timeScale: 1 });
  const api = await connectAs(world);
  assert.equal((await api.services()).length, 1_000);
  assert.equal(await knock(world.node('compute-1000').address, world.node('compute-1000').tcpPort), 'connected');
  assert.equal(new Set(world.nodes.map((n) => n.address)).size, 1_000);
  await world.powerLoss('compute-777');
  assert.equal(await knock(world.node('compute-777').address, world.node('compute-777').tcpPort), 'silent');
  const { address, tcpPort } = world.node('compute-777');
  await world.stop();
  assert.equal(await knock(address, tcpPort), 'refused');
});
