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

type Registry = Readonly<Record<string, { options: z.ZodType }>>;

/**
 * Options of drivers that are ours, judged with their names and lines. `judged`: an issue of the whole schema that is said here
 * already. A driver that is a module is judged when it is loaded.
 */
export function optionProblems(raw: unknown, source: Source): { problems: Problem[]; judged: (path: Path) => boolean } {
  const places: { path: Path; value: unknown; registry: Registry }[] = [
    ...listAt(raw, 'monitoring').map((value, i) => ({
      path: ['monitoring', 'channels', i],
      value,
      registry: monitoringDrivers,
    })),
    ...listAt(raw, 'notification').map((value, i) => ({
      path: ['notification', 'channels', i],
      value,
      registry: notificationDrivers,
    })),
    { path: ['evacuation'], value: property(raw, 'evacuation'), registry: evacuationDrivers },
  ];
  const judged: string[] = [];
  const problems = places.flatMap(({ path, value, registry }) => {
    const driver = property(value, 'driver');
    if (typeof driver !== 'string') return [];
    const known = registry[driver];
    if (!known) return unknownDriver(driver, Object.keys(registry), [...path, 'driver'], source);
    judged.push([...path, 'options'].join('/'));
    return optionsOf(known.options, property(value, 'options') ?? {}, source, [...path, 'options']);
  });
  for (const { path, value } of fenceDevices(raw)) {
    const found = fenceProblems(value, path, source);
    problems.push(...found);
    // Whose device it is, is the room's own check; it is not said of options that are no options.
    if (found.length > 0) judged.push([...path, 'options'].join('/'), [...path, 'perNode'].join('/'));
  }
  return { problems, judged: (path) => judged.some((j) => `${path.join('/')}/`.startsWith(`${j}/`)) };
}

function optionsOf(schema: z.ZodType, options: unknown, source: Source, path: Path): Problem[] {
  const parsed = schema.safeParse(options);
  return parsed.success ? [] : problemsOf(parsed.error.issues, schema, source, path);
}

/** The template with each node's own keys over it; what is wrong with a template is said once. */
function fenceProblems(device: unknown, path: Path, source: Source): Problem[] {
  const driver = property(device, 'driver');
  if (typeof driver !== 'string') return [];
  const known = fencingDrivers[driver];
  if (!known) return unknownDriver(driver, Object.keys(fencingDrivers), [...path, 'driver'], source);
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
