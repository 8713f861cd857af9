// A program of the operators: the message as JSON on its standard input, its exit code is the answer. No shell is involved.
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { findProgram, runProgram, type ProgramRun } from '../fencing/run-program.ts';
import { redact } from '../openstack/errors.ts';
import { NotificationError, type Message, type NotificationChannel, type NotificationContext } from './driver.ts';
import type { NotificationDriver, Preview } from './driver.ts';
import { messageJson } from './message-json.ts';
import { TELLS_A_SECRET, textOrSecret, type secretSource } from './options.ts';
import { oneLine } from './words.ts';

const variable = z.string().regex(/^[A-Za-z_]\w*$/, 'is no name of a variable');
/** What every program needs; nothing else of the worker's environment, which holds other secrets. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ'];

export const commandOptions = z
  .strictObject({
    program: z.string().refine(isAbsolute, 'is no absolute path').meta({
      expected: 'the absolute path of a program',
      example: '/usr/local/bin/tell-desk',
    }),
    args: z.array(z.string()).default([]),
    /** Beside PATH, HOME, LANG and TZ of the worker. */
    env: z.record(variable, textOrSecret).default({}),
    /** `stage`: the admins' message, once a stage. `recipient`: one for each person, as mail. */
    per: z.enum(['stage', 'recipient']).default('stage'),
    /** Milliseconds; then it is killed, with all that it started. */
    timeout: z.int().min(1_000).max(110_000).default(30_000),
  })
  .superRefine(({ env }, context) => {
    for (const [name, value] of Object.entries(env))
      if (typeof value === 'string' && TELLS_A_SECRET.test(name)) {
        const message = 'would write a secret into the file (write { env: NAME } or { file: path })';
        context.addIssue({ code: 'custom', path: ['env', name], message });
      }
  });
export type CommandOptions = z.output<typeof commandOptions>;

export const command: NotificationDriver<typeof commandOptions> = {
  name: 'command',
  options: commandOptions,
  isRoom: ({ per }) => per === 'stage',
  pager: true,
  create: (options, context) => new CommandChannel(options, context),
};

/** sysexits.h: a temporary failure, the user is invited to retry. */
const EX_TEMPFAIL = 75;

class CommandChannel implements NotificationChannel {
  readonly #options: CommandOptions;
  readonly #context: NotificationContext;

  constructor(options: CommandOptions, context: NotificationContext) {
    this.#options = options;
    this.#context = context;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { program, args, timeout } = this.#options;
    const { env, secrets } = await this.#environment();
    const input = `${JSON.stringify(messageJson(message, this.#options.per === 'stage'))}\n`;
    const run = await runProgram(program, args, { env, timeoutMs: timeout, signal, input });
    const failed = judge(`command to ${message.to.address}, ${program}`, run, secrets);
    if (failed) throw failed;
  }

  /** Is it there, may it be run, and are its secrets? It is not started. */
  async probe(signal: AbortSignal): Promise<string> {
    const { program } = this.#options;
    if (signal.aborted) throw new NotificationError('command probe: stopped', false);
    await this.#environment();
    if (findProgram(program) === null) throw new NotificationError(`command probe, ${program}: ${MISSING}`, false);
    return `${program} is there; a message shows what it answers`;
  }

  preview(message: Message): Preview {
    const { program, args, env, per } = this.#options;
    const shown = Object.entries(env).map(([k, v]): [string, string] => [k, typeof v === 'string' ? v : '***']);
    const head: [string, string][] = [['Program', [program, ...args].join(' ')], ...shown];
    return { head, kind: 'json', body: JSON.stringify(messageJson(message, per === 'stage')) };
  }

  async #environment(): Promise<{ env: Record<string, string>; secrets: string[] }> {
    const env: Record<string, string> = {};
    const secrets: string[] = [];
    for (const name of PASSED_ON) if (process.env[name] !== undefined) env[name] = process.env[name];
    for (const [name, value] of Object.entries(this.#options.env))
      env[name] = typeof value === 'string' ? value : await this.#secret(value, secrets);
    return { env, secrets };
  }

  async #secret(source: z.output<typeof secretSource>, secrets: string[]): Promise<string> {
    try {
      const value = await this.#context.secret(source);
      secrets.push(value);
      return value;
    } catch (error) {
      const why = oneLine(redact((error as Error).message, secrets));
      throw new NotificationError(`command ${this.#options.program}: ${why}`, false);
    }
  }
}

const MISSING = 'there is no such program, or it may not be run';

/** 0 took it; 75 not now; any other code never. A program that did not get so far as to answer may do so the next time. */
function judge(what: string, { code, stderr, end }: ProgramRun, secrets: readonly string[]): NotificationError | null {
  if (end === 'missing') return new NotificationError(`${what}: ${MISSING}`, false);
  if (end === 'timeout') return new NotificationError(`${what}: no answer in time, killed`, false);
  if (end === 'cancelled') return new NotificationError(`${what}: stopped, the worker is stopping`, false);
  if (code === 0) return null;
  // Redacted whole, before the line is chosen and shortened: a secret may hold a newline.
  const said = oneLine(redact(stderr, secrets).trim().split('\n').at(-1) ?? '').slice(0, 200);
  const answer = `exit code ${code ?? 'none'}${said === '' ? '' : `: ${said}`}`;
  if (code === EX_TEMPFAIL || code === null) return new NotificationError(`${what}: not taken (${answer})`, false);
  return new NotificationError(`${what}: refused for good (${answer})`, true);
}
