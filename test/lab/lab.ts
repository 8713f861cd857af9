// The lab before and after a story: healthy, or the story does not begin; given back as it was found.
import { readFileSync } from 'node:fs';
import { until } from '../support/until.ts';
import { labCloud, type LabCloud, type ServiceRow } from './nova.ts';
import { command, forNode, labSettings, type LabSettings } from './settings.ts';

/** All instances of the lane begin so. */
export const PREFIX = 'lifeboat-lab-';

export interface Lab {
  settings: LabSettings;
  admin: LabCloud;
  nodes: string[];
  /** The node that fails. */
  node: string;
  projects: Map<string, LabCloud>;
  service(node: string): Promise<ServiceRow>;
  power(node: string): string;
  fail(how: 'crash' | 'power-loss'): Promise<void>;
}

/** Rejects when something is missing or the lab is not as it should be: a story on a broken lab proves nothing. */
export async function openLab(): Promise<Lab> {
  const settings = labSettings();
  const admin = await labCloud(settings.clouds, 'admin');
  const rows = await admin.services();
  const { node } = settings;
  const sick = rows.filter((r) => r.state !== 'up' || r.status !== 'enabled' || r.forced_down);
  if (sick.length > 0)
    throw new Error(`the lab is not healthy: ${sick.map((r) => `${r.host} is ${r.status} and ${r.state}`).join(', ')}`);
  const nodes = rows.map((r) => r.host).sort();
  if (!nodes.includes(node)) throw new Error(`the lab has no node ${node}, it has ${nodes.join(', ')}`);
  const power = (of: string): string => readFileSync(forNode(settings.power, of), 'utf8').trim();
  const off = nodes.filter((n) => power(n) !== 'on');
  if (off.length > 0) throw new Error(`the lab is not healthy: ${off.join(', ')} not powered on`);
  const projects = new Map<string, LabCloud>();
  for (const name of settings.projects.split(',')) {
    const project = await labCloud(settings.clouds, name.trim());
    // What a run before left behind.
    await project.remove(PREFIX);
    projects.set(name.trim(), project);
  }
  return {
    ...{ settings, admin, nodes, node, projects, power },
    async service(of) {
      const row = (await admin.services()).find((r) => r.host === of);
      if (!row) throw new Error(`there is no nova-compute of ${of}`);
      return row;
    },
    fail: async (how) => void (await command(forNode(settings.fail, node, { how }))),
  };
}

/** Whatever became of the story: the node is powered on, enabled and up, and the lane's instances are gone. */
export async function giveBack(lab: Lab): Promise<void> {
  const { admin, node, settings } = lab;
  const { id, ...row } = await lab.service(node);
  if (lab.power(node) !== 'on') await command(forNode(settings.bmcup, node));
  // Also where its nova-compute died alone.
  if (lab.power(node) !== 'on' || row.state !== 'up') await command(forNode(settings.start, node));
  if (row.forced_down) {
    const unforce = async (): Promise<boolean> =>
      (await admin.call('PUT', `/os-services/${id}`, { forced_down: false })).status === 200;
    await until(unforce, { what: `Nova lifts forced_down of ${node}`, timeoutMs: 300_000, everyMs: 1_000 });
  }
  if (row.status !== 'enabled') await admin.call('PUT', `/os-services/${id}`, { status: 'enabled' });
  await until(async () => (await lab.service(node)).state === 'up', {
    ...{ what: `${node} is up`, timeoutMs: 120_000, everyMs: 500 },
  });
  for (const project of lab.projects.values()) await project.remove(PREFIX);
}
