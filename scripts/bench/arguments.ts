// What can be typed after `npm run bench --`.
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nearest } from '../../workers/config-errors.ts';
import { FIGURES, isFigure, type FigureName } from './figures.ts';

export const USAGE = `npm run bench -- [--out FILE] [--only NAME[,NAME]...]

  Measures Lifeboat with its default timings on this machine alone: a real Temporal server on a file, a simulated data centre
  that answers at once, two worker processes. All of it takes about 50 minutes and wants a machine that does nothing else.

  --out FILE     writes a JSON array of { name, value, unit, goal, ok } there
  --only NAME    some figures: ${Object.keys(FIGURES).join(', ')}
  --help

  Ends with 0 when every figure reaches its goal, 1 otherwise, 2 for wrong usage, 130 after Ctrl-C (docs/bench.md)`;

const options = {
  out: { type: 'string' },
  only: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface Arguments {
  /** Absolute; null: nothing is written. */
  out: string | null;
  /** In the order of the table. */
  only: FigureName[];
  help: boolean;
}

/** A mistake on the command line: one line. */
export class UsageError extends Error {}

/** Throws UsageError, also where the result could not be written in an hour. */
export function readArguments(argv: string[]): Arguments {
  const { out, only, help = false } = parse(argv);
  return { out: out === undefined || help ? null : writable(out), only: chosen(only ?? []), help };
}

function parse(argv: string[]): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ args: argv, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${whyNot(error)} (see: npm run bench -- --help)`);
  }
}

function whyNot(error: unknown): string {
  const said = (error instanceof Error ? error.message : String(error)).split('. ')[0]!.replace(/\s+/g, ' ');
  const [, flag, name] = /Unknown option '(-+([^']+))'/.exec(said) ?? [];
  if (!flag || !name) return said;
  const near = nearest(name, Object.keys(options));
  return `${flag}: there is no such option${near ? `; did you mean --${near}?` : ''}`;
}

function chosen(lists: string[]): FigureName[] {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  const wrong = names.find((name) => !isFigure(name));
  if (wrong !== undefined) {
    const near = nearest(wrong, Object.keys(FIGURES));
    const known = near ? `did you mean ${near}?` : `figures: ${Object.keys(FIGURES).join(', ')}`;
    throw new UsageError(`--only ${wrong || '""'}: there is no such figure (${known})`);
  }
  const all = Object.keys(FIGURES).filter(isFigure);
  return names.length === 0 ? all : all.filter((name) => names.includes(name));
}

function writable(out: string): string {
  const file = resolve(out);
  try {
    if (out.trim() === '') throw new Error('the name is empty');
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a folder');
    accessSync(dirname(file), constants.W_OK);
    return file;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`--out ${out || '""'}: it cannot be written (${code ?? message})`);
  }
}
