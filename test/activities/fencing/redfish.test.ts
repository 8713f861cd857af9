// The redfish driver against a small BMC over TLS.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FenceDevice, FencingDriver } from '../../../activities/fencing/driver.ts';
import { redfish } from '../../../activities/fencing/redfish.ts';
import { LOOPBACK_CERT } from '../notification/loopback-cert.ts';
import { fencingConformance, PASSWORD, contextOf } from './conformance.ts';
import type { Machine } from './conformance.ts';
import { redfishBmc, SYSTEM } from './redfish-bmc.ts';
import type { RedfishBmc } from './redfish-bmc.ts';

let folder = '';
let ca = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-redfish-'));
  ca = join(folder, 'ca.pem');
  await writeFile(ca, LOOPBACK_CERT);
});
after(() => rm(folder, { recursive: true, force: true }));

const UUID = '00000000-0000-4000-8000-000000000001';

async function start(): Promise<Machine & { bmc: RedfishBmc }> {
  const bmc = await redfishBmc('admin', PASSWORD);
  return {
    bmc,
    options: (identity = false) => ({
      url: bmc.url,
      system: SYSTEM,
      user: 'admin',
      password: { file: '/secrets/bmc' },
      tls: { caFile: ca },
      ...(identity ? { uuid: UUID.toUpperCase(), serial: 'SN1' } : {}),
    }),
    context: {},
    set: (change) => Promise.resolve(void Object.assign(bmc.state, change)),
    power: () => Promise.resolve(bmc.state.power),
    commands: () => Promise.resolve(bmc.requests),
    stop: async () => {
      assert.equal(bmc.state.fault === 'hangs' ? 0 : bmc.sessions.size, 0, 'every session is given back');
      await bmc.close();
    },
  };
}

fencingConformance({
  driver: redfish as FencingDriver,
  faults: {
    status: ['unreachable', 'wrongPassword', 'cannotTell', 'speaksNonsense', 'otherMachine', 'noSuchMachine'],
    off: [
      'unreachable',
      'wrongPassword',
      'lacksPrivilege',
      'refuses',
      'speaksNonsense',
      'otherMachine',
      'noSuchMachine',
      'noForceOff',
      'taskFails',
      'losesReply',
    ],
  },
  refused: [
    { url: 'http://127.0.0.1' },
    { url: 'https://admin:pw@bmc' },
    { url: 'https://bmc/redfish/v1' },
    { system: '/redfish/v1/Systems' },
    { system: 'Systems/1' },
    { tls: { caFile: '/ca.pem', sha256: 'aa' } },
    { tls: 'maybe' },
    { password: PASSWORD },
  ],
  hasPassword: true,
  never: /Restart|Graceful|Cycle|PushPower|Nmi/,
  start,
});

const going = () => new AbortController().signal;

async function withBmc(
  change: Record<string, unknown>,
  act: (device: FenceDevice, bmc: RedfishBmc) => Promise<void>,
): Promise<void> {
  const machine = await start();
  const options = redfish.options.parse({ ...machine.options(), ...change });
  try {
    await act(redfish.create('compute-1', options, contextOf(machine)), machine.bmc);
  } finally {
    await machine.bmc.close();
  }
}

for (const said of [null, 'PoweringOff', 'Paused', 'off', 'OFF', false])
  test(`redfish does not take PowerState ${JSON.stringify(said)} for off`, () =>
    withBmc({}, async (device, bmc) => {
      Object.assign(bmc.state, { power: 'off', said });
      assert.equal((await device.status(going())).power, 'unknown');
    }));

for (const [fault, promise] of [
  ['task', 'waits for the task that an off becomes'],
  ['wantsIfMatch', 'sends the ETag when the BMC wants one'],
  ['goesOffMeanwhile', 'reads the state when an off is refused with 409: it may be off already'],
  ['basicOnly', 'uses Basic where there are no sessions'],
  ['sessionsTaken', 'uses Basic when all sessions are taken: the node must be fenced all the same'],
  ['sessionsRunOut', 'logs in once more when its session ran out'],
] as const)
  test(`redfish ${promise}`, () =>
    withBmc({}, async (device, bmc) => {
      Object.assign(bmc.state, { fault });
      const command = await device.off(going());
      assert.deepEqual([command.accepted, bmc.state.power, bmc.sessions.size], [true, 'off', 0], command.detail);
    }));

test('redfish asks only once with a password that is not taken: accounts lock', () =>
  withBmc({}, async (device, bmc) => {
    bmc.state.fault = 'wrongPassword';
    await device.status(going());
    assert.equal(bmc.requests.filter((request) => request.startsWith('POST')).length, 1);
  }));

test('redfish trusts the pinned certificate and no other', async () => {
  const sha256 = new X509Certificate(LOOPBACK_CERT).fingerprint256;
  await withBmc({ tls: { sha256 } }, async (device) => assert.equal((await device.status(going())).power, 'on'));
  await withBmc({ tls: { sha256: '00'.repeat(32) } }, async (device, bmc) => {
    const { power, fault } = await device.status(going());
    assert.deepEqual([power, fault, bmc.requests], ['unknown', 'mismatch', []]);
  });
});

test('redfish does not speak to a BMC whose certificate nobody vouches for, unless that is written', async () => {
  await withBmc({ tls: 'system' }, async (device, bmc) => {
    const { power, fault } = await device.status(going());
    assert.deepEqual([power, fault, bmc.requests], ['unknown', 'misconfigured', []]);
  });
  await withBmc({ tls: 'insecure' }, async (device) => assert.equal((await device.status(going())).power, 'on'));
});
