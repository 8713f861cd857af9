// One worker process with all roles and --metrics beside a simulated data centre, and its metrics as Prometheus reads them.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../scripts/temporal-server.ts';
import { writeLifeboatYaml, type Wishes } from '../world/lifeboat-yaml.ts';
import type { World } from '../world/world.ts';
import { workflowBundle } from './bundle.ts';

const ROOT = path.join(import.meta.dirname, '../..');

export interface MetricsWorker {
  /** `http://127.0.0.1:…`, of --metrics. */
  url: string;
  pid: number;
  output(): string;
  /** Its exit code, or the signal. */
  ended: Promise<number | string>;
  /** SIGKILL where it still runs, and removes its folder. */
  remove(): Promise<void>;
}

/** `temporal`: address of the server. `env` is added to what it needs. */
export async function startMetricsWorker(
  world: World,
  temporal: string,
  wishes: Wishes = {},
  env: Record<string, string> = {},
): Promise<MetricsWorker> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-metrics-'));
  const yaml = await writeLifeboatYaml(world, dir, wishes);
  const bundle = path.join(dir, 'workflows.js');
  await writeFile(bundle, (await workflowBundle()).code);
  const address = `127.0.0.1:${await freePort()}`;
  const words = ['workers/main.ts', '--config', yaml.file, '--bundle', bundle, '--metrics', address];
  const child = spawn(process.execPath, ['--import', 'tsx', ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: dir, TEMPORAL_ADDRESS: temporal, ...yaml.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  return {
    url: `http://${address}`,
    pid: child.pid!,
    output: () => output,
    ended,
    async remove() {
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The text format of Prometheus, as far as an exporter writes it. */
export function parseMetrics(text: string): Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', inner = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
      const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1]!, m[2]!] as const);
      return { name, labels: Object.fromEntries(labels), value: Number(value) };
    });
}

/** The sum of the series of this name that have these labels; null: there is none. */
export function valueOf(series: readonly Series[], name: string, labels: Record<string, string> = {}): number | null {
  const found = series.filter(
    (s) => s.name === name && Object.entries(labels).every(([key, value]) => s.labels[key] === value),
  );
  return found.length === 0 ? null : found.reduce((sum, s) => sum + s.value, 0);
}
