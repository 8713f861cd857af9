// A data centre that has a secret wherever Lifeboat holds one, talkative services before it, and workers as processes of their own, of
// which everything is kept that they write and start.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startWorld, type World } from '../world/world.ts';
import { workflowBundle } from './bundle.ts';
import { BLOCKED, PLANTED, SECRET_ENV, writeConfiguration, writePrograms, type Doors } from './secrets-config.ts';
import { startEcho } from './secrets-echo.ts';
import { openRudeMailServer } from './secrets-mail.ts';
import type { Secret } from './secrets-scan.ts';

const ROOT = path.join(import.meta.dirname, '../..');

export interface SecretsStage {
  world: World;
  doors: Doors;
  /** Those that were planted, and every token that was issued. */
  secrets(): Secret[];
  /** `cloud`: an entry of clouds.yaml. */
  startWorker(roles: string[], cloud: 'password' | 'credential' | 'wrong', ...more: string[]): void;
  /** A script of ours, as a person runs it; its exit code does not matter. */
  runScript(name: string, ...words: string[]): Promise<void>;
  /** What the processes wrote, by process. */
  outputs: Map<string, string>;
  /** argv of our processes and of all that they started. */
  commandLines(): string[];
  end(): Promise<void>;
}

/** `temporal`: address of the server. */
export async function setStage(temporal: string): Promise<SecretsStage> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-secrets-'));
  const world = await startWorld({ seed: 11, nodes: 8, instances: 24, timeScale: 0.05 });
  const sessions = plant(world);
  const doors = await openDoors(world);
  const config = await writeConfiguration(dir, world, doors);
  const argvLog = path.join(dir, 'argv');
  await writePrograms(path.join(dir, 'bin'), argvLog);
  const bundle = path.join(dir, 'bundle.js');
  await writeFile(bundle, (await workflowBundle(false)).code);
  const env = {
    ...{ PATH: `${path.join(dir, 'bin')}:${process.env.PATH}`, HOME: dir, ...SECRET_ENV },
    ...{ OS_CLIENT_CONFIG_FILE: path.join(dir, 'clouds.yaml'), TEMPORAL_ADDRESS: temporal, TEMPORAL_TLS: 'false' },
  };
  const outputs = new Map<string, string>();
  const children: ChildProcess[] = [];
  const start = (name: string, words: string[], cloud: string): ChildProcess => {
    const child = spawn(process.execPath, ['--import', 'tsx', ...words, '--config', config], {
      ...{ cwd: ROOT, env: { ...env, OS_CLOUD: cloud }, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    children.push(child);
    const key = `${name} (${child.pid})`;
    outputs.set(key, '');
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => outputs.set(key, outputs.get(key) + chunk.toString()));
    return child;
  };
  const { rude, ...echoes } = doors;
  return {
    ...{ world, doors, outputs },
    secrets: () => [
      ...Object.entries(PLANTED).map(([name, value]) => ({ name, value })),
      ...[...world.centre.tokens.keys()].map((value, i) => ({ name: `Keystone token ${i + 1}`, value })),
      ...[...sessions].map((value, i) => ({ name: `BMC session ${i + 1}`, value })),
    ],
    startWorker(roles, cloud, ...more) {
      const words = ['workers/main.ts', '--bundle', bundle, ...roles.flatMap((r) => ['--role', r]), ...more];
      start(`${cloud}: ${roles.join(', ')}`, words, cloud);
    },
    async runScript(name, ...words) {
      const child = start(`${name} ${words.join(' ')}`, [`scripts/${name}.ts`, ...words], 'password');
      await new Promise((resolve) => child.once('close', resolve));
    },
    commandLines: () => [...readFileSync(argvLog, 'utf8').split('\n'), ...liveCommandLines(children)],
    async end() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([...Object.values(echoes), rude].map((server) => server.close()));
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function openDoors(world: World): Promise<Doors> {
  const { keystone, nova } = world.endpoints;
  return {
    keystone: await startEcho(keystone),
    keystoneOfWrong: await startEcho(keystone),
    nova: await startEcho(nova),
    bmc: await startEcho(world.node(BLOCKED).redfish.url),
    web: await startEcho(null),
    rude: await openRudeMailServer('lifeboat', PLANTED.rude),
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
