// The ironic driver in front of a small Ironic with its Keystone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FencingDriver } from '../../../activities/fencing/driver.ts';
import { ironic } from '../../../activities/fencing/ironic.ts';
import { contextOf, fencingConformance } from './conformance.ts';
import type { Machine } from './conformance.ts';
import { INSTANCE, ironicApi, NODE_ID } from './ironic-api.ts';
import type { IronicApi } from './ironic-api.ts';

let nodes = 0;
async function start(path?: string): Promise<Machine & { api: IronicApi; name: string }> {
  const name = `rack-${(nodes += 1)}`;
  const api = await ironicApi(name, path);
  const cloud = api.connect();
  return {
    api,
    name,
    options: (identity = false) => ({ node: name, ...(identity ? { uuid: NODE_ID.toUpperCase() } : {}) }),
    context: { openstack: () => cloud },
    set: api.set,
    power: () => Promise.resolve(api.state.power),
    commands: () => Promise.resolve(api.requests),
    stop: () => api.close(),
  };
}

fencingConformance({
  driver: ironic as FencingDriver,
  faults: {
    status: [
      'unreachable',
      'wrongPassword',
      'lacksPrivilege',
      'cannotTell',
      'speaksNonsense',
      'noSuchMachine',
      'otherMachine',
    ],
    off: [
      'unreachable',
      'wrongPassword',
      'lacksPrivilege',
      'refuses',
      'speaksNonsense',
      'noSuchMachine',
      'otherMachine',
      'losesReply',
    ],
  },
  refused: [
    { node: undefined },
    { instance: INSTANCE },
    { node: 'a/b' },
    { node: 'a?x=1' },
    { uuid: 'rack-1' },
    { node: undefined, instance: 'compute-1' },
  ],
  hasPassword: false,
  never: /reboot|soft/,
  start: () => start(),
});

const going = () => new AbortController().signal;

async function withIronic(
  change: Partial<IronicApi['state']>,
  options: Record<string, unknown>,
  act: (device: ReturnType<typeof ironic.create>, api: IronicApi) => Promise<void>,
  path?: string,
): Promise<void> {
  const machine = await start(path);
  Object.assign(machine.api.state, change);
  try {
    const parsed = ironic.options.parse({ ...machine.options(), ...options });
    await act(ironic.create('compute-1', parsed, contextOf(machine)), machine.api);
  } finally {
    await machine.stop();
  }
}

for (const said of [
  { power_state: null },
  { power_state: 'rebooting' },
  { power_state: 'POWER OFF' },
  { power_state: 'soft power off' },
  { target_power_state: 'power on' },
  { target_power_state: 'power off' },
])
  test(`ironic does not take ${JSON.stringify(said)} for off`, () =>
    withIronic({ power: 'off', said }, {}, async (device) => {
      const reading = await device.status(going());
      assert.equal(reading.power, 'unknown', reading.detail);
    }));

for (const [what, said] of [
  ['in maintenance: what it says of the power may be of last week', { maintenance: true, maintenance_reason: 'disk' }],
  ['whose power interface switches nothing', { power_interface: 'fake' }],
] as const)
  test(`ironic neither believes nor switches a node ${what}`, () =>
    withIronic({ power: 'off', said }, {}, async (device, api) => {
      const [reading, command] = [await device.status(going()), await device.off(going())];
      assert.deepEqual([reading.power, reading.fault], ['unknown', 'misconfigured']);
      assert.deepEqual([command.accepted, command.fault], [false, 'misconfigured']);
      assert.deepEqual(
        api.requests.filter((request) => request.startsWith('PUT')),
        [],
      );
    }));

test('ironic waits for a node that is locked, for nothing was done to it', () =>
  withIronic({ locked: 1 }, {}, async (device, api) => {
    assert.equal((await device.off(going())).accepted, true);
    const puts = api.requests.filter((request) => request.startsWith('PUT'));
    assert.deepEqual(puts, Array(2).fill(`PUT /v1/nodes/${NODE_ID}/states/power {"target":"power off"}`));
  }));

test('ironic says who holds the lock when it lasts', async () => {
  const machine = await start();
  Object.assign(machine.api.state, { locked: 1_000 });
  const context = contextOf(machine);
  const device = ironic.create('compute-1', ironic.options.parse(machine.options()), {
    ...context,
    timings: { ...context.timings, powerOffMs: 900 },
  });
  const { accepted, fault, detail } = await device.off(going());
  await machine.stop();
  assert.deepEqual([accepted, fault], [false, 'refused']);
  assert.match(detail, /busy: .*locked by host conductor-1/);
});

test('ironic finds the node of an instance, and no other', async () => {
  await withIronic({}, { node: undefined, instance: INSTANCE }, async (device) =>
    assert.equal((await device.status(going())).power, 'on'),
  );
  await withIronic({}, { node: undefined, instance: NODE_ID }, async (device) => {
    const { power, fault } = await device.status(going());
    assert.deepEqual([power, fault], ['unknown', 'misconfigured']);
  });
});

test('ironic calls no identity confirmed that is only what it asked for', () =>
  withIronic({}, { node: NODE_ID, uuid: NODE_ID }, async (device) =>
    assert.equal((await device.status(going())).identityConfirmed, false),
  ));

for (const path of ['', '/v1'])
  test(`ironic is found in the catalog with ${path || 'no version'} at its end, and told a microversion in both headers`, () =>
    withIronic(
      {},
      {},
      async (device, api) => {
        assert.equal((await device.status(going())).power, 'on');
        const { 'openstack-api-version': now, 'x-openstack-ironic-api-version': before } = api.headers.at(-1)!;
        assert.deepEqual([now, before], ['baremetal 1.31', '1.31']);
      },
      path,
    ));

test('ironic sends an off to what is off as far as Ironic knows: the conductor looks first', () =>
  withIronic({ power: 'off' }, {}, async (device, api) => {
    await device.off(going());
    assert.equal(api.requests.filter((request) => request.startsWith('PUT')).length, 1);
  }));

test('ironic says that its cloud cannot be read', async () => {
  const openstack = () => Promise.reject(new Error('Cloud undercloud: not in clouds.yaml'));
  const device = ironic.create('compute-1', ironic.options.parse({ node: 'a', cloud: 'undercloud' }), {
    ...contextOf({ context: {} }),
    openstack,
  });
  const { power, detail } = await device.status(going());
  assert.deepEqual([power, detail], ['unknown', 'ironic a: Error: Cloud undercloud: not in clouds.yaml']);
});
