// A changed configuration in a running worker: what a queue's activities are made of is made anew where it changed, and put in place
// once all of it could be made.
import { bmcPower } from '../activities/monitoring/bmc-power.ts';
import { monitoringDrivers } from '../activities/monitoring/index.ts';
import type { Config } from './config.ts';
import { driverSource, type Drivers, type DriverSource } from './deps.ts';
import { inventoryHash } from './follow-config.ts';
import type { LiveActivities } from './live-activities.ts';
import type { Secrets } from './secrets.ts';

export type ActivityQueue = 'monitoring' | 'openstack' | 'fencing' | 'guard' | 'notification';
type Part = Exclude<keyof Drivers, 'openstack'>;

const PART: Record<ActivityQueue, Part> = {
  monitoring: 'monitoring',
  openstack: 'evacuator',
  fencing: 'fencing',
  guard: 'fencing',
  notification: 'notification',
};
const CALLED: Record<Part, string> = {
  monitoring: 'monitors and policy',
  evacuator: 'evacuation',
  fencing: 'power devices',
  notification: 'notification',
};

/** What the activities of a queue depend on. Two that are equal make the same activities. */
async function basisOf(queue: ActivityQueue, config: Config): Promise<string> {
  const { policy, monitoring, fencing, evacuation, notification, console, reports } = config;
  const devices = { fencing, inventories: await inventoryHash(config) };
  const readsPower = monitoring.channels.some((c) => c.driver === bmcPower.name || !monitoringDrivers[c.driver]);
  const basis: Record<ActivityQueue, unknown> = {
    monitoring: { policy, monitoring, ...(readsPower && devices) },
    openstack: { driver: evacuation.driver, options: evacuation.options },
    fencing: { devices, timings: policy.timings, knocks: monitoring.channels },
    guard: { devices, timings: policy.timings, knocks: monitoring.channels },
    notification: { notification, console, reports },
  };
  return JSON.stringify([basis[queue], times(config)]);
}

/** The client of the cloud has these limits. */
const times = ({ policy: { timings } }: Config): string => `${timings.novaReadMs} ${timings.novaPostMs}`;

export interface Replaceable {
  queue: ActivityQueue;
  live: LiveActivities;
  /** Ends what runs for ever (the sweep) with these activities. */
  replaced: AbortController;
}

interface Fresh {
  one: Replaceable;
  activities: object;
  replaced: AbortController;
}

export interface ReplaceOptions {
  config: Config;
  secrets: Secrets;
  source: DriverSource;
  queues: Replaceable[];
  /** The activities of a queue, of this configuration and these parts. `signal`: they were replaced. */
  make(queue: ActivityQueue, config: Config, source: DriverSource, signal: AbortSignal): Promise<object>;
}

/** One at a time: `replace` puts a configuration in force, whole, and answers what was made anew; rejects with nothing changed. */
export class Parts {
  #config: Config;
  readonly #options: ReplaceOptions;
  /** Where each part comes from now. */
  readonly #sources = new Map<Part, DriverSource>();
  #openstack: DriverSource;
  readonly #all: DriverSource[];

  constructor(options: ReplaceOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#openstack = options.source;
    this.#all = [options.source];
  }

  /** `from`: told the hash of the policy that is replaced, right before. */
  async replace(next: Config, from: (hash: string) => void): Promise<string[]> {
    const { queues, secrets, make } = this.#options;
    const changed: Replaceable[] = [];
    for (const one of queues)
      if ((await basisOf(one.queue, this.#config)) !== (await basisOf(one.queue, next))) changed.push(one);
    if (changed.length === 0) {
      this.#config = next;
      return [];
    }
    const source = driverSource(next, secrets, await this.#kept(next, changed));
    const fresh = await this.#make(source, changed, next, make);
    if (times(this.#config) !== times(next)) this.#openstack = source;
    if (this.#config.policyHash !== next.policyHash) from(this.#config.policyHash);
    this.#put(source, fresh, next);
    return [...new Set(changed.map(({ queue }) => CALLED[PART[queue]]))];
  }

  /** Parts that stay as they are: they belong to the source that made them. */
  async #kept(next: Config, changed: readonly Replaceable[]): Promise<Partial<Drivers>> {
    const kept: Partial<Drivers> = {};
    if (times(this.#config) === times(next)) kept.openstack = await this.#openstack.get('openstack');
    const hasFencing = this.#options.queues.some(({ queue }) => PART[queue] === 'fencing');
    if (hasFencing && !changed.some(({ queue }) => PART[queue] === 'fencing'))
      kept.fencing = await this.#sourceOf('fencing').get('fencing');
    return kept;
  }

  async #make(
    source: DriverSource,
    changed: readonly Replaceable[],
    next: Config,
    make: ReplaceOptions['make'],
  ): Promise<Fresh[]> {
    try {
      await Promise.all(changed.map(({ queue }) => source.get(PART[queue])));
      return await Promise.all(
        changed.map(async (one) => {
          const replaced = new AbortController();
          return { one, activities: await make(one.queue, next, source, replaced.signal), replaced };
        }),
      );
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Nothing here can fail: all of it, or none. */
  #put(source: DriverSource, fresh: readonly Fresh[], next: Config): void {
    const idle = new Map<Part, Promise<void>[]>();
    for (const { one, activities, replaced } of fresh) {
      const part = PART[one.queue];
      idle.set(part, [...(idle.get(part) ?? []), one.live.replace(activities)]);
      one.replaced.abort();
      one.replaced = replaced;
    }
    for (const [part, ended] of idle) {
      const before = this.#sourceOf(part);
      // A monitor may read the power devices of before until it is replaced, too.
      const users = part === 'fencing' ? [...ended, ...(idle.get('monitoring') ?? [])] : ended;
      void Promise.all(users).then(() => before.closePart(part));
      this.#sources.set(part, source);
    }
    this.#config = next;
    this.#all.push(source);
  }

  #sourceOf(part: Part): DriverSource {
    return this.#sources.get(part) ?? this.#options.source;
  }

  async close(): Promise<void> {
    for (const source of [...this.#all].reverse()) await source.close();
  }
}
