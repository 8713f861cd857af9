// From the configuration to what the activities need: the cloud's client, the channels, the fence devices. Only what the roles
// of this process use is made: an evacuation worker never resolves the secret of a BMC.
import { openEvacuator } from '../activities/evacuation/index.ts';
import type { Evacuator } from '../activities/evacuation/driver.ts';
import { createFencing, type Fencing } from '../activities/fencing/levels.ts';
import { powerReader } from '../activities/fencing/power-reader.ts';
import { bmcPower } from '../activities/monitoring/bmc-power.ts';
import { createChannels } from '../activities/monitoring/index.ts';
import type { NamedChannel } from '../activities/monitoring/sweep.ts';
import { openChannels, type OpenChannel } from '../activities/notification/index.ts';
import { loadTemplates, type Templates } from '../activities/notification/templates.ts';
import { connectCloud } from '../activities/openstack/cloud.ts';
import { judgeCloud } from '../activities/openstack/cloud-config.ts';
import { readCloud } from '../activities/openstack/clouds-yaml.ts';
import type { OpenStack } from '../activities/openstack/types.ts';
import type { Role } from '../workflows/contract.ts';
import type { Config } from './config.ts';
import type { Secrets } from './secrets.ts';

export interface Drivers {
  openstack: OpenStack;
  monitoring: readonly NamedChannel[];
  fencing: Fencing;
  evacuator: Evacuator;
  notification: { channels: readonly OpenChannel[]; templates: Templates };
}

/** Each part is made when a role asks for it first; `close` closes those that were made. */
export interface DriverSource {
  get<K extends keyof Drivers>(part: K): Promise<Drivers[K]>;
  /** Closes one part where it was made here, and forgets it. */
  closePart(part: keyof Drivers): Promise<void>;
  close(): Promise<void>;
}

/** `given`: parts that are there already (tests, the demo); they are not closed. */
export function driverSource(config: Config, secrets: Secrets, given: Partial<Drivers> = {}): DriverSource {
  const made = new Map<keyof Drivers, Promise<unknown>>();
  const { timings } = config.policy;
  const { secret } = secrets;
  const make: { [K in keyof Drivers]: () => Promise<Drivers[K]> } = {
    openstack: () => connect(config, secrets),
    monitoring: async () => {
      // At once, so that devices which cannot be made stop the worker; for the others at the first reading, if ever.
      if (config.monitoring.channels.some(({ driver }) => driver === bmcPower.name)) await get('fencing');
      const context = {
        openstack: await get('openstack'),
        timings,
        secret,
        redact: secrets.redactor.redact,
        ...(config.fencing.levels.length > 0 && { readPower: powerReader(() => get('fencing')) }),
      };
      return createChannels(config.monitoring, context, config.file);
    },
    fencing: () =>
      createFencing(
        config.fencing,
        { timings, secret, redact: secrets.redactor.redact, openstack: other },
        config.file,
      ),
    evacuator: async () => openEvacuator(config.evacuation, { openstack: await get('openstack') }, config.file),
    notification: async () => ({
      channels: await openChannels(config.notification, { secret }, config.file),
      templates: loadTemplates(config.notification.templates),
    }),
  };
  /** Fencing may be done by another cloud: the one that this one's nodes are instances of. */
  const others = new Map<string, Promise<OpenStack>>();
  const other = (cloud?: string): Promise<OpenStack> => {
    if (cloud === undefined || cloud === config.openstack.cloud) return get('openstack');
    const before = others.get(cloud) ?? connect({ ...config, openstack: { cloud } }, secrets);
    others.set(cloud, before);
    before.catch(() => others.delete(cloud));
    return before;
  };
  function get<K extends keyof Drivers>(part: K): Promise<Drivers[K]> {
    const there = given[part];
    if (there) return Promise.resolve(there as Drivers[K]);
    const before = made.get(part) ?? make[part]();
    made.set(part, before);
    return before as Promise<Drivers[K]>;
  }
  async function closePart(part: keyof Drivers): Promise<void> {
    const of = <K extends keyof Drivers>(one: K): Promise<Drivers[K]> | null =>
      one === part ? ((made.get(one) ?? null) as Promise<Drivers[K]> | null) : null;
    const closing = [
      of('monitoring')?.then((all) => Promise.all(all.map(({ channel }) => channel.close?.()))),
      of('fencing')?.then((fencing) => fencing.close()),
      of('notification')?.then(({ channels }) => Promise.all(channels.map(({ channel }) => channel.close?.()))),
      of('openstack')?.then((cloud) => cloud.close()),
    ];
    made.delete(part);
    await Promise.allSettled(closing);
  }
  return {
    get,
    closePart,
    async close() {
      await Promise.all((['monitoring', 'fencing', 'notification'] as const).map(closePart));
      // Last: the others may still speak to it while they close.
      await closePart('openstack');
      await Promise.allSettled([...others.values()].map(async (cloud) => (await cloud).close()));
    },
  };
}

async function connect({ openstack, policy }: Config, secrets: Secrets): Promise<OpenStack> {
  const where = { ...openstack, env: process.env, cwd: process.cwd() };
  for (const secret of judgeCloud(readCloud(where), openstack.region).secrets()) secrets.redactor.know(secret);
  return connectCloud({ ...where, readMs: policy.timings.novaReadMs, writeMs: policy.timings.novaPostMs });
}

/** What a role's workers need of the configuration before they may start. */
export const NEEDS: Record<Role, readonly (keyof Drivers)[]> = {
  workflow: [],
  monitor: ['openstack', 'monitoring'],
  evacuation: ['openstack', 'evacuator'],
  // The guard and the last look read Nova's row too.
  fencing: ['openstack', 'fencing'],
  notification: ['openstack', 'notification'],
};
