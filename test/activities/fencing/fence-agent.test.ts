// The fence-agent driver against what fence_ipmilan of fence-agents 4.12.1 was recorded to say in front of ipmi_sim 2.0.33.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { FencingDriver } from '../../../activities/fencing/driver.ts';
import { fenceAgent } from '../../../activities/fencing/fence-agent.ts';
import { readAgent } from '../../../activities/fencing/fence-agent-words.ts';
import { createFencing, fencingConfig } from '../../../activities/fencing/levels.ts';
import { contextOf, fencingConformance, PASSWORD } from './conformance.ts';
import { programMachine } from './program-machine.ts';

const metadata = await readFile(new URL('recordings/fence_ipmilan.xml', import.meta.url), 'utf8');
const agent = 'fence_ipmilan';
const password = { file: '/secrets/bmc' };
let machines = 0;
const start = (more: Record<string, unknown> = {}) => {
  const ip = `10.0.0.${(machines += 1)}`;
  const parameters = { ip, ipport: 623, username: 'admin', password, lanplus: true, cipher: '3', ...more };
  return programMachine(agent, () => ({ agent, parameters }), { metadata });
};

fencingConformance({
  driver: fenceAgent as FencingDriver,
  faults: {
    status: ['unreachable', 'wrongPassword', 'cannotTell', 'lacksPrivilege', 'noSuchMachine', 'speaksNonsense'],
    off: ['unreachable', 'wrongPassword', 'lacksPrivilege', 'refuses', 'noSuchMachine', 'speaksNonsense', 'losesReply'],
  },
  refused: [
    { agent: 'ipmilan' },
    { agent: 'fence_apc; true' },
    { agent: 'fence_kdump' },
    { agent: 'fence_scsi' },
    { agent: '/opt/bin/fence_sbd' },
    { agent: 'fence_redfish' },
    ...[
      { action: 'reboot' },
      { method: 'cycle' },
      { delay: 5 },
      { missing_as_off: true },
      { 'missing-as-off': 'true' },
      { debug_file: '/tmp/x' },
      { verbose: true },
      { password_script: '/bin/echo' },
      { password: PASSWORD },
      { passwd: PASSWORD },
      { ip: 'a', ipaddr: 'b' },
      { ip: 'a\naction=on' },
    ].map((parameters) => ({ parameters })),
  ],
  hasPassword: true,
  identity: false,
  never: /reboot|cycle|on/,
  start: () => start(),
});

const going = () => new AbortController().signal;
const deviceOf = (machine: Awaited<ReturnType<typeof start>>, secret = PASSWORD) =>
  fenceAgent.create('compute-1', fenceAgent.options.parse(machine.options()), contextOf(machine, secret));

test('fence-agent gives an agent its parameters on standard input, and no arguments', async () => {
  const machine = await start({ method: 'onoff', lanplus: 'yes' });
  await deviceOf(machine).status(going());
  const [calls, { env, stdin }] = [await machine.commands(), await machine.lastCall()];
  await machine.stop();
  assert.deepEqual(calls, ['status']);
  const ip = /^ip=(.*)$/m.exec(stdin)?.[1];
  const told = `action=status\nip=${ip}\nipport=623\nusername=admin\npassword=${PASSWORD}\nlanplus=1\ncipher=3\nmethod=onoff\n`;
  assert.equal(stdin, told);
  const allowed = ['PWD', 'SHLVL', '_', 'OLDPWD', 'PATH', 'HOME', 'SSH_AUTH_SOCK', 'LC_ALL'];
  assert.deepEqual(
    env.filter((name) => !allowed.includes(name)),
    [],
  );
});

test('fence-agent leaves a switch out that is false: to many agents, given is on', async () => {
  const machine = await start({ lanplus: false });
  await deviceOf(machine).status(going());
  const { stdin } = await machine.lastCall();
  await machine.stop();
  assert.doesNotMatch(stdin, /lanplus/);
});

for (const [secret, line] of [
  [' two words ', 'password=" two words "'],
  ['"quoted"', 'password=""quoted""'],
  ['a=b#c', 'password=a=b#c'],
] as const)
  test(`fence-agent writes the password ${secret} so that an agent reads it whole`, async () => {
    const machine = await start();
    await deviceOf(machine, secret).status(going());
    const { stdin } = await machine.lastCall();
    await machine.stop();
    assert.ok(stdin.split('\n').includes(line), stdin);
  });

test('fence-agent starts no agent with a password of two lines: the second would be a parameter', async () => {
  const machine = await start();
  const reading = await deviceOf(machine, 'x\naction=reboot').status(going());
  const calls = await machine.commands();
  await machine.stop();
  assert.deepEqual([reading.fault, calls], ['misconfigured', []]);
});

for (const [promise, more, why] of [
  ['that it does not have', { plgu: '7' }, /plgu fence_ipmilan has no such parameter \(it has .*\bplug\b.*\)/],
  ['of another type', { ipport: 'ipmi' }, /ipport expected a whole number/],
  [
    'that is none of its choices',
    { privlvl: 'root' },
    /privlvl expected one of callback, user, operator, administrator/,
  ],
] as const)
  test(`fence-agent starts no agent with a parameter ${promise}: an agent would ignore it and go on`, async () => {
    const machine = await start(more);
    const device = deviceOf(machine);
    const [reading, command, calls] = [
      await device.status(going()),
      await device.off(going()),
      await machine.commands(),
    ];
    await machine.stop();
    assert.deepEqual([reading.fault, command.fault, calls], ['misconfigured', 'misconfigured', []]);
    assert.match(reading.detail, why);
  });

test('fence-agent asks for what the agent requires, and takes the old name of a parameter for it', async () => {
  const requires = metadata.replace(
    '<parameter name="plug" unique="0" required="0"',
    '<parameter name="plug" required="1"',
  );
  for (const [more, fault] of [
    [{}, 'misconfigured'],
    [{ plug: '1' }, undefined],
    [{ port: '1' }, undefined],
  ] as const) {
    const machine = await start(more);
    await writeFile(machine.context.programs![agent]!.replace(agent, 'metadata'), requires);
    assert.equal((await deviceOf(machine).status(going())).fault, fault);
    await machine.stop();
  }
});

for (const [what, change] of [
  ['without a status', [/<action name="status" \/>/, '']],
  ['that cuts a machine off and leaves it on', [/<action name="on" automatic="0"/, '<action name="on" automatic="1"']],
  ['that does not say what it takes', [/<resource-agent[^]*/, 'usage: …']],
] as const)
  test(`fence-agent does not use an agent ${what}`, async () => {
    const machine = await start();
    const [from, to] = change;
    assert.match(metadata, from);
    await writeFile(machine.context.programs![agent]!.replace(agent, 'metadata'), metadata.replace(from, to));
    const reading = await deviceOf(machine).status(going());
    const calls = await machine.commands();
    await machine.stop();
    assert.deepEqual([reading.power, reading.fault, calls], ['unknown', 'misconfigured', []]);
  });

for (const [code, stdout] of [
  [2, ''],
  [2, 'Status: ON\n'],
  [0, 'Status: OFF\n'],
  [0, ''],
  [1, 'Status: OFF\n'],
] as const)
  test(`fence-agent does not take exit code ${code} with "${stdout.trim()}" for a state`, () => {
    const answer = readAgent('status', { code, stdout, stderr: '', end: 'exit' }, []);
    assert.equal(answer.ok, false);
  });

test('fence-agent says that an agent is not installed', async () => {
  const context = contextOf({ context: { programs: { [agent]: '/nowhere/fence_ipmilan' } } });
  const options = fenceAgent.options.parse({ agent, parameters: { ip: 'bmc' } });
  const reading = await fenceAgent.create('compute-1', options, context).status(going());
  const wanted = ['unknown', 'misconfigured', 'fence_ipmilan bmc: fence_ipmilan is not installed on this worker'];
  assert.deepEqual([reading.power, reading.fault, reading.detail], wanted);
});

const levels = (parameters: object, perNode: object = {}) =>
  fencingConfig.parse({
    levels: [{ name: 'bmc', devices: [{ driver: 'fence-agent', options: { agent, parameters }, perNode }] }],
  });

test('a worker does not start with parameters that the agent does not have', async () => {
  const machine = await start();
  const config = levels({ ip: '{node}-bmc', usernam: 'admin' }, { n1: { parameters: { ipport: 'x' } } });
  await assert.rejects(createFencing(config, contextOf(machine)), (error: Error) => {
    assert.match(
      error.message,
      /^fencing\.levels\[0\]\.devices\[0\]\.options\.parameters\.usernam: fence_ipmilan has no/m,
    );
    assert.match(
      error.message,
      /^fencing\.levels\[0\]\.devices\[0\]\.perNode\.n1\.parameters\.ipport: expected a whole/m,
    );
    return true;
  });
  await machine.stop();
});

test('a worker starts where an agent is not installed: the level says so, the others go on', async () => {
  const context = contextOf({ context: { programs: { [agent]: '/nowhere/x' } } });
  const fencing = await createFencing(levels({ ip: '{node}' }), context);
  assert.equal(fencing.levelsOf('n1').length, 1);
});

test('a node’s own parameters are added to those of all', async () => {
  const machine = await start();
  const own = (ip: string) => ({ parameters: { ip } });
  const config = levels({ username: 'admin', password }, { n1: own('bmc-1'), n2: own('bmc-2') });
  const fencing = await createFencing(config, contextOf(machine));
  const { power, detail } = await fencing.levelsOf('n1')[0]!.devices[0]!.status(going());
  const { stdin } = await machine.lastCall();
  await machine.stop();
  assert.deepEqual([power, detail], ['on', 'fence_ipmilan bmc-1: on']);
  assert.match(stdin, /^username=admin\n(.*\n)*ip=bmc-1$/m);
});

for (const [what, one, two, same] of [
  ['two outlets', { ip: 'strip', plug: '1' }, { ip: 'strip', plug: '2' }, false],
  ['an outlet among others', { ip: 'strip', plug: '1,2' }, { ipaddr: 'STRIP', port: '2,3' }, true],
  [
    'two ways to speak to it',
    { ip: 'strip', plug: 1 },
    { ip: 'strip', plug: '1', username: 'x', ssl_insecure: true },
    true,
  ],
  ['two chassis', { ip: 'hmc', plug: 'a', managed: 'm1' }, { ip: 'hmc', plug: 'a', managed: 'm2' }, false],
] as const)
  test(`fence-agent knows ${what} as ${same ? 'one device' : 'two devices'}`, () => {
    const keys = (parameters: object) =>
      [fenceAgent.deviceKey(fenceAgent.options.parse({ agent: 'fence_apc', parameters }))].flat();
    assert.equal(
      keys(one).some((key) => keys(two).includes(key)),
      same,
    );
  });

test('fence-agent and our own driver know one BMC as one device', async () => {
  const bmc = { driver: 'ipmi', nodes: ['a'], options: { host: 'BMC-7', user: 'u', password } };
  const strip = { driver: 'fence-agent', nodes: ['b'], options: { agent, parameters: { ip: 'bmc-7' } } };
  const made = fencingConfig.safeParse({ levels: [{ name: 'x', devices: [bmc, strip] }] });
  assert.match(made.error?.issues[0]?.message ?? '', /the device ipmi bmc-7:623 is configured for several nodes/);
});
