// A whole simulated data centre on the loopback: startWorld() … world.stop(). See README.md.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newCentre } from './centre.ts';
import type { Centre } from './centre.ts';
import type { Fault, FaultEffect, FaultMatch } from './faults.ts';
import { foundNodes } from './founding.ts';
import { foundInstances } from './instances.ts';
import { foundPeople, SERVICE_USER } from './people.ts';
import { glance } from './glance.ts';
import { hands } from './hands.ts';
import type { Hands } from './hands.ts';
import { keystone } from './keystone.ts';
import type { Entry, WorldLog } from './log.ts';
import { openMailbox } from './mailbox.ts';
import type { Mailbox } from './mailbox.ts';
import { beginReports } from './node-life.ts';
import { nova } from './nova.ts';
import { placement } from './placement.ts';
import { settingsOf } from './settings.ts';
import type { Settings, WorldOptions } from './settings.ts';
import { truthOf } from './truth.ts';
import type { Truth } from './truth.ts';
import { serveWeb } from './web.ts';

export interface NodeFacts {
  name: string;
  serviceId: string;
  address: string;
  tcpPort: number;
  redfish: { url: string; systemPath: string; user: string; password: string; uuid: string; serial: string };
}

export interface World extends Hands {
  settings: Settings;
  endpoints: Centre['endpoints'];
  /** OS_* of the service user, as an environment. */
  env: Record<string, string>;
  appCredential: { id: string; secret: string };
  smtp: { host: string; port: number };
  mailbox: Mailbox;
  nodes: NodeFacts[];
  log: WorldLog;
  /** Writes clouds.yaml for the service user into the folder; answers its path. */
  writeCloudsYaml(dir: string, cloud?: string): Promise<string>;
  node(name: string): NodeFacts;
  fault(match: FaultMatch, effect: FaultEffect): Fault;
  truth(): Truth;
  on(listener: (entry: Entry) => void): () => void;
  /** Resolves when the condition holds; looks after every event and every 20 ms. Rejects after timeoutMs (real). */
  until(condition: (truth: Truth, log: WorldLog) => boolean, timeoutMs?: number, what?: string): Promise<void>;
  /** For the audit: something that only the test knows, such as `operator-confirmed`. */
  note(what: string, node?: string, text?: string): void;
  stop(): Promise<void>;
  centre: Centre;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const settings = settingsOf(options);
  const centre = newCentre(settings);
  const { log, faults } = centre;
  const serve = (service: 'keystone' | 'nova' | 'placement' | 'glance', handler: ReturnType<typeof nova>) =>
    serveWeb({ service, log, faults, handler });
  const webs = [
    await serve('keystone', keystone(centre)),
    await serve('nova', nova(centre)),
    await serve('placement', placement(centre)),
    await serve('glance', glance(centre)),
  ];
  const [ks, nv, pl, gl] = webs.map((web) => `http://127.0.0.1:${web.port}`);
  centre.endpoints = { keystone: ks!, nova: nv!, placement: pl!, glance: gl! };
  const mailbox = await openMailbox(log);
  foundPeople(centre);
  await foundNodes(centre);
  foundInstances(centre);
  beginReports(centre);

  const stop = async () => {
    centre.stopped = true;
    for (const timer of centre.timers) clearTimeout(timer);
    await Promise.all([
      ...webs.map((web) => web.close()),
      mailbox.down(),
      ...[...centre.nodes.values()].flatMap((n) => [n.door.close(), n.bmc.door?.close()]),
    ]);
  };
  return assemble(centre, mailbox, stop);
}

export const stopWorld = (world: World): Promise<void> => world.stop();

function assemble(centre: Centre, mailbox: Mailbox, stop: () => Promise<void>): World {
  const { log, faults, settings, endpoints } = centre;
  const [credential] = centre.appCredentials.values();
  const facts = [...centre.nodes.values()].map((n): NodeFacts => {
    const { url, systemPath, user, password, uuid, serial } = n.bmc;
    const { name, serviceId, address, door } = n;
    return { name, serviceId, address, tcpPort: door.port, redfish: { url, systemPath, user, password, uuid, serial } };
  });
  return {
    ...hands(centre),
    centre,
    settings,
    endpoints,
    mailbox,
    log,
    nodes: facts,
    env: environment(centre),
    appCredential: { id: credential!.id, secret: credential!.secret },
    smtp: { host: mailbox.host, port: mailbox.port },
    writeCloudsYaml: (dir, cloud) => writeCloudsYaml(centre, dir, cloud ?? 'world'),
    node(name) {
      const found = facts.find((f) => f.name === name);
      if (!found) throw new Error(`find node ${name}: the world has none of this name`);
      return found;
    },
    fault: (match, effect) => faults.add(match, effect),
    truth: () => truthOf(centre),
    on: (listener) => log.on(listener),
    until: (condition, timeoutMs = 10_000, what = 'the condition') => until(centre, condition, timeoutMs, what),
    note(what, node, text) {
      log.add({ kind: 'note', what, ...(node ? { node } : {}), ...(text ? { text } : {}) });
    },
    stop,
  };
}

function environment(centre: Centre): Record<string, string> {
  return {
    OS_AUTH_URL: `${centre.endpoints.keystone}/v3`,
    OS_USERNAME: SERVICE_USER.name,
    OS_PASSWORD: SERVICE_USER.password,
    OS_PROJECT_NAME: SERVICE_USER.project,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: centre.settings.region,
  };
}

async function writeCloudsYaml(centre: Centre, dir: string, cloud: string): Promise<string> {
  const file = path.join(dir, 'clouds.yaml');
  const { name, password, project } = SERVICE_USER;
  const text = [
    'clouds:',
    `  ${cloud}:`,
    '    auth:',
    `      auth_url: ${centre.endpoints.keystone}/v3`,
    `      username: ${name}`,
    `      password: ${password}`,
    `      project_name: ${project}`,
    '      user_domain_name: Default',
    '      project_domain_name: Default',
    `    region_name: ${centre.settings.region}`,
    '',
  ].join('\n');
  await mkdir(dir, { recursive: true });
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

function until(
  centre: Centre,
  condition: (truth: Truth, log: WorldLog) => boolean,
  timeoutMs: number,
  what: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let ended = false;
    const end = (error?: Error) => {
      ended = true;
      off();
      clearInterval(tick);
      clearTimeout(limit);
      if (error) reject(error);
      else resolve();
    };
    const look = () => {
      if (ended) return;
      try {
        if (condition(truthOf(centre), centre.log)) end();
      } catch (error) {
        end(error as Error);
      }
    };
    const off = centre.log.on(look);
    const tick = setInterval(look, 20);
    const limit = setTimeout(() => end(new Error(`wait for ${what}: not within ${timeoutMs} ms`)), timeoutMs);
    look();
  });
}
