// The comparisons: as many instances on the node for Lifeboat as for what stands beside it, and what that says of itself.
import { until } from '../support/until.ts';
import { MINUTES } from './incident.ts';
import { PREFIX, type Lab } from './lab.ts';
import type { Server } from './nova.ts';
import { command, forNode } from './settings.ts';

export const instancesOn = (lab: Lab): Promise<Server[]> =>
  lab.admin.servers(`all_tenants=1&limit=1000&host=${lab.node}`);

/** Makes what the node lacks to `count`; answers all that are on it. */
export async function fillUp(lab: Lab, name: string, count: number): Promise<Server[]> {
  const there = (await instancesOn(lab)).length;
  const [project] = [...lab.projects.values()];
  await project!.make(`${PREFIX}${name}`, lab.node, count - there);
  return instancesOn(lab);
}

export const clearUp = (lab: Lab): Promise<unknown> =>
  Promise.all([...lab.projects.values()].map((p) => p.remove(PREFIX)));

/** The line that the command ends with. It makes and removes what the node lacks to `count`. Rejects where there is none. */
export async function resultOf<T>(
  lab: Lab,
  line: string,
  count: number,
  values: Record<string, number> = {},
): Promise<T> {
  const made = count - (await instancesOn(lab)).length;
  const said = await command(forNode(line, lab.node, { count: made, ...values }), 30 * MINUTES);
  const result = said.split('\n').find((l) => l.includes('RESULT'));
  if (!result) throw new Error(`the comparison gave no result: ${said.slice(-300)}`);
  return JSON.parse(result) as T;
}

export const healthy = (lab: Lab): Promise<unknown> =>
  until(async () => (await lab.service(lab.node)).state === 'up', {
    ...{ what: `${lab.node} is up`, timeoutMs: 2 * MINUTES, everyMs: 500 },
  });

export const seconds = (ms: number): number => Math.round(ms / 100) / 10;
