// From the file to the devices of a node: templates, overrides, and the refusal to share a device.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFencing, fencingConfig } from '../../../activities/fencing/levels.ts';
import { contextOf } from './conformance.ts';

const context = contextOf({ context: {} });
const secret = { env: 'BMC_PASSWORD' };
const ipmi = { user: 'admin', password: secret };

const messages = (config: unknown): string[] =>
  (fencingConfig.safeParse(config).error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`);

const going = () => new AbortController().signal;

test('fills in {node}, and lets an override replace a key for one node', async () => {
  const fencing = await createFencing(
    fencingConfig.parse({
      levels: [
        {
          name: 'bmc',
          devices: [
            {
              driver: 'ipmi',
              nodes: ['compute-*'],
              options: { ...ipmi, host: '{node}.bmc', port: 6230 },
              perNode: { 'compute-2': { host: '10.0.0.2', port: 623 } },
            },
          ],
        },
      ],
    }),
    context,
  );
  const labels = (node: string) =>
    fencing.levelsOf(node).map(({ name, devices }) => [name, ...devices.map((d) => d.label)]);
  assert.deepEqual(labels('compute-1'), [['bmc', 'ipmi compute-1.bmc:6230']]);
  assert.deepEqual(labels('compute-2'), [['bmc', 'ipmi 10.0.0.2:623']]);
  assert.deepEqual(labels('storage-1'), []);
  assert.deepEqual(fencing.nodesWithDevices(['compute-1', 'storage-1']), ['compute-1']);
  await fencing.close();
});

test('keeps the levels in order and gives a level all of its devices', async () => {
  const pdu = { driver: 'libvirt', options: { uri: 'qemu:///system', domain: 'pdu-{node}' } };
  const bmc = { driver: 'ipmi', options: { ...ipmi, host: '{node}-bmc' } };
  const config = fencingConfig.parse({
    levels: [
      { name: 'bmc', devices: [bmc] },
      { name: 'both', devices: [bmc, pdu] },
    ],
  });
  const fencing = await createFencing(config, context);
  assert.deepEqual(
    fencing.levelsOf('n1').map(({ name, devices }) => [name, devices.length]),
    [
      ['bmc', 1],
      ['both', 2],
    ],
  );
});

const bmcLevel = (device: Record<string, unknown>) => ({
  levels: [{ name: 'bmc', devices: [{ driver: 'ipmi', ...device }] }],
});

for (const [promise, config, expected] of [
  [
    'an unknown option',
    bmcLevel({ options: { ...ipmi, host: '{node}', hots: 'x' } }),
    /^levels\.0\.devices\.0\.options: .*hots/,
  ],
  ['a missing option', bmcLevel({ options: { ...ipmi } }), /^levels\.0\.devices\.0\.options\.host: /],
  [
    'a wrong override, at its own place',
    bmcLevel({ options: { ...ipmi, host: '{node}' }, perNode: { 'compute-1': { port: 0 } } }),
    /^levels\.0\.devices\.0\.perNode\.compute-1\.port: .*\(for compute-1\)/,
  ],
  [
    'an override for a node that the device is not for',
    bmcLevel({ nodes: ['gpu-*'], options: { ...ipmi, host: '{node}' }, perNode: { 'compute-1': { port: 1 } } }),
    /^levels\.0\.devices\.0\.perNode\.compute-1: is none of this device's nodes/,
  ],
  [
    'a template that makes one device of all nodes',
    bmcLevel({ options: { ...ipmi, host: '10.0.0.1' } }),
    /one and the same device for every node: ipmi 10\.0\.0\.1:623/,
  ],
  [
    'one device for two nodes',
    bmcLevel({ nodes: ['a', 'b'], options: { ...ipmi }, perNode: { a: { host: 'BMC-7' }, b: { host: 'bmc-7' } } }),
    /^levels\.0\.devices\.0\.perNode\.b: the device ipmi bmc-7:623 is configured for several nodes: a \(fencing\.levels\[0\]\.devices\[0\]\.perNode\.a\), b/,
  ],
  [
    'a level that is called like a person',
    { levels: [{ name: 'operator', devices: [{ driver: 'x' }] }] },
    /operator|what a person/,
  ],
] as const)
  test(`refuses ${promise}`, () => {
    assert.match(messages(config).join('\n'), expected);
  });

test('refuses a second node with the device of another for both, as soon as both are known', async () => {
  // `compute-1` and `compute-01` are different names of Nova; the override makes one BMC of them.
  const config = bmcLevel({ options: { ...ipmi, host: '{node}' }, perNode: { 'compute-01': { host: 'compute-1' } } });
  const fencing = await createFencing(fencingConfig.parse(config), context);
  const [device] = fencing.levelsOf('compute-1')[0]!.devices;
  const { power, fault, detail } = await device!.status(going());
  assert.deepEqual([power, fault, (await device!.off(going())).accepted], ['unknown', 'misconfigured', false]);
  assert.match(detail, /configured for several nodes: compute-01 .*compute-1 /);
  assert.equal(fencing.problems(['compute-1', 'compute-01']).length, 1);
});

test('says which option a node lacks, and leaves its other levels usable', async () => {
  const config = {
    levels: [
      { name: 'bmc', devices: [{ driver: 'ipmi', options: ipmi, perNode: { 'compute-1': { host: 'b1' } } }] },
      { name: 'vm', devices: [{ driver: 'libvirt', options: { uri: 'test:///default', domain: '{node}' } }] },
    ],
  };
  const fencing = await createFencing(fencingConfig.parse(config), context);
  const [bmc, vm] = fencing.levelsOf('compute-9');
  const { fault, detail } = await bmc!.devices[0]!.status(going());
  assert.equal(fault, 'misconfigured');
  assert.match(detail, /fencing\.levels\[0\]\.devices\[0\]\.options\.host: .*\(for compute-9\)/);
  assert.equal(vm!.devices[0]!.label, 'libvirt compute-9');
});

test('says which drivers there are when one is unknown', async () => {
  const config = fencingConfig.parse({ levels: [{ name: 'x', devices: [{ driver: 'no-such-driver' }] }] });
  await assert.rejects(
    createFencing(config, context),
    /^Error: fencing\.levels\[0\]\.devices\[0\]\.driver no-such-driver: cannot be loaded: .* \(known: command, fence-agent, ipmi, ironic, libvirt, redfish, or a package or file\)$/,
  );
});
