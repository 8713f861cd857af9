// Fence agents as Debian ships them: each one's metadata, and two of them in front of devices.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { FenceDevice } from '../../activities/fencing/driver.ts';
import { fenceAgent } from '../../activities/fencing/fence-agent.ts';
import { judgeByMetadata, parseMetadata } from '../../activities/fencing/fence-agent-metadata.ts';
import { whyNoPower } from '../../activities/fencing/fence-agent-rules.ts';
import { contextOf, PASSWORD } from '../activities/fencing/conformance.ts';
import { ipmiSim, USER } from './ipmi-sim.ts';
import { need } from './needs.ts';

need('fence_ipmilan');
const run = promisify(execFile);
const going = () => new AbortController().signal;
const agentOf = (agent: string, parameters: object, secret = PASSWORD): FenceDevice =>
  fenceAgent.create('n1', fenceAgent.options.parse({ agent, parameters }), contextOf({ context: {} }, secret));

test('every installed agent is understood: its parameters are read, or it is refused', async () => {
  const agents = (await readdir('/usr/sbin')).filter((name) => /^fence_\w+$/.test(name));
  assert.ok(agents.length > 50);
  const usable: string[] = [];
  for (const agent of agents) {
    const { stdout } = await run(`/usr/sbin/${agent}`, ['-o', 'metadata'], {
      env: { LC_ALL: 'C', PATH: process.env['PATH'] },
    }).catch(() => ({ stdout: '' }));
    const metadata = parseMetadata(stdout);
    if (!metadata) assert.notEqual(whyNoPower(agent), null, `${agent} says nothing of itself and is not refused`);
    else {
      assert.ok(metadata.parameters.size > 1 && metadata.actions.size > 1, agent);
      const wrong = judgeByMetadata(agent, metadata, {}).filter(({ parameter }) => parameter === null);
      // What leaves the machine on is refused by name too, where the agent is not installed.
      if (metadata.fabric) assert.notEqual(whyNoPower(agent), null, agent);
      if (wrong.length === 0 && !whyNoPower(agent)) usable.push(agent);
    }
  }
  for (const agent of ['fence_apc', 'fence_virsh', 'fence_idrac', 'fence_vmware_rest', 'fence_aws'])
    assert.ok(usable.includes(agent), agent);
});

test('fence_dummy is read, switched off and on, and left as it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-dummy-'));
  const file = join(folder, 'power');
  await writeFile(file, 'on');
  const device = agentOf('fence_dummy', { type: 'file', status_file: file });
  const read = async () => [(await device.status(going())).power, await readFile(file, 'utf8')];
  assert.deepEqual(await read(), ['on', 'on']);
  assert.equal((await device.off(going())).accepted, true);
  assert.deepEqual(await read(), ['off', 'off']);
  assert.match((await device.off(going())).detail, /is off already$/);
  assert.equal((await device.on(going())).accepted, true);
  assert.deepEqual(await read(), ['on', 'on']);
  await writeFile(file, 'burning');
  assert.deepEqual(
    [(await device.status(going())).power, (await device.status(going())).fault],
    ['unknown', 'refused'],
  );
  await rm(folder, { recursive: true });
});

async function withBmc(
  act: (
    device: (more?: object, secret?: string) => FenceDevice,
    bmc: Awaited<ReturnType<typeof ipmiSim>>,
  ) => Promise<void>,
): Promise<void> {
  const bmc = await ipmiSim();
  const parameters = {
    ip: '127.0.0.1',
    ipport: bmc.port,
    username: USER,
    password: { env: 'BMC' },
    lanplus: true,
    cipher: '3',
  };
  try {
    await act((more, secret) => agentOf('fence_ipmilan', { ...parameters, power_timeout: 3, ...more }, secret), bmc);
  } finally {
    await bmc.stop();
  }
}

test('fence_ipmilan switches a real BMC off and on, and never resets it', () =>
  withBmc(async (make, bmc) => {
    const device = make();
    assert.equal((await device.status(going())).power, 'on');
    assert.equal((await device.off(going())).accepted, true);
    assert.deepEqual([(await device.status(going())).power, await bmc.power()], ['off', 'off']);
    assert.equal((await device.on(going())).accepted, true);
    assert.deepEqual(await bmc.commands(), ['power 0', 'power 1']);
  }));

test('fence_ipmilan with a wrong password reads nothing and switches nothing', () =>
  withBmc(async (make, bmc) => {
    const device = make({}, 'wrong');
    const [reading, command] = [await device.status(going()), await device.off(going())];
    assert.deepEqual([reading.power, command.accepted, await bmc.power()], ['unknown', false, 'on']);
    assert.doesNotMatch(`${reading.detail} ${command.detail}`, /wrong/);
  }));

test('fence_ipmilan says so when the BMC took the off and the machine stays on', () =>
  withBmc(async (make, bmc) => {
    await bmc.set({ fault: 'lies' });
    const device = make();
    const { accepted, fault } = await device.off(going());
    assert.deepEqual([accepted, fault, (await device.status(going())).power], [false, 'timeout', 'on']);
  }));
