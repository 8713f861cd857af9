// The fencing room's part of the configuration file, and what can be said of it before any node is known.
import { z } from 'zod';
import { matches } from '../../workflows/policy.ts';
import { duration } from '../monitoring/duration.ts';
import type { FencingDriver } from './driver.ts';
import { fencingDrivers } from './index.ts';
import { kdumpConfig } from './kdump.ts';
import { Owners } from './owners.ts';
import type { ConfigIssue } from './owners.ts';
import { withTypes } from './inventory.ts';
import type { Block, Inventory } from './inventory.ts';

const device = z.strictObject({
  /** A name of the registry, or a package or file whose default export is a FencingDriver. */
  driver: z
    .string()
    .min(1)
    .meta({ expected: `one of ${Object.keys(fencingDrivers).join(', ')}, or a module`, example: 'ipmi' }),
  /** Node names or patterns (`*`). Absent: all. */
  nodes: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ expected: 'a list of node names or patterns', example: '[compute-*]' }),
  /** The driver's options; `{node}` in any text stands for the node's name. */
  options: z.record(z.string(), z.unknown()).default({}).meta({
    expected: 'the options of this driver',
    example: '{ host: "{node}-bmc", user: admin, password: { env: BMC } }',
  }),
  /** What is different for one node: each key replaces the one of `options`. */
  perNode: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .meta({ expected: 'options by node name', example: '{ compute-1: { host: 10.0.0.1 } }' }),
  /** A file with the same for many nodes; `perNode` goes over it. */
  inventory: z
    .string()
    .regex(/^\/.+\.(csv|ya?ml|json)$/i)
    .optional()
    .meta({ expected: 'the whole path of a .csv, .yaml or .json file', example: '/etc/lifeboat/bmcs.csv' }),
});
/** `listed`: what its inventory says, once that is read. */
export type DeviceConfig = z.output<typeof device> & { listed?: ReadonlyMap<string, Block> };

const level = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][\w .-]{0,39}$/i)
    .refine((name) => name !== 'operator', 'is the name of what a person confirms')
    .meta({ expected: 'a name of letters, digits, dots and dashes', example: 'bmc' }),
  /** All of them must read off. */
  devices: z.array(device).min(1).meta({ expected: 'a list of devices', example: '[{ driver: ipmi, options: … }]' }),
});

/** Levels in order: the next one is tried when one cannot prove that the node is off. */
export const fencingConfig = z
  .strictObject({
    levels: z
      .array(level)
      .default([])
      .meta({ expected: 'a list of levels', example: '[{ name: bmc, devices: [{ driver: ipmi, options: … }] }]' }),
    /** Between two rounds in which every device is read, so that a broken one is known before it is needed. Absent: an hour. */
    probeEvery: z
      .union([z.literal('off'), duration('1h', 60_000)])
      .optional()
      .meta({ expected: 'a duration of a minute and more, or off', example: '1h' }),
    /** A power-off waits while the node says that it writes its memory dump. Absent: it does not wait, and nobody listens. */
    kdump: kdumpConfig
      .optional()
      .meta({ expected: 'how long a fence waits for a memory dump', example: '{ wait: 5m }' }),
  })
  .check((context) => {
    // A module's own schema is only known once it is loaded: createFencing asks it.
    for (const { path, message } of issuesOf(context.value, fencingDrivers))
      context.issues.push({ code: 'custom', message, path, input: context.value });
  });
export type FencingConfig = z.output<typeof fencingConfig>;

/** Names that no node has, to see what a template makes of a name. */
export const SOME_NODE = 'some-node';
const OTHER_NODE = 'other-node';

/** Everything that is wrong whatever the fleet looks like. Drivers that are not given are not judged. */
export function issuesOf(config: FencingConfig, drivers: Readonly<Record<string, FencingDriver>>): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const seen = new Set<string>();
  config.levels.forEach(({ name }, i) => {
    if (seen.has(name)) issues.push({ path: ['levels', i, 'name'], message: `two levels are called ${name}` });
    seen.add(name);
  });
  const owners = new Owners();
  for (const { path, device: entry } of entriesOf(config)) {
    const driver = drivers[entry.driver];
    issues.push(...strayOverrides(entry, path));
    // Until its inventory is read, nobody knows what is missing: createFencing reads it.
    if (!driver || (entry.inventory !== undefined && !entry.listed)) continue;
    for (const node of namedIn(entry)) {
      const resolved = resolve(driver, entry, path, node);
      if ('issues' in resolved) issues.push(...resolved.issues);
      else owners.add(resolved.keys, node, resolved.keyPath);
    }
    issues.push(...judgeTemplate(driver, entry, path));
  }
  return [...issues, ...owners.conflicts().map(({ path, message }) => ({ path, message }))];
}

/** Each device of each level with its place in the file. */
export function entriesOf(config: FencingConfig): { level: string; path: (string | number)[]; device: DeviceConfig }[] {
  return config.levels.flatMap(({ name, devices }, i) =>
    devices.map((entry, j) => ({ level: name, path: ['levels', i, 'devices', j], device: entry })),
  );
}

export const covers = (entry: DeviceConfig, node: string): boolean => matches(entry.nodes ?? ['*'], node);

function strayOverrides(entry: DeviceConfig, path: (string | number)[]): ConfigIssue[] {
  return Object.keys(entry.perNode)
    .filter((node) => !covers(entry, node))
    .map((node) => ({ path: [...path, 'perNode', node], message: `is none of this device's nodes` }));
}

/** Nodes that the entry names, in `nodes` or with options of their own. An inventory may list nodes of other devices too. */
export function namedIn(entry: DeviceConfig): Set<string> {
  const exact = (entry.nodes ?? []).filter((pattern) => !pattern.includes('*'));
  return new Set([...exact, ...withOwn(entry).filter((node) => covers(entry, node))]);
}

const withOwn = ({ perNode, listed }: DeviceConfig): string[] => [...Object.keys(perNode), ...(listed?.keys() ?? [])];

/** What is different for a node: its line of the inventory, and `perNode` over it. */
const ownOf = (driver: FencingDriver, { perNode, listed }: DeviceConfig, node: string): Block =>
  mergeOptions(driver, listed?.get(node) ?? {}, perNode[node] ?? {});

/** A template for any number of nodes must not make one device of all of them: the wrong machine would be switched off. */
function judgeTemplate(driver: FencingDriver, entry: DeviceConfig, path: (string | number)[]): ConfigIssue[] {
  if (entry.nodes && !entry.nodes.some((pattern) => pattern.includes('*'))) return [];
  const [some, other] = [SOME_NODE, OTHER_NODE].map((node) => resolve(driver, entry, path, node));
  if (!some || !other) return [];
  // With overrides it may be meant to be incomplete; then each node is judged when it is known.
  const overrides = withOwn(entry).length > 0;
  if ('issues' in some) return overrides ? [] : some.issues;
  if ('issues' in other) return [];
  // A block that each node adds to may be incomplete without anybody seeing it; then each node is judged when it is known.
  if (driver.merged && overrides) return [];
  const shared = some.keys.find((key) => other.keys.includes(key));
  if (shared === undefined) return [];
  const others = overrides ? ` that is not under perNode${entry.listed ? ' nor in the inventory' : ''}` : '';
  const message = `is one and the same device for every node${others}: ${shared} (write {node} in it, or name the nodes)`;
  return [{ path: [...path, 'options'], message }];
}

export type Resolved = { options: unknown; keys: string[]; keyPath: (string | number)[] } | { issues: ConfigIssue[] };

/** The options of one node: template, then its overrides, `{node}` filled in, judged by the driver's own strict schema. */
export function resolve(driver: FencingDriver, entry: DeviceConfig, path: (string | number)[], node: string): Resolved {
  const own = ownOf(driver, entry, node);
  const parsed = driver.options.safeParse(fill(mergeOptions(driver, entry.options, own), node));
  const place = (keys: PropertyKey[]): (string | number)[] => [...path, ...sideOf(driver, entry, node, keys)];
  if (parsed.success) {
    const from = node in entry.perNode ? 'perNode' : entry.listed?.has(node) ? 'inventory' : null;
    const keyPath = from ? [...path, from, node] : [...path, 'options'];
    return { options: parsed.data, keys: [driver.deviceKey(parsed.data)].flat(), keyPath };
  }
  const named = node === SOME_NODE || node === OTHER_NODE ? '' : ` (for ${node})`;
  return {
    issues: parsed.error.issues.map((issue) => {
      const inner = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
      const keys = issue.code === 'unrecognized_keys' ? [...inner, ...issue.keys] : inner;
      return { path: [...place(keys), ...inner], message: `${issue.message}${named}` };
    }),
  };
}

/** A node's own options over those of all: each key replaces, but to a block that the driver calls `merged` its keys are added. */
export function mergeOptions({ merged = [] }: Pick<FencingDriver, 'merged'>, options: Block, own: Block): Block {
  const blocks = merged.flatMap((key) => {
    const [below, above] = [options[key], own[key]];
    return isBlock(below) && isBlock(above) ? [[key, { ...below, ...above }]] : [];
  });
  return { ...options, ...own, ...Object.fromEntries(blocks) } as Block;
}

/** Where an option of a node stands that is wrong: under `perNode`, in the inventory, or in the template. */
export function sideOf(driver: FencingDriver, entry: DeviceConfig, node: string, keys: PropertyKey[]): string[] {
  if (stands(driver, entry.perNode[node] ?? {}, keys)) return ['perNode', node];
  return stands(driver, entry.listed?.get(node) ?? {}, keys) ? ['inventory', node] : ['options'];
}

function stands({ merged }: FencingDriver, own: Block, [key, inner]: PropertyKey[]): boolean {
  if (key === undefined || !(key in own)) return false;
  const block = own[String(key)];
  return !isBlock(block) || inner === undefined || !merged?.includes(String(key)) || inner in block;
}

const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fill(value: unknown, node: string): unknown {
  if (typeof value === 'string') return value.replaceAll('{node}', () => node);
  if (Array.isArray(value)) return value.map((item) => fill(item, node));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, node)]));
}

/** The entry with what its inventory says. What a CSV says is a number where the driver takes no text there. */
export function withInventory(
  driver: FencingDriver,
  entry: DeviceConfig,
  { nodes, textOnly }: Inventory,
): DeviceConfig {
  if (!textOnly) return { ...entry, listed: nodes };
  const typed = [...nodes].map(([node, block]): [string, Block] => {
    const parsed = driver.options.safeParse(fill(mergeOptions(driver, entry.options, block), node));
    return [
      node,
      parsed.success
        ? block
        : withTypes(
            block,
            parsed.error.issues.map(({ path }) => path),
          ),
    ];
  });
  return { ...entry, listed: new Map(typed) };
}
