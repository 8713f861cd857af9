// A probe reads every device and switches none, on a virtual clock: no power command ever, hung ones cost their own time alone.
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fencing } from '../../../activities/fencing/levels.ts';
import type { FleetToProbe } from '../../../activities/fencing/probe-contract.ts';
import { createProbeActivities, type WatchKnows } from '../../../activities/fencing/probe.ts';
import type { Compute } from '../../../activities/openstack/types.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import type { NodeView } from '../../../workflows/domain.ts';
import type { ProbeReading } from '../../../workflows/contract.ts';
import { fakeDevice, type Behaviour, type FakeDevice } from './fake-device.ts';
import { VirtualClock } from './virtual-clock.ts';

const RUN = '01a20893-f60e-71cd-911f-cea6b5753b9b';
const row = (host: string, more: Partial<NodeView> = {}): NodeView => ({
  ...{ host, serviceId: host, zone: 'nova', status: 'enabled', state: 'up', forcedDown: false, disabledReason: null },
  ...{ updatedAt: 'T0', hostIp: null },
  ...more,
});

function fleet(behaviours: Record<string, Partial<Behaviour>>, rows: (look: number) => NodeView[] = () => []) {
  const clock = new VirtualClock();
  const devices = Object.fromEntries(
    Object.entries(behaviours).map(([node, given]) => [node, fakeDevice(clock, given, `fake ${node}`)]),
  ) as Record<string, FakeDevice>;
  const fencing: Fencing = {
    levelsOf: (node) => (devices[node] ? [{ name: 'bmc', kind: 'power', devices: [devices[node]] }] : []),
    nodesWithDevices: (nodes) => [...nodes],
    problems: () => [],
    close: () => Promise.resolve(),
  };
  let looks = 0;
  const compute = { services: () => Promise.resolve(rows(looks++)) } as unknown as Compute;
  let watch: WatchKnows = { open: [] };
  const activities = createProbeActivities({
    ...{ fencing, openstack: { compute }, tcpPorts: [], timings: DEFAULT_TIMINGS, clock },
    askWatch: () => Promise.resolve(watch),
  });
  const read = (nodes: string[], rest: string[] = []): Promise<ProbeReading> =>
    clock.run(new MockActivityEnvironment().run(activities.readDevices, { nodes, rest }));
  const which = (knows: WatchKnows): Promise<FleetToProbe> => {
    watch = knows;
    return new MockActivityEnvironment().run(activities.fleetToProbe, 'prod');
  };
  const offs = (): number => Object.values(devices).reduce((sum, d) => sum + d.offs(), 0);
  return { clock, devices, read, which, offs };
}

test('every device is read, none is switched, and each trouble keeps its name', async () => {
  const f = fleet({ a: {}, b: { statusFault: 'auth' }, c: { statusFault: 'unreachable' }, d: { power: 'off' } });
  const said = await f.read(['a', 'b', 'c', 'd', 'bare']);
  assert.deepEqual(said.ok, ['a/bmc/fake a', 'd/bmc/fake d'], 'off is no fault: its node may be off');
  assert.deepEqual(
    said.broken.map(({ node, health, detail, byHand }) => [node, health, detail, byHand]),
    [
      ['b', 'auth', 'fake b: auth', 'look fake b'],
      ['c', 'unreachable', 'fake c: unreachable', 'look fake c'],
    ],
  );
  assert.equal(said.bare, 1);
  assert.equal(f.devices.b!.calls.length, 1, 'a password is tried once: BMCs lock accounts');
  assert.equal(f.devices.c!.calls.length, 2, 'what was silent is asked a second time before anybody is told');
  assert.equal(f.offs(), 0);
  assert.ok(Object.values(f.devices).every(({ calls }) => calls.every(({ what }) => what === 'status')));
});

test('one that rests is not asked', async () => {
  const f = fleet({ a: { statusFault: 'auth' }, b: {} });
  const said = await f.read(['a', 'b'], ['a/bmc/fake a']);
  assert.deepEqual(said.left, ['a/bmc/fake a']);
  assert.equal(f.devices.a!.calls.length, 0);
});

test('sixty devices that all hang cost their time limits side by side, not one after the other', async () => {
  const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const f = fleet(Object.fromEntries(names.map((n) => [n, { statusMs: Infinity }])));
  const began = f.clock.now();
  const said = await f.read(names);
  assert.equal(said.broken.length, 60);
  assert.ok(said.broken.every(({ health }) => health === 'timeout'));
  // Two readings of 18 s each, sixteen at a time.
  assert.ok(f.clock.now() - began <= 2 * 4 * 18_000, `${f.clock.now() - began} ms`);
});

test('one hung device among sixty costs the round its own two time limits', async () => {
  const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const f = fleet(Object.fromEntries(names.map((n, i) => [n, i === 0 ? { statusMs: Infinity } : {}])));
  const began = f.clock.now();
  const said = await f.read(names);
  assert.equal(said.ok.length, 59);
  assert.ok(f.clock.now() - began <= 2 * 18_000 + 500, `${f.clock.now() - began} ms`);
});

test('off is another machine only where the node reported after its device had said off', async () => {
  const behaviours = { lives: { power: 'off' }, died: { power: 'off' }, down: { power: 'off' } } as const;
  const f = fleet(behaviours, (look) => [
    row('lives', { updatedAt: `T${look}` }),
    row('died'),
    row('down', { state: 'down', updatedAt: `T${look}` }),
  ]);
  const said = await f.read(['lives', 'died', 'down']);
  assert.deepEqual(
    said.broken.map(({ node, health }) => [node, health]),
    [['lives', 'contradiction']],
  );
  assert.equal(f.offs(), 0);
});

test('nodes under recovery or maintenance have their devices for themselves', async () => {
  const rows = [
    row('free'),
    row('open'),
    row('marked', { disabledReason: `lifeboat:${RUN}` }),
    row('over', { disabledReason: `lifeboat:${RUN}:recovered` }),
    row('worked-on'),
  ];
  const f = fleet({}, () => rows);
  const known: FleetToProbe['known'][number] = {
    ...{ node: 'open', level: 'bmc', label: 'x', health: 'auth' as const, since: 'T', askedAt: 'T' },
    ...{ detail: 'long words', byHand: 'a command' },
  };
  const told = await f.which({
    open: [{ node: 'open' }],
    maintenance: { 'worked-on': {} },
    devices: { broken: [known] },
  });
  assert.deepEqual(told.nodes, ['free', 'over']);
  assert.deepEqual(told.busy.toSorted(), ['marked', 'open', 'worked-on']);
  assert.deepEqual(told.known, [{ ...known, detail: '', byHand: '' }], 'small: all of them stand in each history');
});
