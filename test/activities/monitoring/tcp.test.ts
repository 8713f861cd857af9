import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectAny, connectOnce } from '../../../activities/monitoring/connect.ts';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { tcp } from '../../../activities/monitoring/tcp.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';
import { openPort, refusedPort, silentPort } from './silent-port.ts';
import type { Port } from './silent-port.ts';

const LIMIT_MS = 400;
const context = contextOf({ timings: { ...DEFAULT_TIMINGS, tcpTimeoutMs: LIMIT_MS } });
const forEver = new AbortController().signal;

// One port number, silent on 127.0.0.2, refused everywhere else on the loopback; and an open one.
let silent: Port;
let open: Awaited<ReturnType<typeof openPort>>;
before(async () => {
  silent = await silentPort('127.0.0.2');
  open = await openPort();
});
after(async () => {
  await silent.close();
  await open.close();
});

const channelOf = (options: unknown): ReturnType<typeof tcp.create> => tcp.create(tcp.options.parse(options), context);
const dead = () => ({ node: rowOf({ host: 'dead', hostIp: '127.0.0.2' }) });
const living = () => ({ node: rowOf({ host: 'living', hostIp: '127.0.0.1' }) });

monitoringConformance('tcp', () =>
  Promise.resolve({
    subject: {
      driver: tcp as MonitoringDriver,
      options: { ports: [silent.port] },
      refused: [{ ports: [] }, { ports: [0] }, { ports: ['ssh'] }, { parallel: 0 }, { reference: [{ host: 'x' }] }],
      context,
      alive: living(),
      failed: dead(),
      unknown: [
        { node: rowOf({ host: 'no-address', hostIp: null }) },
        // A broadcast address: the kernel itself refuses to go there.
        { node: rowOf({ host: 'unreachable', hostIp: '255.255.255.255' }) },
      ],
    },
    tearDown: () => Promise.resolve(),
  }),
);

test('an open port and a refused port are both a sign of life', async () => {
  assert.deepEqual(await connectOnce('127.0.0.1', open.port, LIMIT_MS, forEver), {
    kind: 'answered',
    saw: `${open.port} open`,
  });
  const refused = await refusedPort();
  assert.equal((await connectOnce('127.0.0.1', refused, LIMIT_MS, forEver)).kind, 'answered');
});

test('a name that does not resolve says nothing of the node', async () => {
  assert.equal((await connectOnce('no-such-host.invalid', 22, 5_000, forEver)).kind, 'unknown');
});

test('one port that answers is enough, whichever it is', async () => {
  const refused = await refusedPort('127.0.0.2');
  assert.equal((await connectAny('127.0.0.2', [silent.port, refused], LIMIT_MS, forEver)).kind, 'answered');
  assert.equal((await connectAny('127.0.0.2', [refused, silent.port], LIMIT_MS, forEver)).kind, 'answered');
  assert.equal((await connectAny('127.0.0.2', [silent.port], LIMIT_MS, forEver)).kind, 'silent');
});

test('a healthy node costs one connection, whatever the number of ports', async () => {
  const before = open.connections();
  await connectAny('127.0.0.1', [open.port, open.port, open.port], 2_000, forEver);
  await connectAny('127.0.0.1', [open.port, open.port, open.port], 2_000, forEver);
  assert.ok(open.connections() - before <= 2);
});

test('silence of all is the silence of our own network: unknown', async () => {
  const second = { node: rowOf({ host: 'dead-2', hostIp: '127.0.0.2' }) };
  const seen = await channelOf({ ports: [silent.port] }).look(lookOf([dead(), second]));
  assert.deepEqual(
    [...seen.values()].map((e) => e.verdict),
    ['unknown', 'unknown'],
  );
  assert.match(seen.get('dead')!.saw, /nobody else answers/);
});

test('a reference that answers makes the silence of all nodes evidence; one that is silent does not', async () => {
  const withReference = (port: number, host: string) =>
    channelOf({ ports: [silent.port], reference: [{ host, port }] });
  const good = await withReference(open.port, '127.0.0.1').look(lookOf([dead()]));
  assert.equal(good.get('dead')?.verdict, 'failed');
  const bad = await withReference(silent.port, '127.0.0.2').look(lookOf([dead()]));
  assert.equal(bad.get('dead')?.verdict, 'unknown');
});

test('a thousand nodes, a dead one among them, within the interval of a large fleet', async () => {
  const many = Array.from({ length: 999 }, (_, i) => ({ node: rowOf({ host: `n${i}`, hostIp: '127.0.0.1' }) }));
  const began = performance.now();
  const seen = await channelOf({ ports: [silent.port] }).look(lookOf([...many, dead()]));
  assert.ok(performance.now() - began < DEFAULT_TIMINGS.sweepEveryLargeMs);
  assert.deepEqual(
    [...seen].filter(([, e]) => e.verdict !== 'alive').map(([host]) => host),
    ['dead'],
  );
});

test('a process that was busy for longer than the time limit does not take its own delay for silence', async () => {
  const looking = Promise.all([
    connectOnce('127.0.0.1', open.port, LIMIT_MS, forEver),
    connectOnce('127.0.0.2', silent.port, LIMIT_MS, forEver),
  ]);
  await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + 3 * LIMIT_MS;
  while (performance.now() < until);
  const [answered, silence] = await looking;
  assert.equal(answered.kind, 'answered');
  assert.deepEqual(silence, { kind: 'unknown', saw: 'we were stopped' });
});

test('a look that is stopped ends at once', async () => {
  const stop = new AbortController();
  const looking = connectAny('127.0.0.2', [silent.port], 60_000, stop.signal);
  setImmediate(() => stop.abort());
  assert.equal((await looking).kind, 'unknown');
});
