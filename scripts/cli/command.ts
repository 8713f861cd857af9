// What every command has in common: arguments, help, exit codes, and one clear line for what went wrong.
import { userInfo } from 'node:os';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { isOpenStackError } from '../../activities/openstack/errors.ts';
import { nearest } from '../../workers/config-errors.ts';
import { ConfigError, loadConfig, type Config } from '../../workers/config.ts';
import { createSecrets } from '../../workers/secrets.ts';

/** docs/commands.md says them for people. */
export const EXIT = { fine: 0, notFine: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** A mistake on the command line or in the configuration: nothing was touched. */
export class UsageError extends Error {}
/** Temporal, OpenStack or a worker does not answer. */
export class Unreachable extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O & typeof COMMON; allowPositionals: true; strict: true }>
>;
export type Values<O extends Options> = Parsed<O>['values'];

const COMMON = { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

/** The last lines of every usage text. */
export const COMMON_USAGE = `  --config FILE    the configuration; or LIFEBOAT_CONFIG; ./lifeboat.yaml where neither is given
  --help`;

export interface Command<O extends Options> {
  usage: string;
  options: O;
  /** Names of the words without a dash, for messages; optional ones in brackets. */
  words: readonly string[];
  /** Resolves with the exit code. What it throws becomes one line on stderr. */
  main(values: Values<O>, words: string[]): Promise<number>;
}

/** Runs the command of this process and ends the process. */
export async function run<O extends Options>(command: Command<O>): Promise<never> {
  // A reader that has seen enough (`status | head`) is no error.
  process.stdout.on('error', () => process.exit(EXIT.notFine));
  try {
    const { values, positionals } = readArguments(command, process.argv.slice(2));
    if ('help' in values && values.help) {
      process.stdout.write(`${command.usage}\n`);
      process.exit(EXIT.fine);
    }
    process.exit(await command.main(values, positionals));
  } catch (error) {
    process.stderr.write(`${createSecrets().redactor.redact(lineOf(error))}\n`);
    process.exit(codeOf(error));
  }
}

function readArguments<O extends Options>(command: Command<O>, argv: string[]): Parsed<O> {
  const options = { ...command.options, ...COMMON };
  const first = command.usage.split('\n')[0]!;
  let parsed: Parsed<O>;
  try {
    parsed = parseArgs({ args: argv, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${whyNot(error, Object.keys(options))} (usage: ${first})`);
  }
  if ('help' in parsed.values && parsed.values.help) return parsed;
  const words = parsed.positionals;
  const missing = command.words[words.length];
  if (missing && !missing.startsWith('[')) throw new UsageError(`${missing} is missing (usage: ${first})`);
  const extra = words[command.words.length];
  if (extra !== undefined) throw new UsageError(`${extra}: one word too many (usage: ${first})`);
  return parsed;
}

function whyNot(error: unknown, known: string[]): string {
  const said = error instanceof Error ? error.message.split('. ')[0]! : String(error);
  const unknown = /Unknown option '(-+([^']+))'/.exec(said);
  if (!unknown) return said.replace(/\s+/g, ' ');
  const near = nearest(unknown[2]!, known);
  return `${unknown[1]}: there is no such option${near ? ` (did you mean --${near}?)` : ''}`;
}

function lineOf(error: unknown): string {
  if (error instanceof ConfigError && error.problems.length === 1)
    return error.message.replace(/: 1 error\n\s*/, ': ').replace(/\n\s*/g, ' ');
  if (error instanceof ConfigError) return error.message;
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ConfigError) return EXIT.usage;
  if (error instanceof Unreachable) return EXIT.unreachable;
  if (!isOpenStackError(error)) return EXIT.notFine;
  return ['config', 'auth', 'forbidden'].includes(error.kind) ? EXIT.usage : EXIT.unreachable;
}

/** Rejects with ConfigError. Its warnings are the workers' to say. */
export const configOf = (given: string | undefined): Promise<Config> =>
  loadConfig(given ?? process.env.LIFEBOAT_CONFIG ?? 'lifeboat.yaml');

/** Who does this: everything that a person decides is kept with a name. */
export function byOf(given: string | undefined): string {
  if (given !== undefined && given.trim() === '') throw new UsageError('--by is empty: who are you? (--by ann)');
  const name = given ?? process.env.USER ?? nameOfUser();
  if (name.trim() === '') throw new UsageError('nobody knows who you are (give your name: --by ann)');
  return name.trim();
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user without a name.
    return '';
  }
}

/** A node's name becomes a workflow id. */
export function nodeOf(word: string): string {
  const node = word.trim();
  if (!/^[\w][\w.:-]*$/.test(node)) throw new UsageError(`NODE ${JSON.stringify(word)}: not a name of a node`);
  return node;
}
