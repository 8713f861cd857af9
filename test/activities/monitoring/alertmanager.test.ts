import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, test } from 'node:test';
import { alertmanager } from '../../../activities/monitoring/alertmanager.ts';
import { AlertMemory, TooManyAlerts } from '../../../activities/monitoring/alerts.ts';
import type { Alert } from '../../../activities/monitoring/alerts.ts';
import type { MonitoringChannel, MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';
import { openPort, refusedPort } from './silent-port.ts';

const TOKEN = 'a-token-that-monitoring-systems-know';
const SECRETS = { TOKEN };
const SINCE = '2026-11-23T15:00:00.000Z';

const at = (host: string, hostIp: string | null = null) => ({ node: rowOf({ host, hostIp }) });

const alert = (instance: string, over: Partial<Alert> = {}, labels: Record<string, string> = {}): Alert => ({
  status: 'firing',
  labels: { alertname: 'NodeDown', instance, ...labels },
  startsAt: SINCE,
  ...over,
});

/** As Alertmanager 0.25 sends it. */
const body = (alerts: readonly Alert[]): string =>
  JSON.stringify({
    receiver: 'lifeboat',
    status: 'firing',
    alerts: alerts.map((a) => ({
      ...a,
      annotations: {},
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: '',
      fingerprint: '1',
    })),
    ...{ groupLabels: {}, commonLabels: {}, commonAnnotations: {}, externalURL: 'http://am:9093' },
    ...{ version: '4', groupKey: '{}:{}', truncatedAlerts: 0 },
  });

async function push(port: number, text: string, over: RequestInit = {}): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const r = await fetch(`http://127.0.0.1:${port}/alerts`, { method: 'POST', headers, body: text, ...over });
  return { status: r.status, text: (await r.text()).trim() };
}

async function receiver(options: object = {}, context = contextOf({}, SECRETS)) {
  const port = await refusedPort();
  const given = { listen: `127.0.0.1:${port}`, token: { env: 'TOKEN' }, ...options };
  const channel = alertmanager.create(alertmanager.options.parse(given), context);
  await channel.open!();
  after(() => channel.close!());
  const verdict = async (host: string): Promise<string> => (await channel.look(lookOf([at(host)]))).get(host)!.verdict;
  return { port, channel, verdict };
}

monitoringConformance('alertmanager', async () => {
  const port = await refusedPort();
  const listen = `127.0.0.1:${port}`;
  const token = { env: 'TOKEN' };
  return {
    subject: {
      driver: alertmanager as MonitoringDriver,
      options: { listen, token },
      refused: [
        { token },
        { listen },
        { listen, token: 'written here' },
        { listen: '127.0.0.1', token },
        { listen: '127.0.0.1:70000', token },
        { listen: '0.0.0.0:9095', token },
        { listen, token, path: 'alerts' },
        { listen, token, tls: 'off' },
        { listen, token, maxBytes: 1 },
        { listen, token, expireAfter: '1s' },
        { listen, token, match: ['NodeDown'] },
      ],
      context: contextOf({}, SECRETS),
      prepare: async (channel: MonitoringChannel) => {
        await channel.open!();
        await push(port, body([alert('dead:9100'), alert('mended:9100', { status: 'resolved' })]));
      },
      alive: at('living'),
      ofTheLiving: 'unknown',
      failed: at('dead'),
      unknown: [at('mended'), at('never-told')],
    },
    tearDown: () => Promise.resolve(),
  };
});

test('an alert that fires is failed since it began; resolved, it is no evidence any more, and nobody is called alive', async () => {
  const { port, channel, verdict } = await receiver();
  assert.deepEqual(await push(port, body([alert('one:9100')])), { status: 200, text: 'lifeboat: 1 of 1 alerts taken' });
  const seen = (await channel.look(lookOf([at('one')]))).get('one')!;
  assert.equal(seen.verdict, 'failed');
  assert.match(seen.saw, /^NodeDown fires since 2026-11-23T15:00:00.000Z, told 0 s ago$/);
  await push(port, body([alert('one:9100', { status: 'resolved' })]));
  assert.equal(await verdict('one'), 'unknown');
  await push(port, body([alert('one:9100', { startsAt: '2026-11-23T16:00:00.000Z' })]));
  assert.equal(await verdict('one'), 'failed');
});

test('an alert may mean degraded: its node lives and is in trouble, and is never failed by it', async () => {
  const { port, verdict } = await receiver({ means: 'degraded' });
  await push(port, body([alert('one:9100', {}, { alertname: 'MemoryErrors' })]));
  assert.equal(await verdict('one'), 'degraded');
  assert.deepEqual(
    alertmanager.says!(alertmanager.options.parse({ listen: '127.0.0.1:1', token: { env: 'T' }, means: 'degraded' })),
    ['degraded', 'unknown'],
  );
});

test('what does not know the token, is no POST, or goes elsewhere is refused by name, and nothing of it is kept', async () => {
  const { port, verdict } = await receiver();
  const one = body([alert('one')]);
  const wrong = { authorization: 'Bearer something-else-entirely' };
  const basic = { authorization: `Basic ${TOKEN}` };
  assert.deepEqual(await push(port, one, { headers: wrong }), { status: 401, text: 'lifeboat: this is not the token' });
  assert.deepEqual(await push(port, one, { headers: basic }), {
    status: 401,
    text: 'lifeboat: a bearer token is needed',
  });
  assert.equal((await push(port, one, { headers: {} })).status, 401);
  assert.equal((await push(port, one, { method: 'PUT' })).status, 405);
  const elsewhere = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: one });
  assert.equal(elsewhere.status, 404);
  assert.equal(await verdict('one'), 'unknown');
});

test('what is no body of a webhook is a 400 that says what is wrong', async () => {
  const { port } = await receiver();
  const cases: [string, RegExp][] = [
    ['{"version"', /not JSON/],
    ['[]', /the body: /],
    [body([]).replace('"version":"4"', '"version":"3"'), /version: .*version 4/],
    [body([alert('one', { startsAt: 'yesterday' })]), /alerts.0.startsAt: is no moment/],
    [body([alert('one')]).replace('"firing","labels"', '"burning","labels"'), /alerts.0.status/],
  ];
  for (const [text, why] of cases) {
    const answer = await push(port, text);
    assert.equal(answer.status, 400, text);
    assert.match(answer.text, why);
  }
});

test('a body that is too long is a 413, whether it says its length or not, and the receiver goes on', async () => {
  const { port, verdict } = await receiver({ maxBytes: 2_048 });
  const long = body(Array.from({ length: 2_000 }, (_, i) => alert(`many-${i}`)));
  assert.deepEqual(await push(port, long), { status: 413, text: 'lifeboat: the body is longer than 2048 bytes' });
  const stream = new Blob([long]).stream();
  assert.equal((await push(port, '', { body: stream, duplex: 'half' } as RequestInit)).status, 413);
  assert.equal((await push(port, body([alert('one')]))).status, 200);
  assert.equal(await verdict('one'), 'failed');
});

test('a connection that breaks in the middle of a body leaves nothing behind', async () => {
  const { port, verdict } = await receiver();
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const text = body([alert('one')]);
  const head = `POST /alerts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: ${text.length}\r\n\r\n`;
  socket.write(head + text.slice(0, -5));
  socket.destroy();
  await once(socket, 'close');
  assert.equal((await push(port, body([]))).status, 200);
  assert.equal(await verdict('one'), 'unknown');
});

test('only alerts with the wanted labels count, and an expression may find the name', async () => {
  const options = { match: { alertname: 'Node*', severity: 'critical' }, label: 'host', node: '^(.*)\\.ipmi$' };
  const { port, verdict } = await receiver(options);
  const critical = { severity: 'critical' };
  const of = (host: string, labels: Record<string, string>) => alert('x', {}, { host: `${host}.ipmi`, ...labels });
  const alerts = [
    of('one', critical),
    of('two', { severity: 'info' }),
    of('three', { ...critical, alertname: 'Disk' }),
  ];
  assert.match((await push(port, body(alerts))).text, /1 of 3 alerts taken/);
  assert.deepEqual(await Promise.all(['one', 'two', 'three'].map(verdict)), ['failed', 'unknown', 'unknown']);
});

test('without its token it takes nothing and says so', async () => {
  const { port, channel } = await receiver({}, contextOf());
  assert.deepEqual(await push(port, body([])), { status: 503, text: 'lifeboat: our own token cannot be read' });
  await assert.rejects(channel.check!(lookOf([])), /Cannot read secret TOKEN/);
});

test('where the address is taken everything is unknown, until it is free', async () => {
  const other = await openPort();
  const given = { listen: `127.0.0.1:${other.port}`, token: { env: 'TOKEN' } };
  const channel = alertmanager.create(alertmanager.options.parse(given), contextOf({}, SECRETS));
  after(() => channel.close!());
  await channel.open!();
  await assert.rejects(channel.look(lookOf([at('one')])), /cannot listen on .*EADDRINUSE/);
  await other.close();
  assert.equal((await channel.look(lookOf([at('one')]))).get('one')?.verdict, 'unknown');
  assert.equal((await push(other.port, body([alert('one')]))).status, 200);
});

test('the check finds the receiver of a worker, or says that there is none, and opens none itself', async () => {
  const { port, channel } = await receiver();
  assert.equal((await channel.check!(lookOf([]))).verdict, 'ok');
  await channel.close!();
  const none = await channel.check!(lookOf([]));
  assert.deepEqual([none.verdict, /nobody takes alerts at http:\/\/127.0.0.1/.test(none.says)], ['warn', true]);
  await assert.rejects(push(port, body([])));
});

// --- the memory -----------------------------------------------------------------------------------------------------------

const verdictIn = (memory: AlertMemory, nowMs: number, value = 'one'): string | undefined =>
  memory.seen(nowMs).get(value)?.verdict;

test('the same alert again joins: it stays failed for as long as it is repeated, and expires when it is not', () => {
  const memory = new AlertMemory('instance', 1_000);
  memory.take([alert('one')], 0);
  memory.take([alert('one')], 900);
  assert.equal(verdictIn(memory, 1_900), 'failed');
  assert.match(memory.seen(1_900).get('one')!.saw, /fires since/);
  assert.equal(verdictIn(memory, 1_901), 'unknown');
  assert.match(memory.seen(1_901).get('one')!.saw, /was not repeated/);
  memory.take([], 5_000);
  assert.equal(memory.seen(5_000).size, 0);
});

test('two alerts of one node are two: one that is resolved leaves the other', () => {
  const memory = new AlertMemory('instance', 1_000);
  const other = alert('one', {}, { alertname: 'NodeGone' });
  memory.take([alert('one'), other], 0);
  assert.match(memory.seen(0).get('one')!.saw, /and 1 more/);
  memory.take([alert('one', { status: 'resolved' })], 1);
  assert.equal(verdictIn(memory, 2), 'failed');
  memory.take([{ ...other, status: 'resolved' }], 3);
  assert.equal(verdictIn(memory, 4), 'unknown');
});

test('a repeat that comes after its own end does not fire again', () => {
  const memory = new AlertMemory('instance', 1_000);
  memory.take([alert('one', { status: 'resolved' })], 0);
  memory.take([alert('one')], 1);
  assert.equal(verdictIn(memory, 2), 'unknown');
});

test('it keeps no more alerts than it can bear, and none of a push that is too many', () => {
  const memory = new AlertMemory('instance', 1_000);
  memory.take(
    Array.from({ length: 10_000 }, (_, i) => alert(`n${i}`)),
    0,
  );
  assert.throws(() => memory.take([alert('one')], 1), TooManyAlerts);
  memory.take([alert('n1')], 2);
  memory.take([alert('one')], 5_000);
  assert.equal(verdictIn(memory, 5_000), 'failed');
});

test('an alert without the label names nobody', () => {
  const memory = new AlertMemory('host', 1_000);
  assert.equal(memory.take([alert('one')], 0), 0);
});
