// The configuration that points Lifeboat at a simulated data centre: the same file for tests in one process, for worker
// processes and for the demo.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { World } from './world.ts';

export interface LifeboatYaml {
  /** Path of lifeboat.yaml. */
  file: string;
  /** What a process needs beside the file: clouds.yaml and secrets. */
  env: Record<string, string>;
}

export interface Wishes {
  cloud?: string;
  mode?: 'observe' | 'confirm' | 'auto';
  console?: string;
  admins?: string[];
  /** Merged over the sections of the file (one level deep). */
  sections?: Record<string, Record<string, unknown> | unknown[]>;
}

/** Writes lifeboat.yaml and clouds.yaml into `dir`. Durations are the defaults, scaled as the world's are. */
export async function writeLifeboatYaml(world: World, dir: string, wishes: Wishes = {}): Promise<LifeboatYaml> {
  const cloudsYaml = await world.writeCloudsYaml(dir, 'world');
  const tcpPort = world.nodes[0]?.tcpPort ?? 22;
  const base: Record<string, unknown> = {
    cloud: wishes.cloud ?? 'world',
    openstack: { cloud: 'world' },
    mode: wishes.mode ?? 'auto',
    timeScale: world.settings.timeScale,
    ...(wishes.console ? { console: wishes.console } : {}),
    monitoring: { channels: [{ driver: 'nova-service' }, { driver: 'tcp', options: { ports: [tcpPort] } }] },
    fencing: { levels: [{ name: 'bmc', devices: [redfish(world, dir)] }] },
    evacuation: { imageBackedDisks: 'shared' },
    notification: {
      admins: wishes.admins ?? ['ops@cloud.example'],
      channels: [
        {
          driver: 'email',
          options: {
            host: world.smtp.host,
            port: world.smtp.port,
            tls: 'none',
            from: { name: 'Cloud operations', address: 'cloud@cloud.example' },
          },
        },
      ],
    },
  };
  for (const [key, value] of Object.entries(wishes.sections ?? {}))
    base[key] = Array.isArray(value) ? value : { ...(base[key] as object | undefined), ...value };
  const file = path.join(dir, 'lifeboat.yaml');
  await writeFile(file, stringify(base));
  for (const n of world.nodes) await writeFile(secretFile(dir, n.name), n.redfish.password, { mode: 0o600 });
  return { file, env: { OS_CLIENT_CONFIG_FILE: cloudsYaml } };
}

const secretFile = (dir: string, node: string): string => path.join(dir, `${node}.password`);

/** The fence device of every node of the world; each has a password of its own. */
export function redfish(
  world: World,
  dir: string,
): {
  driver: 'redfish';
  nodes: string[];
  options: object;
  perNode: Record<string, object>;
} {
  const first = world.nodes[0]?.redfish;
  const perNode = world.nodes.map(({ name, redfish: r }) => [name, { url: r.url, system: r.systemPath, uuid: r.uuid }]);
  return {
    driver: 'redfish',
    nodes: world.nodes.map((n) => n.name),
    options: { user: first?.user, password: { file: secretFile(dir, '{node}') }, tls: 'insecure' },
    perNode: Object.fromEntries(perNode),
  };
}
