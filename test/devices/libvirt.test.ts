// The libvirt driver in front of a real libvirtd with its test hypervisor. Its state lives as long as somebody is connected.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { libvirt } from '../../activities/fencing/libvirt.ts';
import { runProgram } from '../../activities/fencing/run-program.ts';
import { contextOf } from '../activities/fencing/conformance.ts';
import { need } from './needs.ts';

/** Of the machine that the test hypervisor always has. */
const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';
const NOBODY = 65_534;
const going = () => new AbortController().signal;
let folder = '';
let uri = '';
const children: ChildProcess[] = [];

before(async () => {
  const [libvirtd, virsh] = [need('libvirtd'), need('virsh')];
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-libvirt-'));
  const socket = join(folder, 'libvirt-sock');
  const config = `unix_sock_dir = "${folder}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n`;
  await writeFile(join(folder, 'libvirtd.conf'), config);
  // Root's libvirtd wants a system that is set up for virtual machines; anybody else's does not.
  const root = process.getuid?.() === 0;
  if (root) await chown(folder, NOBODY, NOBODY);
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    XDG_CONFIG_HOME: folder,
    XDG_CACHE_HOME: folder,
  };
  const args = ['-f', join(folder, 'libvirtd.conf'), '-p', join(folder, 'pid')];
  children.push(spawn(libvirtd, args, { stdio: 'ignore', env, ...(root ? { uid: NOBODY, gid: NOBODY } : {}) }));
  for (let n = 0; n < 150 && !existsSync(socket); n++) await sleep(100);
  uri = `test+unix:///default?socket=${socket}`;
  const keeper = spawn(virsh, ['-q', '-c', uri], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.unshift(keeper);
  keeper.stdin.write('list --name\n');
  await once(keeper.stdout, 'data');
});
after(async () => {
  for (const child of children) {
    const over = once(child, 'exit');
    child.kill('SIGKILL');
    await over;
  }
  await rm(folder, { recursive: true, force: true });
});

const deviceOf = (more: Record<string, unknown> = {}) =>
  libvirt.create('n1', libvirt.options.parse({ uri, domain: 'test', ...more }), contextOf({ context: {} }));

test('libvirt reads, destroys and starts a machine, each also twice', async () => {
  const device = deviceOf({ uuid: UUID });
  const read = async () => (await device.status(going())).power;
  assert.equal(await read(), 'on');
  for (const to of ['off', 'off', 'on', 'on'] as const) {
    const { accepted, detail } = await device[to](going());
    assert.equal(accepted, true, detail);
    assert.equal(await read(), to);
  }
});

test('libvirt does not take a suspended machine for off', async () => {
  const virsh = (command: string) =>
    runProgram(need('virsh'), ['-c', uri, command, 'test'], { env: {}, timeoutMs: 10_000, signal: going() });
  await virsh('suspend');
  const { power, detail } = await deviceOf().status(going());
  await virsh('resume');
  assert.deepEqual([power, detail], ['unknown', 'libvirt test: paused']);
});

for (const [what, more, fault] of [
  ['another machine', { uuid: UUID.replace(/f$/, '0') }, 'mismatch'],
  ['a machine that is not there', { domain: 'nobody' }, 'misconfigured'],
  ['a hypervisor that is not there', { uri: 'test+unix:///default?socket=/nowhere/sock' }, 'unreachable'],
] as const)
  test(`libvirt calls ${what} by its name, and switches nothing`, async () => {
    const device = deviceOf(more);
    const [reading, command] = [await device.status(going()), await device.off(going())];
    assert.deepEqual([reading.fault, command.fault], [fault, fault], `${reading.detail}; ${command.detail}`);
    assert.equal((await deviceOf().status(going())).power, 'on');
  });
