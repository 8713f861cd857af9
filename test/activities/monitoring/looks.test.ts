import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOnce } from '../../../activities/monitoring/check-once.ts';
import { monitoringConfig } from '../../../activities/monitoring/config.ts';
import { createChannels } from '../../../activities/monitoring/index.ts';
import { EMPTY_MEMORY, firstAges } from '../../../activities/monitoring/judge.ts';
import { lookAtFleet } from '../../../activities/monitoring/look-at-fleet.ts';
import { resolveName } from '../../../activities/monitoring/resolve-node.ts';
import { askChannels } from '../../../activities/monitoring/sweep.ts';
import type { NamedChannel } from '../../../activities/monitoring/sweep.ts';
import type { Verdict } from '../../../workflows/domain.ts';
import { FakeFleet, POLICY, T } from './fleet.ts';
import { lookOf } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

const signal = new AbortController().signal;
const inputFor = (closely: string[], unmoved: Record<string, string | null> = {}) => ({
  policy: POLICY,
  unmoved,
  closely,
  lastWholeCount: 4,
});

// --- lookAtFleet --------------------------------------------------------------------------------------------------------

test('a fresh look holds for failed what still stands as the sweep saw it standing', async () => {
  const fleet = new FakeFleet(4);
  fleet.kill('compute-2');
  const stood = fleet.rows()[1]!.updatedAt;
  fleet.clock.time += 40_000;
  const { sight, looks } = await lookAtFleet(fleet, inputFor(['compute-2'], { 'compute-2': stood }), signal);
  assert.deepEqual(Object.keys(looks), ['compute-2']);
  assert.equal(looks['compute-2']!.verdict, 'failed');
  assert.deepEqual(
    looks['compute-2']!.evidence.map((e) => e.channel),
    ['nova-service', 'tcp'],
  );
  assert.deepEqual(sight.failed, ['compute-2']);
  assert.equal(sight.alive, 3);
});

test('a fresh look clears a node whose row moved since, although its network is silent', async () => {
  const fleet = new FakeFleet(4);
  fleet.node('compute-2').net = 'failed';
  const { looks } = await lookAtFleet(fleet, inputFor(['compute-2'], { 'compute-2': 'an older time' }), signal);
  assert.equal(looks['compute-2']!.verdict, 'alive');
});

test('a fresh look at half a list, or at none, is not whole and tells of no node', async () => {
  const fleet = new FakeFleet(4);
  fleet.list = (rows) => rows.slice(0, 2);
  const half = await lookAtFleet(fleet, inputFor(['compute-1']), signal);
  assert.equal(half.sight.whole, false);
  assert.deepEqual(half.looks, {});
  fleet.list = () => {
    throw new Error('[GET] compute /os-services: 401 Unauthorized');
  };
  const none = await lookAtFleet(fleet, inputFor(['compute-1']), signal);
  assert.deepEqual([none.sight.whole, none.sight.trouble], [false, '[GET] compute /os-services: 401 Unauthorized']);
});

test('a node that a person forced down is failed by what the sweep of this worker knows of it', async () => {
  const fleet = new FakeFleet(4);
  fleet.kill('compute-2');
  fleet.node('compute-2').row = { forcedDown: true };
  const row = fleet.rows()[1]!;
  const known = { ...firstAges(row, true, T), unmovedMs: T.staleMs };
  const memory = { ...EMPTY_MEMORY, nodes: new Map([['compute-2', known]]) };
  const without = await lookAtFleet(fleet, inputFor(['compute-2']), signal);
  assert.equal(without.looks['compute-2']!.verdict, 'unknown');
  const withIt = await lookAtFleet(fleet, inputFor(['compute-2']), signal, memory);
  assert.equal(withIt.looks['compute-2']!.verdict, 'failed');
});

test('a node that Nova does not list is missing in the answer', async () => {
  const { looks, sight } = await lookAtFleet(new FakeFleet(4), inputFor(['compute-9']), signal);
  assert.deepEqual(looks, {});
  assert.equal(sight.whole, true);
});

// --- channels -----------------------------------------------------------------------------------------------------------

test('a channel that rejects, hangs or forgets a node is unknown there, and holds up no other', async () => {
  const evidence = { verdict: 'failed' as const, saw: 'silent', readAt: '2026-01-01T00:00:00Z' };
  const channels = [
    { name: 'good', channel: { look: () => Promise.resolve(new Map([['compute-1', evidence]])) } },
    { name: 'rejects', channel: { look: () => Promise.reject(new Error('no route\n to the switch')) } },
    { name: 'hangs', channel: { look: () => new Promise<never>(() => {}) } },
  ];
  const look = lookOf([{ node: rowOf() }, { node: rowOf({ host: 'compute-2' }) }]);
  const policy = { ...POLICY, failedWhen: { all: ['good', 'rejects', 'hangs'] } };
  const looks = await askChannels(channels, look, policy, 50);
  const said = (host: string): string[] => looks.get(host)!.evidence.map((e) => `${e.verdict}: ${e.saw}`);
  assert.deepEqual(said('compute-1'), [
    'failed: silent',
    'unknown: no route to the switch',
    'unknown: no answer within 0 s',
  ]);
  assert.equal(said('compute-2')[0], 'unknown: nothing was told of it');
  assert.equal(looks.get('compute-1')!.verdict, 'unknown');
});

test('a node of a group is judged by its rule, and a veto forbids failed', async () => {
  const saying = (name: string, verdict: Verdict): NamedChannel => ({
    name,
    channel: {
      look: ({ nodes }) => Promise.resolve(new Map(nodes.map((n) => [n.host, { verdict, saw: name, readAt: '' }]))),
    },
  });
  const channels = [saying('a', 'failed'), saying('b', 'unknown'), saying('c', 'alive')];
  const policy = {
    ...POLICY,
    failedWhen: { all: ['a', 'b'] },
    groups: [
      { nodes: ['gpu-*'], failedWhen: { any: ['a', 'b'] } },
      { nodes: ['big-*'], failedWhen: { any: ['a', 'b'], veto: ['c'] } },
    ],
  };
  const look = lookOf(['compute-1', 'gpu-1', 'big-1'].map((host) => ({ node: rowOf({ host }) })));
  const looks = await askChannels(channels, look, policy, 1_000);
  assert.deepEqual(
    [...looks.values()].map((l) => l.verdict),
    ['unknown', 'failed', 'alive'],
  );
});

// --- checkOnce ----------------------------------------------------------------------------------------------------------

test('one check names the nodes that Nova calls down and that do not answer, and nobody else', async () => {
  const fleet = new FakeFleet(5);
  fleet.kill('compute-2');
  fleet.clock.time += 80_000;
  // Nova calls it down, but it answers: its agent is broken, not the node.
  fleet.node('compute-3').row = { state: 'down' };
  // Nova calls it up, but its network is silent.
  fleet.node('compute-4').net = 'failed';
  const samples: number[] = [];
  const { failed, sight } = await checkOnce(fleet, POLICY, signal, (_, n) => samples.push(n));
  assert.deepEqual(
    failed.map((f) => f.node.host),
    ['compute-2'],
  );
  assert.deepEqual([sight.whole, sight.alive], [true, 4]);
  assert.deepEqual(samples, [1, 2, 3]);
  assert.equal(fleet.calls, POLICY.samples);
});

test('one check of a cloud that does not answer names nobody and says why', async () => {
  const fleet = new FakeFleet(5);
  fleet.list = () => {
    throw new Error('503');
  };
  const { failed, sight } = await checkOnce(fleet, POLICY, signal);
  assert.deepEqual([failed, sight.whole, sight.trouble], [[], false, '503']);
});

// --- resolveNode --------------------------------------------------------------------------------------------------------

test('a name finds its node exactly, without case, or by its short name, and never guesses', () => {
  const nodes = ['compute-1', 'compute-10', 'Rack2-C1.example.org', 'gpu-1.east.example', 'gpu-1.west.example'].map(
    (host) => rowOf({ host }),
  );
  const found = (name: string): string | undefined => resolveName(name, nodes).found?.host;
  assert.equal(found('compute-1'), 'compute-1');
  assert.equal(found(' COMPUTE-10 '), 'compute-10');
  assert.equal(found('rack2-c1'), 'Rack2-C1.example.org');
  assert.equal(found('compute-1.example.org'), 'compute-1');
  assert.equal(found('gpu-1.east.example'), 'gpu-1.east.example');
  assert.equal(found('gpu-1.north.example'), undefined);
  assert.deepEqual(resolveName('gpu-1', nodes), { found: null, near: ['gpu-1.east.example', 'gpu-1.west.example'] });
  assert.deepEqual(resolveName('compte-1', nodes), { found: null, near: ['compute-1', 'compute-10'] });
  assert.deepEqual(resolveName('', nodes), { found: null, near: [] });
});

// --- configuration ------------------------------------------------------------------------------------------------------

test('without a word both channels look, under their own names', async () => {
  const config = monitoringConfig.parse({});
  const channels = await createChannels(config, contextOf());
  assert.deepEqual(
    channels.map((c) => [c.name, c.channel.direct ?? false]),
    [
      ['nova-service', false],
      ['tcp', true],
    ],
  );
});

test('an option that a driver does not know is refused where it stands', () => {
  const refused = monitoringConfig.safeParse({ channels: [{ driver: 'tcp', options: { port: 22 } }] });
  assert.deepEqual(
    refused.error?.issues.map((i) => i.path.join('.')),
    ['channels.0.options'],
  );
  const wrong = monitoringConfig.safeParse({ channels: [{ driver: 'tcp', options: { ports: [70_000] } }] });
  assert.deepEqual(
    wrong.error?.issues.map((i) => i.path.join('.')),
    ['channels.0.options.ports.0'],
  );
  assert.equal(monitoringConfig.safeParse({ chanels: [] }).success, false);
});

test('a driver may come from a module, under a name of its own', async () => {
  const module = new URL('./ping-module.ts', import.meta.url).pathname;
  const context = contextOf();
  const config = monitoringConfig.parse({ channels: [{ driver: module, name: 'ping', options: { says: 'alive' } }] });
  const [ping] = await createChannels(config, context);
  assert.equal(ping!.name, 'ping');
  const seen = await ping!.channel.look(lookOf([{ node: rowOf() }]));
  assert.equal(seen.get('compute-1')!.verdict, 'alive');
  const bad = monitoringConfig.parse({ channels: [{ driver: module, options: { says: 'maybe' } }] });
  await assert.rejects(createChannels(bad, context), /monitoring.channels\[0\].options.says/);
  const unknown = monitoringConfig.parse({ channels: [{ driver: 'tpc' }] });
  await assert.rejects(createChannels(unknown, context), /tpc: cannot be loaded.*known: .*tcp/);
});
