// The ipmi driver's promises in front of a real BMC's IPMI stack and the real ipmitool.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipmi } from '../../activities/fencing/ipmi.ts';
import type { FencingDriver } from '../../activities/fencing/driver.ts';
import { contextOf, fencingConformance, PASSWORD } from '../activities/fencing/conformance.ts';
import type { Machine } from '../activities/fencing/conformance.ts';
import { GUID, ipmiSim, USER } from './ipmi-sim.ts';
import { need } from './needs.ts';

need('ipmitool');

async function start(more: Record<string, unknown> = {}): Promise<Machine> {
  const bmc = await ipmiSim();
  return {
    ...bmc,
    options: (identity) => ({
      ...{ host: '127.0.0.1', port: bmc.port, user: USER, password: { env: 'BMC' }, cipher: 3 },
      ...(identity ? { guid: GUID } : {}),
      ...more,
    }),
    context: {},
  };
}

fencingConformance({
  driver: ipmi as FencingDriver,
  faults: {
    status: ['unreachable', 'cannotTell', 'otherMachine'],
    off: ['unreachable', 'refuses', 'otherMachine'],
  },
  refused: [],
  hasPassword: true,
  never: /reset|shutdown/,
  start: () => start(),
});

const going = () => new AbortController().signal;

for (const [what, more, secret, status, off] of [
  ['a wrong password', {}, 'wrong', 'auth', 'auth'],
  ['an unknown user', { user: 'nobody' }, PASSWORD, 'auth', 'auth'],
  ['a cipher suite that the BMC does not know', { cipher: 17 }, PASSWORD, 'misconfigured', 'misconfigured'],
] as const)
  test(`ipmi calls ${what} by its name`, async () => {
    const machine = await start(more);
    const device = ipmi.create('n1', ipmi.options.parse(machine.options()), contextOf(machine, secret));
    const [reading, command] = [await device.status(going()), await device.off(going())];
    const power = await machine.power();
    await machine.stop();
    assert.deepEqual(
      [reading.fault, command.fault, power],
      [status, off, 'on'],
      `${reading.detail}; ${command.detail}`,
    );
  });
