import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fencing } from '../../../activities/fencing/levels.ts';
import { powerReader } from '../../../activities/fencing/power-reader.ts';
import { bmcPower, judgePower } from '../../../activities/monitoring/bmc-power.ts';
import { systemClock } from '../../../activities/monitoring/clock.ts';
import type { MonitoringDriver, PowerSight } from '../../../activities/monitoring/driver.ts';
import { DEFAULT_TIMINGS as T } from '../../../workflows/defaults.ts';
import { fakeDevice } from '../fencing/fake-device.ts';
import type { Behaviour, FakeDevice } from '../fencing/fake-device.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

/** Devices by node and level: `{ dead: { bmc: [{ power: 'off' }] } }`. */
type Plan = Readonly<Record<string, Readonly<Record<string, readonly Partial<Behaviour>[]>>>>;

function fencingOf(plan: Plan): { fencing: Fencing; devices: FakeDevice[] } {
  const devices: FakeDevice[] = [];
  const levels = Object.entries(plan).map(([node, of]) => {
    const made = Object.entries(of).map(([name, behaviours]) => ({
      name,
      kind: 'power' as const,
      devices: behaviours.map((b, i) => fakeDevice(systemClock, { statusMs: 1, ...b }, `${node} ${name} ${i}`)),
    }));
    devices.push(...made.flatMap((level) => level.devices));
    return [node, made] as const;
  });
  const by = new Map(levels);
  const fencing: Fencing = {
    levelsOf: (node) => by.get(node) ?? [],
    nodesWithDevices: (nodes) => nodes.filter((node) => by.has(node)),
    problems: () => [],
    close: () => Promise.resolve(),
  };
  return { fencing, devices };
}

function channelOf(plan: Plan, options: object = {}) {
  const { fencing, devices } = fencingOf(plan);
  const context = contextOf({ readPower: powerReader(() => Promise.resolve(fencing)) });
  return { channel: bmcPower.create(bmcPower.options.parse(options), context), devices, context };
}

const down = (host: string) => ({ node: rowOf({ host, state: 'down' as const }) });

const PLAN: Plan = {
  living: { bmc: [{ power: 'on' }] },
  dead: { bmc: [{ power: 'off' }] },
  unreadable: { bmc: [{ statusFault: 'unreachable' }] },
  'half-off': { bmc: [{ power: 'off' }, { power: 'on' }] },
  'half-read': { bmc: [{ power: 'off' }, { statusFault: 'timeout' }] },
};

monitoringConformance('bmc-power', () =>
  Promise.resolve({
    subject: {
      driver: bmcPower as MonitoringDriver,
      options: {},
      refused: [{ levels: [] }, { levels: 'bmc' }, { ask: 'everybody' }, { parallel: 0 }, { timeout: '1h' }],
      context: channelOf(PLAN).context,
      alive: down('living'),
      ofTheLiving: 'unknown',
      failed: down('dead'),
      unknown: ['unreadable', 'half-off', 'half-read', 'without-device'].map(down),
    },
    tearDown: () => Promise.resolve(),
  }),
);

test('sends no command but status, whatever the devices say', async () => {
  const { channel, devices } = channelOf(PLAN, { ask: 'all' });
  await channel.look(lookOf(Object.keys(PLAN).map(down)));
  await channel.check!(lookOf([down('dead')]));
  assert.ok(devices.every(({ calls }) => calls.length > 0 && calls.every(({ what }) => what === 'status')));
});

test('reads only suspects: a node that reports to Nova, or is forced down, costs its BMC nothing', async () => {
  const plan = Object.fromEntries(
    ['up', 'still', 'down', 'forced'].map((n) => [n, { bmc: [{ power: 'off' as const }] }]),
  );
  const { channel, devices } = channelOf(plan);
  const seen = await channel.look(
    lookOf([
      { node: rowOf({ host: 'up' }), unmovedMs: T.reportIntervalMs },
      { node: rowOf({ host: 'still' }), unmovedMs: T.reportIntervalMs + 1 },
      down('down'),
      { node: rowOf({ host: 'forced', state: 'down', forcedDown: true }), unmovedMs: 60_000 },
    ]),
  );
  assert.deepEqual(
    ['up', 'still', 'down', 'forced'].map((host) => seen.get(host)?.verdict),
    ['unknown', 'failed', 'failed', 'unknown'],
  );
  assert.deepEqual(
    devices.map(({ calls }) => calls.length),
    [0, 1, 1, 0],
  );
});

test('a device that refused the login is not asked again: BMCs lock accounts, and the fence needs this one', async () => {
  const { channel, devices } = channelOf({ locked: { bmc: [{ statusFault: 'auth' }] } });
  const first = await channel.look(lookOf([down('locked')]));
  const second = await channel.look(lookOf([down('locked')]));
  assert.deepEqual([first.get('locked')?.verdict, second.get('locked')?.verdict], ['unknown', 'unknown']);
  assert.match(second.get('locked')!.saw, /left alone for a while: locked bmc 0: auth/);
  assert.equal(devices[0]!.calls.length, 1);
});

test('two looks at one time are one visit', async () => {
  const { channel, devices } = channelOf({ dead: { bmc: [{ power: 'off', statusMs: 50 }] } });
  const looks = await Promise.all([channel.look(lookOf([down('dead')])), channel.look(lookOf([down('dead')]))]);
  assert.deepEqual(
    looks.map((seen) => seen.get('dead')?.verdict),
    ['failed', 'failed'],
  );
  assert.equal(devices[0]!.calls.length, 1);
});

test('a device that never answers costs its node only', async () => {
  const { channel } = channelOf({ hangs: { bmc: [{ statusMs: Infinity }] }, dead: PLAN.dead! }, { timeout: '200ms' });
  const seen = await channel.look(lookOf([down('hangs'), down('dead')]));
  assert.deepEqual([seen.get('hangs')?.verdict, seen.get('dead')?.verdict], ['unknown', 'failed']);
});

test('one level that is off is enough, unless another says on; only the levels that were named count', async () => {
  const sight = (level: string, power: PowerSight['power']): PowerSight => ({ level, power, label: level, detail: '' });
  const verdict = (...sights: PowerSight[]) => judgePower(sights).verdict;
  assert.equal(verdict(sight('bmc', 'off'), sight('pdu', 'unknown')), 'failed');
  assert.equal(verdict(sight('bmc', 'off'), sight('pdu', 'on')), 'unknown');
  assert.equal(verdict(sight('pdu', 'off'), sight('pdu', 'unknown')), 'unknown');
  assert.equal(verdict(), 'unknown');
  const { channel } = channelOf({ dead: { bmc: [{ power: 'off' }], pdu: [{ power: 'on' }] } }, { levels: ['bmc'] });
  assert.equal((await channel.look(lookOf([down('dead')]))).get('dead')?.verdict, 'failed');
});

test('without fencing devices everything is unknown, and the check says so', async () => {
  const channel = bmcPower.create(bmcPower.options.parse({}), contextOf());
  assert.equal((await channel.look(lookOf([down('dead')]))).get('dead')?.verdict, 'unknown');
  const check = await channel.check!(lookOf([down('dead')]));
  assert.deepEqual([check.verdict, check.says], ['fail', 'no fencing devices are configured']);
});
