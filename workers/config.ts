// The configuration: one YAML file, read once at the start. A file that cannot be used stops the worker (S12), with every
// error at once.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { scaleKdump } from '../activities/fencing/kdump.ts';
import { LineCounter, parseDocument } from 'yaml';
import { DEFAULT_POLICY, DEFAULT_TIMINGS, scaleTimings, type Policy, type Timings } from '../workflows/defaults.ts';
import { crossCheck, optionProblems } from './config-checks.ts';
import { presetOf } from './presets.ts';
import { ConfigError, problemsOf, type Source } from './config-errors.ts';
import { judgeStrangers } from './config-modules.ts';
import { configSchema, type ConfigFile } from './config-schema.ts';
import { membersByDefault } from './rule-checks.ts';

export { ConfigError } from './config-errors.ts';

export interface Config {
  file: string;
  /** The file as it was read. */
  text: string;
  cloud: string;
  /** What is absent is clouds.yaml's or OS_*'s to say. */
  openstack: { cloud?: string; region?: string };
  temporal: { profile?: string; configFile?: string };
  /** Defaults and file merged, floors checked, then the durations scaled by `timeScale`. */
  policy: Policy;
  /** The same for two files that mean the same. */
  policyHash: string;
  timeScale: number;
  monitoring: ConfigFile['monitoring'];
  fencing: ConfigFile['fencing'];
  evacuation: ConfigFile['evacuation'];
  notification: ConfigFile['notification'];
  /** Where the notification workers keep each report. */
  reports: { keep: string | null };
  /** Absent: the fleet is not drilled on a schedule. */
  drill?: ConfigFile['drill'];
  /** The Temporal UI's address without a slash at its end. */
  console: string | null;
  /** What is allowed and should be said aloud at every start. */
  warnings: string[];
}

/**
 * Rejects with ConfigError, all problems at once; a path that cannot be read is one too. Drivers of somebody else are loaded where they
 * can be.
 */
export async function loadConfig(file: string): Promise<Config> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'ENOENT' ? 'no such file' : error.code === 'EACCES' ? 'permission denied' : error.message;
    throw new ConfigError(file, [{ line: 0, text: `${why} (give the path with --config)` }]);
  });
  return judgeConfig(text, file);
}

/** The same for a text that was read already. */
export async function judgeConfig(text: string, file: string): Promise<Config> {
  const config = parseConfig(text, file);
  const { source, raw } = readYaml(text, file);
  const { problems, warnings } = await judgeStrangers(raw, source);
  if (problems.length > 0) throw new ConfigError(file, problems);
  return { ...config, warnings: [...config.warnings, ...warnings] };
}

function readYaml(text: string, file: string): { source: Source; raw: unknown } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => {
      const { line } = lines.linePos(error.pos[0]);
      const why = error.message.split('\n')[0]!.replace(/ at line \d+.*$/, '');
      return { line, text: `${file}:${line}: not YAML: ${why}` };
    });
    throw new ConfigError(file, problems);
  }
  const source: Source = { file, document, lines, under: [] };
  return { source, raw: document.toJS() ?? {} };
}

/** A text without the drivers of somebody else, whose options are not judged; `file` only names it. */
export function parseConfig(text: string, file: string): Config {
  const { source, raw } = readYaml(text, file);
  const parsed = configSchema.safeParse(raw);
  const options = optionProblems(raw, source);
  const issues = (parsed.error?.issues ?? []).filter((issue) => !options.judged(issue.path));
  const problems = [...problemsOf(issues, configSchema, source), ...options.problems];
  if (!parsed.success || problems.length > 0) throw new ConfigError(file, problems);
  const policy = makePolicy(parsed.data);
  const contradictions = crossCheck(parsed.data, policy, source);
  if (contradictions.length > 0) throw new ConfigError(file, contradictions);
  return { ...makeConfig(parsed.data, policy, file), text };
}

const HOUR_MS = 3_600_000;

function makeConfig(read: ConfigFile, unscaled: Policy, file: string): Omit<Config, 'text'> {
  const timeScale = read.timeScale ?? 1;
  const policy = {
    ...unscaled,
    ...(unscaled.messages && { messages: { ...unscaled.messages, hourMs: Math.max(1, HOUR_MS * timeScale) } }),
    timings: scaleTimings(unscaled.timings, timeScale),
  };
  const warnings: string[] = [];
  if (timeScale !== 1) {
    warnings.push(
      `timeScale ${timeScale}: EVERY DURATION IS SCALED. For tests and demonstrations only, never for a real cloud`,
    );
  }
  const modes = new Set([policy.mode, ...(policy.groups ?? []).map((g) => g.mode ?? policy.mode)]);
  const acts = [...modes].filter((m) => m !== 'observe').join(' and ');
  if (acts && read.fencing.levels.length === 0) {
    warnings.push(
      `mode ${acts} without a fencing level: every recovery stops and asks a person to confirm the power-off`,
    );
  }
  if (!acts) warnings.push('mode observe: failures are reported, nothing is fenced or evacuated');
  else if (policy.mode === 'observe')
    warnings.push('mode observe: failures are reported, and only groups with a mode of their own are acted on');
  return {
    file,
    cloud: read.cloud,
    openstack: defined(read.openstack ?? {}),
    temporal: defined(read.temporal ?? {}),
    policy,
    policyHash: hashOf(policy),
    timeScale,
    monitoring: read.monitoring,
    fencing: { ...read.fencing, ...(read.fencing.kdump && { kdump: scaleKdump(read.fencing.kdump, timeScale) }) },
    evacuation: read.evacuation,
    notification: read.notification,
    reports: { keep: read.reports?.keep ?? null },
    ...(read.drill && { drill: read.drill }),
    console: read.console?.replace(/\/+$/, '') ?? null,
    warnings,
  };
}

function makePolicy(read: ConfigFile): Policy {
  const given = Object.entries(read.timings ?? {}).filter(([, value]) => value !== undefined);
  const timings = { ...DEFAULT_TIMINGS, ...Object.fromEntries(given.map(([key, value]) => [`${key}Ms`, value])) };
  const { groups } = read.monitoring;
  const failedWhen = read.monitoring.failedWhen ?? { all: membersByDefault(read) };
  const { states, ...evacuation } = pick(read.evacuation, DEFAULT_POLICY.evacuation);
  const preset = presetOf(read.evacuation);
  return {
    mode: read.mode ?? DEFAULT_POLICY.mode,
    failedWhen,
    ...(groups && { groups: groups.map((g) => ({ ...defined(g), failedWhen: g.failedWhen ?? failedWhen })) }),
    degraded: read.monitoring.degraded ?? DEFAULT_POLICY.degraded!,
    samples: read.monitoring.samples ?? DEFAULT_POLICY.samples,
    exclude: read.exclude ?? [],
    carries: read.carries ?? [],
    limits: { ...DEFAULT_POLICY.limits, ...defined(read.limits ?? {}) },
    evacuation: {
      ...DEFAULT_POLICY.evacuation,
      ...preset,
      ...evacuation,
      only: [...(preset.only ?? []), ...(evacuation.only ?? [])],
      first: [...(preset.first ?? []), ...(evacuation.first ?? [])],
      ...(read.evacuation.priorityElse !== undefined && { priorityElse: read.evacuation.priorityElse }),
      ...(read.evacuation.reserve && { reserve: read.evacuation.reserve }),
      states: { ...DEFAULT_POLICY.evacuation.states, ...preset.states, ...defined(states ?? {}) },
    },
    tellNodeNames: read.notification.tellNodeNames,
    ...(read.notification.perHour && { messages: { perHour: read.notification.perHour, hourMs: HOUR_MS } }),
    readmission: read.readmission ?? DEFAULT_POLICY.readmission!,
    timings: timings as Timings,
  };
}

function hashOf(policy: Policy): string {
  return createHash('sha256').update(canonical(policy)).digest('hex').slice(0, 12);
}

/** JSON with sorted keys: the order in a file means nothing. Lists keep theirs. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

/** Without the keys that hold undefined. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** The keys of `value` that `like` has. */
function pick<T extends object>(value: object, like: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([k, v]) => k in like && v !== undefined)) as Partial<T>;
}
