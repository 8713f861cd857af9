// A node that crashed and writes its memory dump, as its crash kernel says by UDP: the off comes after it, and never without end.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, test, type TestContext } from 'node:test';
import { until } from '../support/until.ts';
import { SCALE, shutTemporal, tellStory, type Story } from './harness.ts';

after(shutTemporal);

const NODE = 'compute-2';

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}

/** What fence_kdump_send does, each ten seconds of the cloud's time, from this address. Answers how to stop it. */
async function dumpFrom(t: TestContext, address: string, port: number): Promise<() => void> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, address, done));
  const message = Buffer.from('402a301b01000000', 'hex');
  const sending = setInterval(() => socket.send(message, port, '127.0.0.1'), 10_000 * SCALE);
  let open = true;
  const stop = (): void => {
    clearInterval(sending);
    if (open) socket.close();
    open = false;
  };
  t.after(stop);
  return stop;
}

async function begin(t: TestContext, wait: string): Promise<{ s: Story; port: number }> {
  const port = await freeUdpPort();
  const s = await tellStory({ sections: { fencing: { kdump: { wait, listen: `127.0.0.1:${port}` } } } });
  t.after(() => s.end());
  await s.lookout();
  return { s, port };
}

const offs = (s: Story) => s.mutations().filter((call) => call === `ForceOff ${NODE}`);
const waits = (decisions: readonly { what: string }[]) => decisions.filter(({ what }) => /memory dump/.test(what));

test('the off comes after the dump has ended, and nothing is evacuated before', async (t) => {
  const { s, port } = await begin(t, '1h');
  await s.world.crash(NODE);
  const stop = await dumpFrom(t, s.world.node(NODE).address, port);
  await s.started(NODE);
  const state = await until(async () => ((await s.state(NODE)).doing.includes('memory dump') ? s.state(NODE) : null), {
    what: 'the fence waits for the dump',
    timeoutMs: 60_000,
  });
  assert.match(state.doing, /compute-2 writes its memory dump \(heard from 127\.\S+ \d+ s ago\)/);
  const sweeps = s.sweeps(10, 60_000);
  await sweeps;
  assert.deepEqual(s.mutations(), [], 'while it writes nothing is touched');
  assert.equal(s.world.truth().nodes[NODE]?.power, 'on');
  stop();
  const report = await s.ends(NODE, 90_000);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.proof?.kind, 'power');
  assert.equal(waits(report.decisions).length, 2, JSON.stringify(report.decisions));
  s.audit({}, report);
});

test('a dump without end delays the off by the wait, and no longer', async (t) => {
  const { s, port } = await begin(t, '2m');
  await s.world.crash(NODE);
  await dumpFrom(t, s.world.node(NODE).address, port);
  const report = await (await s.started(NODE), s.ends(NODE, 120_000));
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.match(waits(report.decisions).at(-1)!.what, /waited [5-9] s/);
  assert.equal(offs(s).length, 1);
  s.audit({}, report);
});

test('a message from an address that is not the node’s delays nothing', async (t) => {
  const { s, port } = await begin(t, '1h');
  await s.world.crash(NODE);
  await dumpFrom(t, '127.9.9.9', port);
  await s.started(NODE);
  const report = await s.ends(NODE, 90_000);
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.deepEqual(waits(report.decisions), []);
  s.audit({}, report);
});
