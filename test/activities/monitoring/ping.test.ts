import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { ping } from '../../../activities/monitoring/ping.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

const program = join(import.meta.dirname, 'ping-stand-in.sh');
const context = contextOf({ programs: { ping: program } });
const at = (host: string, hostIp: string | null) => ({ node: rowOf({ host, hostIp }) });
const living = at('living', '127.0.0.1');
const dead = at('dead', '127.0.0.2');

monitoringConformance('ping', () =>
  Promise.resolve({
    subject: {
      driver: ping as MonitoringDriver,
      options: {},
      refused: [
        { timeout: 0 },
        { timeout: 1.5 },
        { timeout: '2s' },
        { parallel: 0 },
        { reference: ['-f'] },
        { reference: ['http://router'] },
        { address: '{name}-storage' },
        { address: 'https://{node}' },
        { address: '' },
      ],
      context,
      alive: living,
      failed: dead,
      unknown: [
        at('no-address', null),
        at('unreachable', '127.0.0.3'),
        at('forbidden', '127.0.0.5'),
        at('no-name', 'no-such-name'),
        at('an-option', '-f'),
      ],
    },
    tearDown: () => Promise.resolve(),
  }),
);

const channelOf = (options: object, over: Parameters<typeof contextOf>[0] = {}) =>
  ping.create(ping.options.parse(options), contextOf({ programs: { ping: program }, ...over }));

test('where ping is missing everything is unknown, and the check says what to install', async () => {
  const channel = channelOf({}, { programs: { ping: '/no/such/ping' } });
  const seen = await channel.look(lookOf([living, dead]));
  assert.deepEqual(
    [...seen.values()].map((e) => [e.verdict, /not installed/.test(e.saw)]),
    [
      ['unknown', true],
      ['unknown', true],
    ],
  );
  const { verdict, says, todo } = await channel.check!(lookOf([living, dead]));
  assert.equal(verdict, 'fail');
  assert.match(says, /0 of 2 nodes answer; .*not installed/);
  assert.match(todo!, /iputils-ping/);
});

test('a missing permission is named as it is', async () => {
  const seen = await channelOf({}).look(lookOf([living, at('forbidden', '127.0.0.5')]));
  assert.match(seen.get('forbidden')!.saw, /Operation not permitted.*cap_net_raw/);
});

test('silence of all is the silence of our own network, unless a reference answers', async () => {
  const nobody = await channelOf({}).look(lookOf([dead, at('dead-2', '127.0.0.2')]));
  assert.deepEqual(
    [...nobody.values()].map((e) => e.verdict),
    ['unknown', 'unknown'],
  );
  assert.match(nobody.get('dead')!.saw, /nobody else answers/);
  const verdictWith = async (reference: string): Promise<string> =>
    (await channelOf({ reference: [reference] }).look(lookOf([dead]))).get('dead')!.verdict;
  assert.equal(await verdictWith('127.0.0.1'), 'failed');
  assert.equal(await verdictWith('127.0.0.2'), 'unknown');
});

test('an address may be made of the names of a node', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-ping-'));
  after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const script = join(folder, 'ping');
  writeFileSync(script, `#!/bin/sh\nPING_LOG=${log} exec ${program} "$@"\n`, { mode: 0o755 });
  const channel = channelOf({ address: '{short}-storage.example.net', timeout: 3 }, { programs: { ping: script } });
  const seen = await channel.look(lookOf([at('living-1.example.org', null)]));
  assert.equal(seen.get('living-1.example.org')!.verdict, 'alive');
  assert.equal(readFileSync(log, 'utf8'), '-n -c 1 -i 0.5 -w 3 -- living-1-storage.example.net\n');
});

test('who answers not even its own segment is silent; what a router says is unknown', async () => {
  const seen = await channelOf({}).look(lookOf([living, at('segment', '127.0.0.6'), at('router', '127.0.0.3')]));
  assert.deepEqual(
    ['segment', 'router'].map((host) => seen.get(host)?.verdict),
    ['failed', 'unknown'],
  );
  assert.match(seen.get('router')!.saw, /192.0.2.254 says Destination Host Unreachable/);
});

test('a ping that does not end costs its node only, and the look ends before the sweep gives it up', async () => {
  const timings = { ...DEFAULT_TIMINGS, novaReadMs: 500, tcpTimeoutMs: 250 };
  const many = Array.from({ length: 5 }, (_, i) => at(`hangs-${i}`, '127.0.0.4'));
  const channel = channelOf({ parallel: 2 }, { timings });
  const begun = performance.now();
  const seen = await channel.look(lookOf([...many, living]));
  assert.ok(performance.now() - begun < 2_000);
  assert.deepEqual(
    many.map(({ node }) => seen.get(node.host)?.verdict),
    many.map(() => 'unknown'),
  );
});

test('the node that Nova calls down is asked first', async () => {
  const timings = { ...DEFAULT_TIMINGS, novaReadMs: 1_500, tcpTimeoutMs: 250 };
  const hanging = Array.from({ length: 3 }, (_, i) => at(`hangs-${i}`, '127.0.0.4'));
  const down = { node: rowOf({ host: 'down', hostIp: '127.0.0.1', state: 'down' as const }) };
  const seen = await channelOf({ parallel: 1 }, { timings }).look(lookOf([...hanging, down]));
  assert.equal(seen.get('down')?.verdict, 'alive');
});
