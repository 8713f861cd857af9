// The redfish driver in front of OpenStack's emulator (sushy-tools): Basic login, TLS, a machine that takes seconds to go off.
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FenceDevice } from '../../activities/fencing/driver.ts';
import { fenceAgent } from '../../activities/fencing/fence-agent.ts';
import { redfish } from '../../activities/fencing/redfish.ts';
import { contextOf, PASSWORD } from '../activities/fencing/conformance.ts';
import { LOOPBACK_CERT, LOOPBACK_KEY } from '../activities/notification/loopback-cert.ts';
import { need, sushy } from './needs.ts';

const UUID = '00000000-0000-4000-8000-000000000001';
const system = `/redfish/v1/Systems/${UUID}`;
const going = () => new AbortController().signal;
let folder = '';
let port = 0;
let child: ChildProcess;

before(async () => {
  const { emulator, python } = await sushy();
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-sushy-'));
  port = await freePort();
  const hash = "import bcrypt,os; print(bcrypt.hashpw(os.environ['P'].encode(), bcrypt.gensalt(4)).decode())";
  const { stdout } = await promisify(execFile)(python, ['-c', hash], { env: { P: PASSWORD } });
  await mkdir(join(folder, 'db'));
  const files = {
    'cert.pem': LOOPBACK_CERT,
    'key.pem': LOOPBACK_KEY,
    htpasswd: `admin:${stdout.trim()}\n`,
    'config.py': `SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'
SUSHY_EMULATOR_LISTEN_PORT = ${port}
SUSHY_EMULATOR_AUTH_FILE = '${folder}/htpasswd'
SUSHY_EMULATOR_STATE_DIR = '${folder}/db'
SUSHY_EMULATOR_SSL_CERT = '${folder}/cert.pem'
SUSHY_EMULATOR_SSL_KEY = '${folder}/key.pem'
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_FAKE_SYSTEMS = [
  {'uuid': '${UUID}', 'name': 'node1', 'power_state': 'On', 'external_notifier': False, 'nics': []},
]
`,
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text, { mode: 0o600 })));
  child = spawn(emulator, ['--config', join(folder, 'config.py')], { stdio: 'ignore' });
  await until(async () => (await deviceOf().status(going())).power === 'on', 'the emulator answers');
});
after(async () => {
  const over = once(child, 'exit');
  child.kill('SIGKILL');
  await over;
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return free;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let n = 0; n < 120; n++) {
    if (await holds()) return;
    await sleep(250);
  }
  throw new Error(`not within 30 s: ${what}`);
}

function deviceOf(more: Record<string, unknown> = {}, secret = PASSWORD): FenceDevice {
  const url = `https://127.0.0.1:${port}`;
  const tls = { caFile: join(folder, 'cert.pem') };
  const options = redfish.options.parse({ url, system, user: 'admin', password: { env: 'X' }, tls, ...more });
  return redfish.create('n1', options, contextOf({ context: {} }, secret));
}

test('redfish switches a machine off that takes seconds for it, reads until it is, and switches it on', async () => {
  const device = deviceOf({ uuid: UUID });
  const reading = await device.status(going());
  assert.deepEqual([reading.power, reading.identityConfirmed], ['on', true]);
  assert.equal((await device.off(going())).accepted, true);
  await until(async () => (await device.status(going())).power === 'off', 'the machine is off');
  assert.equal((await device.off(going())).accepted, true);
  assert.equal((await device.on(going())).accepted, true);
  await until(async () => (await device.status(going())).power === 'on', 'the machine is on');
});

for (const [what, more, secret, fault] of [
  ['a wrong password', {}, 'wrong', 'auth'],
  ['another machine', { uuid: UUID.replace(/1$/, '2') }, PASSWORD, 'mismatch'],
  ['a system that is not there', { system: '/redfish/v1/Systems/nobody' }, PASSWORD, 'misconfigured'],
] as const)
  test(`redfish calls ${what} by its name, and switches nothing`, async () => {
    const device = deviceOf(more, secret);
    const [reading, command] = [await device.status(going()), await device.off(going())];
    assert.deepEqual([reading.fault, command.fault], [fault, fault], `${reading.detail}; ${command.detail}`);
    assert.equal((await deviceOf().status(going())).power, 'on');
  });

// It does not look at the status of an answer, and cannot tell a wrong password from a BMC that is confused.
test('fence_redfish reads the same machine, and nothing with a wrong password', async () => {
  need('fence_redfish');
  const parameters = { ip: '127.0.0.1', ipport: port, username: 'admin', password: { env: 'X' }, ssl_insecure: true };
  const options = fenceAgent.options.parse({
    agent: 'fence_redfish',
    parameters: { ...parameters, systems_uri: system },
  });
  const read = (secret: string) => fenceAgent.create('n1', options, contextOf({ context: {} }, secret)).status(going());
  assert.equal((await read(PASSWORD)).power, 'on');
  const wrong = await read('wrong-password');
  assert.deepEqual([wrong.power, wrong.fault], ['unknown', 'refused'], wrong.detail);
  assert.doesNotMatch(wrong.detail, /wrong-password/);
});
