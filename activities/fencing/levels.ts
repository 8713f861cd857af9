// From the configuration to the devices of one node, level by level.
import { covers, entriesOf, issuesOf, namedIn, resolve, sideOf, SOME_NODE, withInventory } from './config.ts';
import type { DeviceConfig, FencingConfig, Resolved } from './config.ts';
import type { FenceDevice, FencingContext, FencingDriver } from './driver.ts';
import { loadDriver } from './index.ts';
import { listenForDumps, type Dumps, type KdumpConfig } from './kdump.ts';
import { readInventory } from './inventory.ts';
import type { Inventory } from './inventory.ts';
import { Owners, writeIssue } from './owners.ts';
import type { ConfigIssue } from './owners.ts';
import { withoutSecrets } from './without-secrets.ts';

export { fencingConfig } from './config.ts';
export type { FencingConfig } from './config.ts';

export interface FencingLevel {
  name: string;
  kind: 'power';
  /** All of them must read off. */
  devices: FenceDevice[];
}

export interface Fencing {
  /**
   * The levels that have a device for this node, in order. A device that cannot be made (options missing for this node, one
   * device for two nodes) stands in its level all the same and answers `misconfigured`: the level can then prove nothing.
   */
  levelsOf(node: string): FencingLevel[];
  nodesWithDevices(nodes: readonly string[]): string[];
  /** What is wrong with the configuration for these nodes, one line each. Told of the fleet, it knows whose a device is. */
  problems(nodes: readonly string[]): string[];
  /** Who hears of memory dumps, from the first call until `close`; null: not configured. */
  dumps?(): Dumps | null;
  close(): Promise<void>;
}

interface Entry {
  level: string;
  path: (string | number)[];
  device: DeviceConfig;
  driver: FencingDriver;
  /** By node. */
  made: Map<string, { resolved: Resolved; device: FenceDevice | null }>;
}

/** Loads the drivers (`from`: beside which configuration they may stand); connects to nothing. Rejects with every error that stands in the file, one a line. */
export async function createFencing(config: FencingConfig, context: FencingContext, from?: string): Promise<Fencing> {
  const files = new Map<string, Promise<Inventory>>();
  const read = (file: string): Promise<Inventory> => {
    const reading = files.get(file) ?? readInventory(file);
    files.set(file, reading);
    return reading;
  };
  const entries: Entry[] = await Promise.all(
    entriesOf(config).map(async (entry) => {
      const at = writeIssue({ path: entry.path, message: '' }).slice(0, -2);
      const driver = await loadDriver(entry.device.driver, at, from);
      const { inventory } = entry.device;
      const device = inventory ? withInventory(driver, entry.device, await read(inventory)) : entry.device;
      return { ...entry, device, driver, made: new Map() };
    }),
  );
  const drivers = Object.fromEntries(entries.map((entry) => [entry.device.driver, entry.driver]));
  const issues = issuesOf(withDevices(config, entries), drivers);
  if (!issues.length) issues.push(...(await judgedHere(entries, context)));
  if (issues.length) throw new Error(shortened(issues.map(writeIssue)).join('\n'));
  return new ConfiguredFencing(
    config.levels.map(({ name }) => name),
    entries,
    context,
    config.kdump,
  );
}

/** A wrong column is wrong in every line of an inventory. */
const MANY = 20;
const shortened = (lines: string[]): string[] =>
  lines.length <= MANY ? lines : [...lines.slice(0, MANY), `and ${lines.length - MANY} more`];

/** The configuration with the entries' devices, in their order. */
function withDevices(config: FencingConfig, entries: readonly Entry[]): FencingConfig {
  const devices = entries.map(({ device }) => device);
  return { levels: config.levels.map((level) => ({ ...level, devices: devices.splice(0, level.devices.length) })) };
}

/** What only this machine can tell of the options (driver.ts, `judge`), of each node that is named, else of the template. */
async function judgedHere(entries: readonly Entry[], context: FencingContext): Promise<ConfigIssue[]> {
  const found = new Map<string, ConfigIssue>();
  for (const { device, driver, path } of entries) {
    const named = [...namedIn(device)];
    for (const node of driver.judge ? (named.length ? named : [SOME_NODE]) : []) {
      const resolved = resolve(driver, device, path, node);
      if ('issues' in resolved) continue;
      for (const { path: place, message } of (await driver.judge?.(resolved.options, context)) ?? []) {
        const side = sideOf(driver, device, node, place);
        const issue = { path: [...path, ...side, ...place], message };
        // What is wrong with the template is said once.
        found.set(writeIssue(issue), issue);
      }
    }
  }
  return [...found.values()];
}

class ConfiguredFencing implements Fencing {
  readonly #levels: string[];
  readonly #entries: Entry[];
  readonly #context: FencingContext;
  readonly #owners = new Owners();
  readonly #kdump: KdumpConfig | undefined;
  #dumps: Dumps | null = null;

  constructor(levels: string[], entries: Entry[], context: FencingContext, kdump: KdumpConfig | undefined) {
    this.#kdump = kdump;
    this.#levels = levels;
    this.#entries = entries;
    this.#context = context;
    // Names that stand in the file belong to somebody before any of them is asked for.
    for (const entry of entries) for (const node of namedIn(entry.device)) this.#make(entry, node);
  }

  levelsOf(node: string): FencingLevel[] {
    const own = this.#entries.filter((entry) => covers(entry.device, node));
    for (const entry of own) this.#make(entry, node);
    return this.#levels
      .map((name) => {
        const devices = own.filter((entry) => entry.level === name).map((entry) => this.#deviceOf(entry, node));
        return { name, kind: 'power' as const, devices };
      })
      .filter(({ devices }) => devices.length > 0);
  }

  nodesWithDevices(nodes: readonly string[]): string[] {
    return nodes.filter((node) => this.#entries.some((entry) => covers(entry.device, node)));
  }

  problems(nodes: readonly string[]): string[] {
    const found = new Set<string>();
    for (const node of nodes) {
      for (const entry of this.#entries.filter(({ device }) => covers(device, node))) {
        const { resolved } = this.#make(entry, node);
        if ('issues' in resolved) for (const issue of resolved.issues) found.add(writeIssue(issue));
      }
    }
    for (const conflict of this.#owners.conflicts()) found.add(writeIssue(conflict));
    return [...found];
  }

  dumps(): Dumps | null {
    return (this.#dumps ??= this.#kdump ? listenForDumps(this.#kdump) : null);
  }

  async close(): Promise<void> {
    this.#dumps?.close();
    const made = this.#entries.flatMap((entry) => [...entry.made.values()]);
    await Promise.all(made.map(({ device }) => device?.close?.()));
  }

  #make(entry: Entry, node: string): { resolved: Resolved; device: FenceDevice | null } {
    const before = entry.made.get(node);
    if (before) return before;
    const resolved = resolve(entry.driver, entry.device, entry.path, node);
    let device: FenceDevice | null = null;
    if (!('issues' in resolved)) {
      const made = entry.driver.create(node, resolved.options, this.#context);
      device = this.#context.redact ? withoutSecrets(made, this.#context.redact) : made;
      this.#owners.add(resolved.keys, node, resolved.keyPath);
    }
    entry.made.set(node, { resolved, device });
    return { resolved, device };
  }

  /** Asked each time: another node with the same device may have become known since. */
  #deviceOf(entry: Entry, node: string): FenceDevice {
    const { resolved, device } = this.#make(entry, node);
    const why =
      'issues' in resolved ? resolved.issues.map(writeIssue).join('; ') : this.#owners.conflict(resolved.keys);
    return device && !why ? device : unusable(`${entry.device.driver} of ${node}`, why ?? 'cannot be made');
  }
}

/** Stands where a device should be, touches nothing and says why: the other levels go on. */
function unusable(label: string, why: string): FenceDevice {
  const detail = `${label}: ${why}`;
  const refuse = () => Promise.resolve({ accepted: false, fault: 'misconfigured', detail } as const);
  return {
    label,
    status: () => Promise.resolve({ power: 'unknown', fault: 'misconfigured', detail, identityConfirmed: false }),
    off: refuse,
    on: refuse,
    confirmCommand: () => `# ${detail}`,
  };
}
