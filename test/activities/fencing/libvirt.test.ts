// The libvirt driver against what virsh 9.0 was recorded to say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FencingDriver } from '../../../activities/fencing/driver.ts';
import { libvirt } from '../../../activities/fencing/libvirt.ts';
import { fencingConformance, contextOf } from './conformance.ts';
import { programMachine } from './program-machine.ts';

let machines = 0;
const start = () => {
  const domain = `n${(machines += 1)}`;
  const uuid = '11111111-2222-4333-8444-555555555555';
  return programMachine('virsh', (identity) => ({ uri: 'qemu:///system', domain, ...(identity ? { uuid } : {}) }));
};

fencingConformance({
  driver: libvirt as FencingDriver,
  faults: {
    status: ['unreachable', 'noSuchMachine', 'otherMachine'],
    off: ['unreachable', 'noSuchMachine', 'otherMachine'],
  },
  refused: [{ uri: '--version' }, { uri: 'qemu+tcp://user:pass@host/system' }, { domain: '' }, { uuid: 'n1' }],
  hasPassword: false,
  never: /reset|reboot|shutdown|undefine/,
  start,
});

test('libvirt does not take a paused machine for off: its guest holds its disks', async () => {
  const machine = await start();
  await machine.set({ power: 'paused' as 'off' });
  const context = contextOf(machine);
  const device = libvirt.create('compute-1', libvirt.options.parse(machine.options()), context);
  const reading = await device.status(new AbortController().signal);
  await machine.stop();
  assert.deepEqual([reading.power, reading.detail], ['unknown', `${device.label}: paused`]);
});
