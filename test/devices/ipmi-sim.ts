// A real BMC without a machine: OpenIPMI's ipmi_sim on a free UDP port of the loopback.
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PowerState } from '../../workflows/domain.ts';
import { PASSWORD } from '../activities/fencing/conformance.ts';
import { need } from './needs.ts';

/** As ipmitool prints the GUID that is configured below. */
export const GUID = '01000089-6745-23A1-efcd-ab89674523a1';
export const USER = 'admin';

export interface IpmiSim {
  port: number;
  power(): Promise<PowerState>;
  /** What reached it: `power 0`. */
  commands(): Promise<string[]>;
  set(state: { power?: 'on' | 'off'; fault?: string | null }): Promise<void>;
  stop(): Promise<void>;
}

export async function ipmiSim(): Promise<IpmiSim> {
  const program = need('ipmi_sim');
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-ipmi-'));
  const file = (name: string): string => join(folder, name);
  const port = await freePort();
  await mkdir(file('persist'));
  await Promise.all(
    Object.entries({
      power: '1\n',
      mode: 'normal\n',
      commands: '',
      'bmc.emu':
        'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n',
    }).map(([name, text]) => writeFile(file(name), text)),
  );
  let child: ChildProcess | null = null;
  let fault: string | null = null;

  const start = async (): Promise<void> => {
    await writeFile(file('lan.conf'), configuration(folder, port, fault === 'otherMachine' ? '02' : '01'), {
      mode: 0o600,
    });
    child = spawn(program, ['-n', '-c', file('lan.conf'), '-f', file('bmc.emu'), '-s', file('persist')], {
      stdio: 'ignore',
    });
    await answers(port);
  };
  const end = async (): Promise<void> => {
    if (child === null) return;
    const over = once(child, 'exit');
    child.kill('SIGKILL');
    await over;
    child = null;
  };
  const MODES = ['lies', 'refuses', 'cannotTell'];
  await start();
  return {
    port,
    power: async () => ((await readFile(file('power'), 'utf8')).trim() === '1' ? 'on' : 'off'),
    commands: async () => (await readFile(file('commands'), 'utf8')).split('\n').filter(Boolean),
    set: async (state) => {
      if (state.power) await writeFile(file('power'), state.power === 'on' ? '1\n' : '0\n');
      if (state.fault === undefined) return;
      fault = state.fault;
      await writeFile(file('mode'), `${MODES.includes(fault ?? '') ? fault : 'normal'}\n`);
      await end();
      if (fault !== 'unreachable') await start();
      if (fault === 'hangs') child?.kill('SIGSTOP');
    },
    stop: async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const configuration = (folder: string, port: number, last: string): string => `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa1234567890000${last}
  endlan
  chassis_control "${join(import.meta.dirname, 'chassis.sh')} ${folder}"
  user 1 false "" "" user 10 none md2 md5 straight
  user 2 true "${USER}" "${PASSWORD}" admin 10 none md2 md5 straight
  user 3 true "viewer" "${PASSWORD}" user 10 none md2 md5 straight
`;

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, 'close');
  return port;
}

/** RMCP's presence ping (ASF), until somebody says pong. */
async function answers(port: number): Promise<void> {
  const ping = Buffer.from('0600ff06000011be80010000', 'hex');
  const socket = createSocket('udp4');
  let pong = false;
  socket.on('message', () => (pong = true)).on('error', () => undefined);
  for (let n = 0; n < 200 && !pong; n++) {
    socket.send(ping, port, '127.0.0.1');
    await sleep(50);
  }
  socket.close();
  if (!pong) throw new Error(`ipmi_sim does not answer on UDP port ${port} within 10 s`);
}
