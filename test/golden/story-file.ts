// story.yaml: what the data centre is, how Lifeboat is configured, and what happens when. A file that cannot be used says where, what
// and how to mend it, all at once.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { ConfigError, nearest, problemAt, problemsOf, type Problem, type Source } from '../../workers/config-errors.ts';
import { MOST_ALIKE } from './compare.ts';
import { STEPS } from './steps.ts';
import type { StepKind } from './step.ts';
import * as w from './words.ts';

export const FOLDER = import.meta.dirname;
export const STORY = 'story.yaml';
export const EXPECTED = 'expected.log';

const instance = z.strictObject({
  name: w.text,
  host: w.node,
  project: w.text.optional(),
  flavor: z.enum(['tiny', 'small', 'large']).optional(),
  vmState: w.text.optional(),
  disk: z.enum(['shared', 'local', 'volume']).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});

const dataCentre = z
  .strictObject({
    nodes: z.int().min(1).default(4),
    instances: z.union([z.int().min(0), z.array(instance).min(1)]).default(12),
    seed: z.int().default(7),
    projects: z.array(z.strictObject({ name: w.text, users: z.array(w.text).default([]) })).optional(),
    capacity: z.record(z.string(), z.strictObject({ vcpus: w.count, ram: w.count, disk: w.count })).default({}),
    tokenSeconds: w.seconds.optional(),
    pageLimit: w.count.optional(),
    durations: z.record(z.string(), w.seconds).default({}),
  })
  .prefault({});

const worker = z.strictObject({ roles: w.roles, process: z.boolean().default(false) });

const schema = z.strictObject({
  title: w.text,
  promise: w.text,
  /** Told by `npm test` too; the others by `npm run test:stories`. */
  inNpmTest: z.boolean().default(false),
  clouds: z.array(w.text).min(1).optional(),
  dataCentre,
  lifeboat: z.record(z.string(), z.unknown()).default({}),
  workers: z.record(z.string(), worker).default({ all: { roles: 'all', process: false } }),
  steps: z.array(z.record(z.string(), z.unknown())).min(1),
  audit: z
    .strictObject({
      mayFence: z.array(w.node),
      maxOffsPerNode: z.int().min(0),
      maxNodesFenced: z.int().min(0),
      perNode: w.count,
      overall: w.count,
      perDestination: w.count,
      atOnce: w.count,
      guardSeconds: w.seconds,
    })
    .partial()
    .default({}),
  compare: z
    .strictObject({
      alike: z.array(z.array(w.text).min(2).max(MOST_ALIKE)).optional(),
      mailsInAnyOrder: z.boolean().optional(),
      destinations: z.boolean().optional(),
    })
    .default({}),
});

export interface Step {
  name: string;
  kind: StepKind;
  given: unknown;
  cloud: string | undefined;
}

export type StoryFile = Omit<z.output<typeof schema>, 'steps'> & { name: string; steps: Step[] };

/** Folders with a story.yaml, in order. */
export const storyNames = (folder = FOLDER): string[] =>
  readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, STORY)))
    .sort();

/** Throws ConfigError with every problem of the file; a name that there is not: Error with those that are near. */
export function readStory(name: string, folder = FOLDER): StoryFile {
  const file = join(folder, name, STORY);
  if (!existsSync(file)) {
    const near = nearest(name, storyNames(folder));
    throw new Error(
      `story ${name}: there is no ${relative(process.cwd(), file)}${near ? ` (did you mean ${near}?)` : ''}`,
    );
  }
  return parseStory(name, readFileSync(file, 'utf8'), relative(process.cwd(), file));
}

export function parseStory(name: string, text: string, file: string): StoryFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const source: Source = { file, document, lines, under: [] };
  const broken = document.errors.map((error) => {
    const { line } = lines.linePos(error.pos[0]);
    return { line, text: `${file}:${line}: not YAML: ${error.message.split('\n')[0]}` };
  });
  if (broken.length > 0) throw new ConfigError(file, broken);
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (!parsed.success) throw new ConfigError(file, problemsOf(parsed.error.issues, schema, source));
  const problems: Problem[] = [];
  const steps = parsed.data.steps.flatMap((raw, i) => readStep(raw, i, parsed.data.clouds ?? [], source, problems));
  if (problems.length > 0) throw new ConfigError(file, problems);
  return { ...parsed.data, name, steps };
}

function readStep(
  raw: Record<string, unknown>,
  i: number,
  clouds: string[],
  source: Source,
  problems: Problem[],
): Step[] {
  const { cloud, ...rest } = raw;
  const fail = (key: string[], why: string): Step[] => {
    problems.push(problemAt(source, ['steps', i, ...key], why));
    return [];
  };
  if (cloud !== undefined && !clouds.includes(String(cloud)))
    return fail(['cloud'], `expected one of clouds (${clouds.join(', ') || 'this story has one only: leave it out'})`);
  const [name, ...more] = Object.keys(rest);
  if (name === undefined || more.length > 0)
    return fail(
      [],
      `a step is one thing, as "- crash: compute-2"; this one is ${name ? [name, ...more].join(' and ') : 'nothing'}`,
    );
  const kind = STEPS[name];
  if (!kind) {
    const near = nearest(name, Object.keys(STEPS));
    return fail(
      [name],
      `there is no such step${near ? ` (did you mean ${near}?)` : ''}; test/golden/README.md lists them`,
    );
  }
  const given = kind.takes.safeParse(rest[name]);
  if (given.success) return [{ name, kind, given: given.data, cloud: cloud === undefined ? undefined : String(cloud) }];
  const found = problemsOf(given.error.issues, kind.takes, source, ['steps', i, name]);
  problems.push(...found.map((p) => ({ ...p, text: `${p.text} (as: ${name}: ${kind.example})` })));
  return [];
}
