// The command driver with a program that answers by exit codes, as an operator's own would.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { command } from '../../../activities/fencing/command.ts';
import type { FencingDriver } from '../../../activities/fencing/driver.ts';
import { contextOf, fencingConformance, PASSWORD } from './conformance.ts';
import { programMachine } from './program-machine.ts';

const secret = { file: '/secrets/pdu' };
let machines = 0;
const start = (more: Record<string, unknown> = {}) => {
  const outlet = `${(machines += 1)}`;
  return programMachine('outlet', (identity, program) => ({
    program,
    status: { args: ['status', outlet], exit: { on: 0, off: 3 } },
    off: { args: ['off', outlet] },
    on: { args: ['on', outlet], exit: [0] },
    stdin: ['admin', secret],
    faults: { unreachable: 10, auth: [11], privilege: 12, misconfigured: 13 },
    ...(identity ? { identity: { args: ['serial', outlet], says: 'sn-4711' } } : {}),
    ...more,
  }));
};

const status = (exit: object, says?: object) => ({ status: { args: ['status'], exit, says } });
fencingConformance({
  driver: command as FencingDriver,
  faults: {
    status: ['unreachable', 'wrongPassword', 'cannotTell', 'lacksPrivilege', 'noSuchMachine', 'otherMachine'],
    off: ['unreachable', 'wrongPassword', 'refuses', 'lacksPrivilege', 'noSuchMachine', 'otherMachine', 'losesReply'],
  },
  refused: [
    { program: '' },
    { program: '/bin/sh', status: { args: ['-c', 'outlet status'], exit: { on: 0, off: 3 } } },
    { off: { args: ['on', '1'] }, on: { args: ['on', '1'] } },
    status({ on: 0 }),
    status({ on: [0, 3], off: 3 }),
    status({ on: [0, 3], off: 3 }, { on: 'x', off: 'x' }),
    // What a broken program ends with.
    status({ on: 0, off: 1 }),
    status({ on: 0, off: [3, 2] }),
    status({ on: 3, off: 0 }),
    status({ on: 0, off: 127 }, { off: 'OFF' }),
    status({ on: 0, off: 137 }, { off: 'OFF' }),
    { faults: { auth: 3 } },
    { faults: { alive: 9 } },
    { stdin: ['a\nb'] },
    { env: { 'A=B': 'c' } },
    { limit: 0 },
  ],
  hasPassword: true,
  never: /reset|cycle|soft/,
  start: () => start(),
});

const going = () => new AbortController().signal;
const deviceOf = (machine: Awaited<ReturnType<typeof start>>, value = PASSWORD) =>
  command.create('compute-1', command.options.parse(machine.options()), contextOf(machine, value));

test('command gives a program its lines and variables, and nothing else of ours', async () => {
  process.env['LIFEBOAT_SOMETHING'] = 'ours';
  const machine = await start({ env: { PDU_TOKEN: secret, PDU_HOST: 'pdu-7' } });
  const device = deviceOf(machine);
  await device.status(going());
  const [calls, { env, stdin }] = [await machine.commands(), await machine.lastCall()];
  await machine.stop();
  delete process.env['LIFEBOAT_SOMETHING'];
  assert.match(calls.join(), /^status \d+$/);
  assert.equal(stdin, `admin\n${PASSWORD}\n`);
  assert.ok(env.includes('PDU_TOKEN') && env.includes('PDU_HOST'));
  assert.ok(!env.includes('LIFEBOAT_SOMETHING'));
});

test('command hands names over as they are: no shell reads them', async () => {
  const name = 'n1; rm -rf $HOME `id` *';
  const machine = await start({ status: { args: ['status', name], exit: { on: 0, off: 3 } } });
  assert.equal((await deviceOf(machine).status(going())).power, 'on');
  assert.deepEqual(await machine.commands(), [`status ${name}`]);
  await machine.stop();
});

test('command believes a word only where its exit code fits, and an exit code only with its word', async () => {
  const exit = { on: 0, off: 2 };
  for (const [power, code, said, read] of [
    ['on', 0, 'ON', 'on'],
    ['off', 2, 'OFF', 'off'],
    ['off', 2, 'usage: outlet [-h]', 'unknown'],
    ['off', 0, 'OFF', 'unknown'],
    ['off', 1, 'OFF', 'unknown'],
    ['off', 2, 'NOT OFF', 'unknown'],
  ] as const) {
    const machine = await start({ status: { args: ['status'], exit, says: { on: 'ON', off: 'OFF' } } });
    const file = (kind: string) => machine.context.programs!['outlet']!.replace(/outlet$/, `status|${power}.${kind}`);
    await machine.set({ power });
    await writeFile(file('code'), `${code}\n`);
    await writeFile(file('out'), `${said}\n`);
    assert.equal((await deviceOf(machine).status(going())).power, read, `${code} ${said}`);
    await machine.stop();
  }
});

test('command tells on and off apart by their words where one exit code means both', async () => {
  const machine = await start({
    status: { args: ['status'], exit: { on: [0, 3], off: [0, 3] }, says: { on: 'ON', off: 'OFF' } },
  });
  assert.equal((await deviceOf(machine).status(going())).power, 'on');
  await machine.set({ power: 'off' });
  assert.equal((await deviceOf(machine).status(going())).power, 'off');
  await machine.stop();
});

test('command ends a program at its own limit', async () => {
  const machine = await start({ limit: 0.3 });
  await machine.set({ fault: 'hangs' });
  const { power, fault } = await deviceOf(machine).status(going());
  await machine.stop();
  assert.deepEqual([power, fault], ['unknown', 'timeout']);
});

test('command says that its program is not there', async () => {
  const machine = await start({ program: '/nowhere/outlet' });
  const { fault, detail } = await deviceOf(machine).status(going());
  await machine.stop();
  assert.deepEqual(
    [fault, detail],
    ['misconfigured', 'outlet compute-1: /nowhere/outlet is not installed on this worker'],
  );
});

test('command knows the device that it is told, whatever the arguments are', async () => {
  const key = (args: string[], device?: string) =>
    command.deviceKey(
      command.options.parse({
        program: 'outlet',
        status: { args, exit: { on: 0, off: 3 } },
        off: { args: ['off'] },
        on: { args: ['on'] },
        device,
      }),
    );
  assert.notEqual(key(['status', 'a']), key(['status', 'b']));
  assert.equal(key(['status', 'a'], 'PDU-7 outlet 3'), key(['status', 'b'], 'pdu-7 outlet 3'));
});
