// What one value's schema cannot say: rules between values, and the options of a driver by the driver's own schema.
import type { z } from 'zod';
import { evacuationDrivers } from '../activities/evacuation/index.ts';
import { mergeOptions } from '../activities/fencing/config.ts';
import { fencingDrivers } from '../activities/fencing/index.ts';
import { monitoringDrivers } from '../activities/monitoring/index.ts';
import {
  channelNames as namesOfNotification,
  channelProblems,
  notificationDrivers,
  SECOND,
} from '../activities/notification/index.ts';
import type { Policy, Timings } from '../workflows/defaults.ts';
import { nearest, problemAt, problemsOf, type Problem, type Source } from './config-errors.ts';
import { timingKey, type ConfigFile } from './config-schema.ts';
import { writeDuration } from './duration.ts';
import { ruleProblems } from './rule-checks.ts';
import type { Path } from './schema-walk.ts';

interface Known {
  options: z.ZodType;
  page?: string;
}
type Registry = Readonly<Record<string, Known>>;
/** One kind of drivers in the file. */
type KindName = 'monitoring' | 'fencing' | 'evacuation' | 'notification';

/** Where the options of a driver are explained. */
export const pageOf = (kind: KindName, driver: string, registry: Registry): string =>
  registry[driver]?.page ?? `docs/drivers/${kind}-${driver}.md`;

/** Every driver of ours with its page, from the repository's root. */
export function driverPages(): { kind: KindName; name: string; page: string; options: z.ZodType }[] {
  const all = {
    monitoring: monitoringDrivers,
    fencing: fencingDrivers,
    evacuation: evacuationDrivers,
    notification: notificationDrivers,
  };
  return (Object.entries(all) as [KindName, Registry][]).flatMap(([kind, registry]) =>
    Object.entries(registry).map(([name, { options }]) => ({
      kind,
      name,
      page: pageOf(kind, name, registry),
      options,
    })),
  );
}

interface Place {
  kind: KindName;
  path: Path;
  /** The block with `driver` and `options`. */
  value: unknown;
  registry: Registry;
}

/** Every place of the file where a driver is named. `others`: of somebody else, by kind and by what the file calls them. */
function placesIn(raw: unknown, others: Partial<Record<KindName, Registry>> = {}): Place[] {
  const registries = {
    monitoring: { ...monitoringDrivers, ...others.monitoring },
    fencing: { ...fencingDrivers, ...others.fencing },
    evacuation: { ...evacuationDrivers, ...others.evacuation },
    notification: { ...notificationDrivers, ...others.notification },
  };
  const channels = (kind: 'monitoring' | 'notification'): Place[] =>
    listAt(raw, kind).map((value, i) => ({ kind, path: [kind, 'channels', i], value, registry: registries[kind] }));
  return [
    ...channels('monitoring'),
    ...channels('notification'),
    { kind: 'evacuation', path: ['evacuation'], value: property(raw, 'evacuation'), registry: registries.evacuation },
    ...fenceDevices(raw).map((device) => ({ kind: 'fencing' as const, ...device, registry: registries.fencing })),
  ];
}

/** The drivers of somebody else that the file names: kind, name, the place where it stands. */
export function strangersIn(raw: unknown): { kind: KindName; name: string; path: Path }[] {
  return placesIn(raw).flatMap(({ kind, path, value, registry }) => {
    const name = property(value, 'driver');
    return typeof name === 'string' && name !== '' && !registry[name] ? [{ kind, name, path }] : [];
  });
}

/**
 * Options of drivers that are known, judged with their names and lines. `judged`: an issue of the whole schema that is said here
 * already. `others`: drivers of somebody else that were loaded; one that was not is judged by the worker that loads it.
 */
export function optionProblems(
  raw: unknown,
  source: Source,
  others?: Partial<Record<KindName, Registry>>,
): { problems: Problem[]; judged: (path: Path) => boolean } {
  const judged: string[] = [];
  const problems = placesIn(raw, others).flatMap(({ kind, path, value, registry }) => {
    const name = property(value, 'driver');
    if (typeof name !== 'string') return [];
    const known = registry[name];
    if (!known) return unknownDriver(name, Object.keys(registry), [...path, 'driver'], source);
    const page = pageOf(kind, name, registry);
    if (kind !== 'fencing') {
      judged.push([...path, 'options'].join('/'));
      return optionsOf(known.options, property(value, 'options') ?? {}, { ...source, page }, [...path, 'options']);
    }
    const found = fenceProblems(value, known, path, { ...source, page });
    // Whose device it is, is the room's own check; it is not said of options that are no options.
    if (found.length > 0) judged.push([...path, 'options'].join('/'), [...path, 'perNode'].join('/'));
    return found;
  });
  return { problems, judged: (path) => judged.some((j) => `${path.join('/')}/`.startsWith(`${j}/`)) };
}

function optionsOf(schema: z.ZodType, options: unknown, source: Source, path: Path): Problem[] {
  const parsed = schema.safeParse(options);
  return parsed.success ? [] : problemsOf(parsed.error.issues, schema, source, path);
}

/** The template with each node's own keys over it; what is wrong with a template is said once. */
function fenceProblems(
  device: unknown,
  known: Known & { merged?: readonly string[] },
  path: Path,
  source: Source,
): Problem[] {
  const block = (value: unknown): Record<string, unknown> => (isBlock(value) ? value : {});
  const template = block(property(device, 'options'));
  const perNode = Object.entries(block(property(device, 'perNode')));
  // What is missing may stand in the inventory, which is read when the devices are made.
  const listed = property(device, 'inventory') !== undefined;
  const found = (perNode.length > 0 ? perNode : [['', {}] as const]).flatMap(([node, own]) => {
    const options = filled(mergeOptions(known, template, block(own)));
    return (known.options.safeParse(options).error?.issues ?? [])
      .filter((issue) => !listed || isGiven(issue, options))
      .flatMap((issue) => {
        const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : issue.path[0];
        const place = key !== undefined && String(key) in block(own) ? ['perNode', node] : ['options'];
        return problemsOf([issue], known.options, source, [...path, ...place]);
      });
  });
  return [...new Map(found.map((problem) => [problem.text, problem])).values()];
}

/** It is about something that stands there, not about what is missing. */
function isGiven(issue: z.core.$ZodIssue, options: unknown): boolean {
  const value = issue.path.reduce((inner: unknown, key) => property(inner, String(key)), options);
  return issue.code === 'unrecognized_keys' || (issue.path.length > 0 && value !== undefined);
}

/** As for a node of that name, so that only what is wrong for every name is found. */
const filled = (options: object): unknown => JSON.parse(JSON.stringify(options).replaceAll('{node}', 'some-node'));

function fenceDevices(raw: unknown): { path: Path; value: unknown }[] {
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  return list(property(property(raw, 'fencing'), 'levels')).flatMap((level, i) =>
    list(property(level, 'devices')).map((value, j) => ({ path: ['fencing', 'levels', i, 'devices', j], value })),
  );
}

/** A package or a path is loaded later; a plain word that is nearly one of ours is a slip. */
function unknownDriver(driver: string, ours: string[], path: Path, source: Source): Problem[] {
  const near = /[/@.]/.test(driver) ? null : nearest(driver, ours);
  return near ? [problemAt(source, path, `${driver} is no driver (did you mean ${near}?)`)] : [];
}

const isBlock = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const property = (value: unknown, key: string): unknown => (isBlock(value) ? value[key] : undefined);

function listAt(raw: unknown, room: string): unknown[] {
  const list = property(property(raw, room), 'channels');
  return Array.isArray(list) ? list : [];
}

/** What one value cannot say: rules between values. */
export function crossCheck(read: ConfigFile, policy: Policy, source: Source): Problem[] {
  const problems: Problem[] = [];
  const say = (path: (string | number)[], message: string): void =>
    void problems.push(problemAt(source, path, message));

  ruleProblems(read, policy, say);
  if (read.evacuation.options['target'] === 'reserved' && !read.evacuation.reserve)
    say(['evacuation', 'options', 'target'], 'reserved: which nodes are reserved? (evacuation.reserve: { by: zone })');
  if (read.evacuation.only && read.evacuation.selection === 'all')
    say(['evacuation', 'selection'], 'all: and evacuation.only says which (leave one of the two out)');
  notificationChecks(read, say);
  const t = policy.timings;
  const atLeast = (longer: keyof Timings, least: number, why: string): void => {
    const value = t[longer] as number;
    if (value < least)
      say(
        ['timings', timingKey(longer)],
        `expected at least ${writeDuration(least)}, got ${writeDuration(value)} (${why})`,
      );
  };
  atLeast(
    'horizonMs',
    t.novaPostMs + 5_000,
    'longer than novaPost, or a lost POST could still be on its way when it is sent again',
  );
  atLeast('staleMs', 2 * t.reportIntervalMs, 'two of reportInterval, or a healthy node looks stale');
  atLeast('sweepEveryLargeMs', t.sweepEveryMs, 'not shorter than sweepEvery');
  atLeast('judgeAgainMaxMs', t.judgeAgainMs, 'not shorter than judgeAgain');
  atLeast('evidenceMaxAgeMs', 2 * t.sweepEveryMs, 'two of sweepEvery, or evidence is always too old');
  return problems;
}

function notificationChecks({ notification }: ConfigFile, say: (path: (string | number)[], why: string) => void): void {
  const { channels, adminProject, adminRole } = notification;
  const names = namesOfNotification(channels);
  channels.forEach((entry, i) => {
    const at = ['notification', 'channels', i];
    if (names.indexOf(names[i]!) < i) say([...at, 'name'], SECOND(names[i]!));
    const driver = notificationDrivers[entry.driver];
    const options = driver?.options.safeParse(entry.options);
    if (!driver || !options?.success) return;
    for (const { key, why } of channelProblems(driver, entry, options.data)) say([...at, key], why);
  });
  if (adminProject !== undefined && adminRole === undefined)
    say(['notification', 'adminProject'], 'says where to look for adminRole, which is missing');
}
