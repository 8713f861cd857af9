// What can be typed after `npm run demo --`.
import { parseArgs } from 'node:util';
import { nearest } from '../../workers/config-errors.ts';

export const USAGE = `npm run demo -- [--fast | --real-time] [--once] [--json FILE]

  Four acts on this machine alone: a real Temporal server, a simulated data centre, two worker processes. Nothing to set up,
  nothing outside 127.0.0.0/8 is touched (Temporal's program is fetched once where it is missing).

  --fast         act 1 alone, in less than a minute
  --real-time    Lifeboat's default timings instead of shortened ones (about ten minutes)
  --once         ends by itself; the default where input or output is no terminal
  --json FILE    writes the times, instances, mails and the audit's findings there
  --help

  Ends with 0 when the audit of the data centre's log found nothing, 1 otherwise, 2 for wrong usage, 130 after Ctrl-C`;

const options = {
  fast: { type: 'boolean' },
  'real-time': { type: 'boolean' },
  once: { type: 'boolean' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface Arguments {
  fast: boolean;
  once: boolean;
  help: boolean;
  json: string | null;
  /** All durations, of the data centre and of Lifeboat, by this factor. */
  timeScale: number;
}

/** A mistake on the command line: one line. */
export class UsageError extends Error {}

/** Throws UsageError. */
export function readArguments(argv: string[]): Arguments {
  const values = parse(argv);
  const { fast = false, once = false, help = false, json } = values;
  const realTime = values['real-time'] ?? false;
  if (fast && realTime) throw new UsageError('--fast and --real-time: one or the other');
  if (json?.trim() === '') throw new UsageError('--json needs the path of a file');
  return { fast, once, help, json: json ?? null, timeScale: realTime ? 1 : fast ? 0.05 : 0.1 };
}

function parse(argv: string[]): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ args: argv, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${whyNot(error)} (see: npm run demo -- --help)`);
  }
}

function whyNot(error: unknown): string {
  const said = (error instanceof Error ? error.message : String(error)).split('. ')[0]!.replace(/\s+/g, ' ');
  const [, flag, name] = /Unknown option '(-+([^']+))'/.exec(said) ?? [];
  if (!flag || !name) return said;
  const near = nearest(name, Object.keys(options));
  return `${flag}: there is no such option${near ? `; did you mean --${near}?` : ''}`;
}
