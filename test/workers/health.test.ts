import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { sweepSeen } from '../../activities/monitoring/metrics.ts';
import type { FleetSight } from '../../activities/monitoring/contract.ts';
import { healthOf, serveSight, type Vitals } from '../../workers/health.ts';
import { checkWatchdogUrl, tellWatchdog } from '../../workers/health-watchdog.ts';
import { parseAddress } from '../../workers/metrics.ts';
import { createRedactor } from '../../workers/redact.ts';
import { until } from '../support/until.ts';

const running = [
  { queue: 'monitoring', state: 'RUNNING' },
  { queue: 'guard', state: 'RUNNING' },
];

/** Vitals that a test changes, and how often Temporal was asked. */
function patient(): Vitals & { state: { queue: string; state: string }[]; away: string | null; asked: number } {
  const vitals = {
    state: running,
    away: null as string | null,
    asked: 0,
    pollers: () => vitals.state,
    temporal: async () => {
      vitals.asked++;
      if (vitals.away !== null) throw new Error(vitals.away);
    },
  };
  return vitals;
}

test('is well only while every poller runs and Temporal answers, and says what is not', async () => {
  const vitals = patient();
  let clock = 0;
  const health = healthOf(vitals, () => clock);
  assert.deepEqual(await health(), { ok: true, says: 'ok: polls monitoring, guard' });

  vitals.state = [running[0]!, { queue: 'guard', state: 'FAILED' }];
  assert.deepEqual(await health(), { ok: false, says: 'not polling: guard FAILED' });
  vitals.state = [];
  assert.match((await health()).says, /^starting/);

  vitals.state = running;
  vitals.away = '14 UNAVAILABLE: no connection';
  assert.equal((await health()).ok, true, 'it answered a moment ago');
  clock += 6_000;
  assert.deepEqual(await health(), { ok: false, says: 'Temporal does not answer: 14 UNAVAILABLE: no connection' });
  vitals.away = null;
  assert.equal((await health()).ok, true, 'as soon as it answers again');
});

test('asks Temporal once, however many ask at the same time', async () => {
  const vitals = patient();
  const health = healthOf(vitals, () => 0);
  await Promise.all(Array.from({ length: 20 }, () => health()));
  assert.equal(vitals.asked, 1);
});

async function listening(t: TestContext, answer: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => closed(server));
  return (server.address() as AddressInfo).port;
}

const closed = (server: Server): Promise<unknown> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });

test('one address has the metrics and the health, and no secret leaves by it', async (t) => {
  const exporter = await listening(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('lifeboat_paused 0\n');
  });
  const redactor = createRedactor();
  redactor.know('sesame-12345');
  const vitals = patient();
  const doors = { health: healthOf(vitals), exporter, redact: redactor.redact };
  const server = await serveSight(parseAddress('127.0.0.1:0'), doors);
  t.after(() => closed(server));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const metrics = await fetch(`${url}/metrics`);
  assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4');
  assert.equal(await metrics.text(), 'lifeboat_paused 0\n');
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 405);

  const ill = patient();
  ill.away = 'refused the key sesame-12345\nat line 3';
  const other = await serveSight(parseAddress('127.0.0.1:0'), { ...doors, health: healthOf(ill) });
  t.after(() => closed(other));
  const answer = await fetch(`http://127.0.0.1:${(other.address() as AddressInfo).port}/healthz`);
  assert.equal(answer.status, 503);
  const line = await answer.text();
  assert.match(line, /^Temporal does not answer: refused the key .+ at line 3\n$/);
  assert.ok(!line.includes('sesame-12345'), line);

  const taken = { host: '127.0.0.1', port: exporter };
  await assert.rejects(
    serveSight(taken, doors),
    /Cannot serve metrics at 127\.0\.0\.1:\d+: EADDRINUSE \(see --metrics\)/,
  );
});

test('an address is a host and a port', () => {
  assert.deepEqual(parseAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseAddress('[::1]:9464'), { host: '::1', port: 9464 });
  assert.deepEqual(parseAddress(':9464'), { host: '::', port: 9464 });
  for (const wrong of ['9464', 'http://127.0.0.1:9464', '127.0.0.1', '127.0.0.1:99999', '::1:9464'])
    assert.throws(() => parseAddress(wrong), /not an address/, wrong);
});

const sight: FleetSight = {
  ...{ whole: true, trouble: '', nodes: 3, alive: 3, failed: [], ours: [], unknown: 0, readAt: '2026-08-01T00:00:00Z' },
};

test('the watchdog hears of whole sweeps of its own cloud, not too often, and of nothing else', async (t) => {
  let pings = 0;
  const port = await listening(t, (request, response) => {
    assert.equal(request.method, 'GET');
    pings++;
    response.end();
  });
  const logger = { warn: () => assert.fail('nothing to warn of'), info: () => undefined };
  const url = `http://127.0.0.1:${port}/ping/s3cret`;
  const stop = tellWatchdog({ url, cloud: 'prod', logger, everyMs: 60_000 });
  t.after(stop);
  sweepSeen.publish({ cloud: 'prod', sight: { ...sight, whole: false } });
  sweepSeen.publish({ cloud: 'other', sight });
  sweepSeen.publish({ cloud: 'prod', sight });
  sweepSeen.publish({ cloud: 'prod', sight });
  await until(() => pings > 0, { what: 'it is told' });
  sweepSeen.publish({ cloud: 'prod', sight });
  assert.equal(pings, 1);
});

test('a watchdog that does not hear is one warning without its address, until it hears again', async (t) => {
  let status = 500;
  let pings = 0;
  const port = await listening(t, (_, response) => {
    pings++;
    response.writeHead(status).end();
  });
  const said: string[] = [];
  const keep = (line: string) => void said.push(line);
  const url = `http://127.0.0.1:${port}/ping/s3cret`;
  t.after(tellWatchdog({ url, cloud: 'prod', logger: { warn: keep, info: keep }, everyMs: 0 }));
  const sweep = async (): Promise<void> => {
    const before = pings;
    await until(
      () => {
        sweepSeen.publish({ cloud: 'prod', sight });
        return pings > before;
      },
      { what: 'another ping' },
    );
  };
  await sweep();
  await sweep();
  await sweep();
  status = 200;
  await sweep();
  await until(() => said.length === 2, { what: 'it says that it is heard' });
  assert.deepEqual(said, ['the watchdog does not hear us: status 500', 'the watchdog hears us again']);

  assert.throws(
    () => checkWatchdogUrl('ftp://x/s3cret'),
    (error: Error) => !error.message.includes('s3cret'),
  );
  assert.doesNotThrow(() => checkWatchdogUrl(url));
});
