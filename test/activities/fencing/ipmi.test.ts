// The ipmi driver against what ipmitool 1.8.19 was recorded to say in front of ipmi_sim 2.0.33.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipmi } from '../../../activities/fencing/ipmi.ts';
import type { FencingDriver } from '../../../activities/fencing/driver.ts';
import { fencingConformance, PASSWORD, contextOf } from './conformance.ts';
import { programMachine } from './program-machine.ts';

let machines = 0;
const start = () => {
  const host = `10.0.0.${(machines += 1)}`;
  const guid = '01000089-6745-23A1-efcd-ab89674523a1';
  return programMachine('ipmitool', (identity) => ({
    host,
    user: 'admin',
    password: { env: 'BMC_PASSWORD' },
    cipher: 3,
    ...(identity ? { guid } : {}),
  }));
};

fencingConformance({
  driver: ipmi as FencingDriver,
  faults: {
    status: [
      'unreachable',
      'wrongPassword',
      'unknownUser',
      'noSuchSuite',
      'cannotTell',
      'speaksNonsense',
      'otherMachine',
    ],
    off: ['unreachable', 'wrongPassword', 'lacksPrivilege', 'refuses', 'speaksNonsense', 'otherMachine', 'losesReply'],
  },
  refused: [
    { cipher: 0 },
    { cipher: 11 },
    { host: '-H' },
    { host: 'http://bmc' },
    { port: 0 },
    { user: 'seventeen-letters' },
    { password: PASSWORD },
    { guid: 'x' },
  ],
  hasPassword: true,
  never: /cycle|reset|soft|diag/,
  start,
});

const going = () => new AbortController().signal;

test('ipmi gives ipmitool its password in an otherwise empty environment, and nothing to read', async () => {
  const machine = await start();
  const options = ipmi.options.parse(machine.options());
  const context = contextOf(machine);
  await ipmi.create('compute-1', options, context).status(going());
  const [commands, { env, stdin }] = [await machine.commands(), await machine.lastCall()];
  await machine.stop();
  assert.deepEqual(commands, [
    `-I lanplus -C 3 -N 2 -R 2 -v -H ${options.host} -p 623 -U admin -E chassis power status`,
  ]);
  // What a shell sets for itself is the stand-in's own.
  const given = env.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name));
  assert.deepEqual([given.toSorted(), stdin], [['IPMI_PASSWORD', 'LC_ALL'], '']);
});

test('ipmi does not start ipmitool with a password that IPMI cannot carry', async () => {
  const machine = await start();
  const context = contextOf(machine, 'x'.repeat(21));
  const reading = await ipmi.create('compute-1', ipmi.options.parse(machine.options()), context).status(going());
  const calls = await machine.commands();
  await machine.stop();
  assert.deepEqual([reading.fault, calls.length], ['misconfigured', 0]);
});

test('ipmi says that ipmitool is not installed', async () => {
  const context = contextOf({ context: { programs: { ipmitool: '/nowhere/ipmitool' } } });
  const options = ipmi.options.parse({ host: 'bmc', user: 'admin', password: { env: 'X' } });
  const reading = await ipmi.create('compute-1', options, context).status(going());
  assert.deepEqual(
    [reading.power, reading.fault, reading.detail],
    ['unknown', 'misconfigured', 'ipmi bmc:623: ipmitool is not installed on this worker'],
  );
});
