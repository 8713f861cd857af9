// A data centre that has a secret wherever Lifeboat holds one, talkative services before it, and workers as processes of their own, of
// which everything is kept that they write and start.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { redfish, writeLifeboatYaml } from '../world/lifeboat-yaml.ts';
import { startWorld, type World } from '../world/world.ts';
import { workflowBundle } from './bundle.ts';
import { startEcho, type Echo } from './secrets-echo.ts';
import { openRudeMailServer, type RudeMailServer } from './secrets-mail.ts';
import type { Secret } from './secrets-scan.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** With the signs that encodings differ in; IPMI takes 20 bytes. */
export const PLANTED = {
  keystone: 'kS9<"q&w/E+r%t y>Zx4',
  credential: 'aP7/+c=r"e&d Ial<x>8v',
  wrong: 'nO5+t/t&h"e<o n>e=3k',
  bmc: 'bM3"c&p/a+s<s>w r%d6u',
  ipmi: 'iP2+m"i/p&a<s>s w%5',
  smtp: 'sM1&t"p/p+a<s>s w%rd9',
  rude: 'rU8/d"e+s&m<t>p w%rd2',
  temporal: 'tK6apikey-Qw3Rt5Yu7Io9Pa-apikey',
} as const;

/** The node whose devices talk, and the one whose evacuations do. */
export const BLOCKED = 'compute-2';
export const TALKED = 'compute-3';

export interface SecretsStage {
  world: World;
  keystone: Echo;
  /** Only for the login with the wrong password. */
  keystoneOfWrong: Echo;
  nova: Echo;
  bmc: Echo;
  rude: RudeMailServer;
  config: string;
  /** Those that were planted, and every token that was issued. */
  secrets(): Secret[];
  /** `cloud`: an entry of clouds.yaml. */
  startWorker(roles: string[], cloud: 'password' | 'credential' | 'wrong', ...more: string[]): ChildProcess;
  /** A script of ours, as a person runs it; its exit code does not matter. */
  runScript(name: string, ...words: string[]): Promise<void>;
  /** What the processes wrote, by process. */
  outputs: Map<string, string>;
  /** argv of our processes and of all that they started. */
  commandLines(): string[];
  /** How often ipmitool was started. */
  ipmitoolRuns(): number;
  end(): Promise<void>;
}

/** `temporal`: address of the server. */
export async function setStage(temporal: string): Promise<SecretsStage> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-secrets-'));
  const world = await startWorld({ seed: 11, nodes: 8, instances: 24, timeScale: 0.05 });
  const sessions = plant(world);
  const [keystone, keystoneOfWrong, nova] = await Promise.all(
    [world.endpoints.keystone, world.endpoints.keystone, world.endpoints.nova].map(startEcho),
  );
  const bmc = await startEcho(world.node(BLOCKED).redfish.url);
  const rude = await openRudeMailServer('lifeboat', PLANTED.rude);
  const config = await writeFiles(dir, world, bmc, rude);
  await writeClouds(dir, { keystone: keystone!, keystoneOfWrong: keystoneOfWrong!, nova: nova! }, world);
  const { file: bundle, argvLog } = await writePrograms(dir);
  const outputs = new Map<string, string>();
  const children: ChildProcess[] = [];
  const env = (cloud: string): Record<string, string> => ({
    ...{ PATH: `${path.join(dir, 'bin')}:${process.env.PATH}`, HOME: dir, OS_CLOUD: cloud },
    ...{ OS_CLIENT_CONFIG_FILE: path.join(dir, 'clouds.yaml'), SMTP_PASSWORD: PLANTED.smtp },
    ...{ TEMPORAL_ADDRESS: temporal, TEMPORAL_API_KEY: PLANTED.temporal, TEMPORAL_TLS: 'false' },
  });
  const start = (name: string, words: string[], cloud: string): ChildProcess => {
    const child = spawn(process.execPath, ['--import', 'tsx', ...words, '--config', config], {
      ...{ cwd: ROOT, env: env(cloud), stdio: ['ignore', 'pipe', 'pipe'] },
    });
    children.push(child);
    const key = `${name} (${child.pid})`;
    outputs.set(key, '');
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => outputs.set(key, outputs.get(key) + chunk.toString()));
    return child;
  };
  return {
    ...{ world, keystone: keystone!, keystoneOfWrong: keystoneOfWrong!, nova: nova!, bmc, rude, config, outputs },
    secrets: () => [
      ...Object.entries(PLANTED).map(([name, value]) => ({ name, value })),
      ...[...world.centre.tokens.keys()].map((value, i) => ({ name: `Keystone token ${i + 1}`, value })),
      ...[...sessions].map((value, i) => ({ name: `BMC session ${i + 1}`, value })),
    ],
    startWorker(roles, cloud, ...more) {
      const words = ['workers/main.ts', '--bundle', bundle, ...roles.flatMap((r) => ['--role', r]), ...more];
      return start(`${cloud}: ${roles.join(', ')}`, words, cloud);
    },
    async runScript(name, ...words) {
      const child = start(`${name} ${words.join(' ')}`, [`scripts/${name}.ts`, ...words], 'password');
      await new Promise((resolve) => child.once('close', resolve));
    },
    commandLines: () => [...readFileSync(argvLog, 'utf8').split('\n'), ...liveCommandLines(children)],
    ipmitoolRuns: () => readFileSync(argvLog, 'utf8').split('\n').length - 1,
    async end() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([keystone, keystoneOfWrong, nova, bmc].map((echo) => echo!.close()));
      await rude.close();
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Answers the tokens that BMCs issue, as they come. */
function plant(world: World): Set<string> {
  const { centre } = world;
  for (const user of centre.users.values()) if (user.name === 'lifeboat') user.password = PLANTED.keystone;
  for (const credential of centre.appCredentials.values()) credential.secret = PLANTED.credential;
  world.mailbox.faults.login = { user: 'lifeboat', password: PLANTED.smtp };
  const issued = new Set<string>();
  for (const { bmc } of centre.nodes.values()) {
    bmc.password = PLANTED.bmc;
    const keep = bmc.sessions.set.bind(bmc.sessions);
    bmc.sessions.set = (token, id) => keep(issued.add(token) && token, id);
  }
  return issued;
}

async function writeFiles(dir: string, world: World, bmc: Echo, rude: RudeMailServer): Promise<string> {
  const device = redfish(world, dir);
  Object.assign(device.perNode[BLOCKED]!, { url: bmc.url });
  const ipmi = {
    ...{ driver: 'ipmi', nodes: world.nodes.map((n) => n.name) },
    options: { host: '{node}.bmc.example', user: 'admin', password: { file: path.join(dir, 'ipmi.password') } },
  };
  const mail = { tls: 'none', from: 'cloud@cloud.example', username: 'lifeboat', host: '127.0.0.1' };
  const channels = [
    { driver: 'email', options: { ...mail, port: world.smtp.port, password: { env: 'SMTP_PASSWORD' } } },
    { driver: 'email', options: { ...mail, port: rude.port, password: { file: path.join(dir, 'rude.password') } } },
  ];
  const sections = {
    // OS_CLOUD says which.
    openstack: { cloud: undefined },
    fencing: {
      levels: [
        { name: 'bmc', devices: [device] },
        { name: 'ipmi', devices: [ipmi] },
      ],
    },
    notification: { channels },
    limits: { atOnce: 4, share: 0.5, perHour: 10 },
    timings: { grace: '10s', permission: '6s', novaRead: '60s' },
  };
  const { file } = await writeLifeboatYaml(world, dir, { cloud: 'secrets', sections });
  const secret = (name: string, value: string): Promise<void> =>
    writeFile(path.join(dir, `${name}.password`), `${value}\n`, { mode: 0o600 });
  for (const n of world.nodes) await secret(n.name, PLANTED.bmc);
  await secret('ipmi', PLANTED.ipmi);
  await secret('rude', PLANTED.rude);
  return file;
}

type Doors = Record<'keystone' | 'keystoneOfWrong' | 'nova', Echo>;

async function writeClouds(dir: string, doors: Doors, world: World): Promise<void> {
  const common = { region_name: world.settings.region, compute_endpoint_override: `${doors.nova.url}/v2.1` };
  const domains = { project_name: 'service', user_domain_name: 'Default', project_domain_name: 'Default' };
  const auth_url = `${doors.keystone.url}/v3`;
  const { id } = world.appCredential;
  const clouds = {
    password: { ...common, auth: { auth_url, username: 'lifeboat', password: PLANTED.keystone, ...domains } },
    credential: {
      ...common,
      auth_type: 'v3applicationcredential',
      auth: { auth_url, application_credential_id: id, application_credential_secret: PLANTED.credential },
    },
    wrong: {
      ...common,
      auth: { auth_url: `${doors.keystoneOfWrong.url}/v3`, username: 'lifeboat', password: PLANTED.wrong, ...domains },
    },
  };
  await writeFile(path.join(dir, 'clouds.yaml'), stringify({ clouds }), { mode: 0o600 });
}

/** An ipmitool that says its password on both streams, and how it was called. Its environment is empty: every path is whole. */
async function writePrograms(dir: string): Promise<{ file: string; argvLog: string }> {
  const bin = path.join(dir, 'bin');
  await mkdir(bin);
  const argvLog = path.join(dir, 'argv');
  await writeFile(argvLog, '');
  const script = `#!/bin/sh
n=$(/usr/bin/wc -l < '${argvLog}')
/usr/bin/tr '\\0\\n' '  ' < /proc/$$/cmdline >> '${argvLog}'
echo >> '${argvLog}'
coded=$(printf 'admin:%s' "$IPMI_PASSWORD" | /usr/bin/base64)
case $((n % 5)) in
0) printf 'Get Chassis Power Status failed: %s\\n' "$IPMI_PASSWORD" >&2; exit 1 ;;
1) printf 'using %s\\n' "$coded" >&2; exit 1 ;;
2) printf 'Chassis Power is %s\\n' "$IPMI_PASSWORD"; exit 0 ;;
3) printf '%0180d %s\\n' 0 "$IPMI_PASSWORD" >&2; exit 1 ;;
4) printf 'Error in open session response message : %s\\n' "$coded" >&2; exit 1 ;;
esac
`;
  await writeFile(path.join(bin, 'ipmitool'), script);
  chmodSync(path.join(bin, 'ipmitool'), 0o755);
  const file = path.join(dir, 'bundle.js');
  await writeFile(file, (await workflowBundle(false)).code);
  return { file, argvLog };
}

/** Of the children and of everything below them, as anybody on this machine can read it. */
function liveCommandLines(children: ChildProcess[]): string[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = readProc(`/proc/${entry}/stat`);
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const roots = new Set(children.map((child) => child.pid));
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (roots.has(pid) || isOurs(parents.get(pid)));
  return [...parents.keys()].filter(isOurs).map((pid) => readProc(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
}

/** Empty for a process that has ended meanwhile. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
