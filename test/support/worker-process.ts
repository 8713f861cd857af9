// A worker as people start it: a process of its own with a configuration, a clouds.yaml and an environment.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../workers/main.ts');

export interface WorkerProcess {
  child: ChildProcess;
  /** Its configuration. */
  file: string;
  /** All that it wrote so far. */
  output(): string;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  /** SIGKILL where it still runs, and removes its folder. */
  remove(): Promise<void>;
}

export interface WorkerProcessOptions {
  address: string;
  /** What its configuration says. */
  config: string;
  /** Over its environment: another clouds.yaml. */
  env?: Record<string, string>;
  keystone?: string;
  arguments?: string[];
}

export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-worker-'));
  const auth = {
    ...{ auth_url: options.keystone ?? 'http://127.0.0.1:9/v3', username: 'lifeboat', password: 'pw-of-keystone' },
    ...{ project_name: 'service', user_domain_name: 'Default', project_domain_name: 'Default' },
  };
  await writeFile(join(folder, 'clouds.yaml'), JSON.stringify({ clouds: { lab: { auth, region_name: 'RegionOne' } } }));
  await writeFile(join(folder, 'lifeboat.yaml'), options.config);
  const { LIFEBOAT_TEST_BUNDLE: made } = process.env;
  const bundle = made ? ['--bundle', made] : [];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', MAIN, '--config', join(folder, 'lifeboat.yaml'), ...(options.arguments ?? []), ...bundle],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        TEMPORAL_ADDRESS: options.address,
        OS_CLIENT_CONFIG_FILE: join(folder, 'clouds.yaml'),
        ...options.env,
      },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  return {
    child,
    file: join(folder, 'lifeboat.yaml'),
    output: () => output,
    ended,
    async remove() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
