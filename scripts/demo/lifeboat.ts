// Lifeboat beside the simulated data centre: a real Temporal server with its UI, one workflow bundle, two worker processes.
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { writeLifeboatYaml, type Wishes } from '../../test/world/lifeboat-yaml.ts';
import type { World } from '../../test/world/world.ts';
import { loadConfig, type Config } from '../../workers/config.ts';
import { bundleWorkflows } from '../bundle-workflows.ts';
import { startDevServer, type DevServer } from '../temporal-server.ts';
import { LOCAL_FLAVORS } from './data-centre.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

export const CLOUD = 'demo';
export const ADMIN = 'ops@cloud.example';
const WORKERS = 2;

export interface Lifeboat {
  /** The folder of this demo; it goes with it. */
  dir: string;
  server: DevServer;
  ui: string;
  client: Client;
  config: Config;
  /** What a command in another terminal needs: LIFEBOAT_CONFIG, TEMPORAL_ADDRESS, OS_CLIENT_CONFIG_FILE. */
  env: Record<string, string>;
  workers: WorkerProcess[];
  /** The workers' JSON lines. */
  log: string;
}

/** What must be stopped, last first; filled while things start, so that a start that is cut short leaves nothing behind. */
export type Undo = (() => Promise<void>)[];

/** Rejects where Temporal's program cannot be had, with what was tried and the ways out. */
export async function startServer(undo: Undo, log: (line: string) => void): Promise<DevServer> {
  const server = await startDevServer({ ui: true, log: (line) => void (line.startsWith('Fetching') && log(line)) });
  undo.push(() => server.stop());
  return server;
}

/** Made once for both workers; each would need the seconds of its own. */
export async function bundleInto(dir: string): Promise<string> {
  const file = join(dir, 'workflow-bundle.js');
  await writeFile(file, await bundleWorkflows());
  return file;
}

export async function startLifeboat(
  given: { dir: string; world: World; server: DevServer; bundle: string; wishes?: Pick<Wishes, 'mode' | 'sections'> },
  undo: Undo,
): Promise<Lifeboat> {
  const { dir, world, server, bundle, wishes = {} } = given;
  const ui = server.uiUrl ?? '';
  const sections = { evacuation: { imageBackedDisks: 'shared', localFlavors: [LOCAL_FLAVORS] }, ...wishes.sections };
  const all = { ...wishes, cloud: CLOUD, console: ui, admins: [ADMIN], sections };
  const yaml = await writeLifeboatYaml(world, dir, all);
  const connection = await Connection.connect({ address: server.address });
  undo.push(() => connection.close());
  const env = { ...yaml.env, LIFEBOAT_CONFIG: yaml.file, TEMPORAL_ADDRESS: server.address };
  Object.assign(process.env, yaml.env);
  const config = await loadConfig(yaml.file);
  const log = join(dir, 'workers.log');
  const file = openSync(log, 'a');
  const workers = Array.from({ length: WORKERS }, (_, i) =>
    startWorker(`worker ${i + 1}`, ['--config', yaml.file, '--bundle', bundle], childEnv(dir, env), file),
  );
  undo.push(async () => void (await Promise.all(workers.map((w) => w.stop()))));
  return { dir, server, ui, client: new Client({ connection }), config, env, workers, log };
}

/** Nothing of the person's own environment: no proxy, profile or cloud of theirs is meant. */
export function childEnv(home: string, env: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  return { PATH, ...(TMPDIR ? { TMPDIR } : {}), HOME: home, ...env };
}

/** The run's page in the Temporal UI; without a run id, its newest. */
export function pageOf({ ui, client }: Pick<Lifeboat, 'ui' | 'client'>, workflowId: string, runId: string): string {
  const path = ['namespaces', client.options.namespace, 'workflows', workflowId, runId, 'history'];
  return `${ui}/${path.map(encodeURIComponent).join('/')}`;
}
