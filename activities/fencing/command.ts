// A device that a program of the operator's own speaks to: its arguments, what its exit codes mean, and what it reads.
import { basename } from 'node:path';
import { z } from 'zod';
import type { DeviceFault } from '../../workflows/domain.ts';
import { commandActions, commandFaults, whyUnsafe } from './command-options.ts';
import type {
  AnySecretSource,
  CommandResult,
  FenceDevice,
  FencingContext,
  FencingDriver,
  PowerReading,
} from './driver.ts';
import { inherited, oneLine, resolveSecret, secretSource, shellWord } from './options.ts';
import { findProgram, runProgram } from './run-program.ts';

const line = z
  .string()
  .refine((text) => !/[\n\r\0]/.test(text), 'must be one line')
  .meta({ expected: 'one line' });
const textOrSecret = z.union([line, secretSource]);

export const commandOptions = z
  .strictObject({
    /** A name on PATH or a whole path. It is started as it is, never through a shell. */
    program: z.string().min(1),
    ...commandActions,
    /** Read and compared before anything is believed or switched. */
    identity: z.strictObject({ args: z.array(line), says: line.min(1) }).optional(),
    /** Lines on standard input. */
    stdin: z.array(textOrSecret).optional(),
    /** Variables beside PATH, HOME and SSH_AUTH_SOCK. */
    env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'is no name of a variable'), textOrSecret).default({}),
    faults: commandFaults.default({}),
    /** Seconds, within powerStatus and powerOff. */
    limit: z.number().positive().max(600).optional(),
    /** Which physical device it is, where the arguments do not tell: `pdu-7 outlet 3`. */
    device: line.min(1).optional(),
  })
  .check(({ value, issues }) => {
    for (const { path, message } of whyUnsafe(value)) issues.push({ code: 'custom', path, message, input: value });
  });
export type CommandOptions = z.output<typeof commandOptions>;

type Ran = { ok: true; code: number; text: string; shown: string } | { ok: false; fault: DeviceFault; why: string };

class CommandDevice implements FenceDevice {
  readonly label: string;
  readonly #options: CommandOptions;
  readonly #context: FencingContext;

  constructor(node: string, options: CommandOptions, context: FencingContext) {
    this.label = `${basename(options.program)} ${options.device ?? node}`;
    this.#options = options;
    this.#context = context;
  }

  async status(signal: AbortSignal): Promise<PowerReading> {
    const until = this.#until(this.#context.timings.powerStatusMs);
    const answer = await this.#power(until, signal);
    const detail = `${this.label}: ${answer.why}`;
    if ('fault' in answer) return { power: 'unknown', fault: answer.fault, detail, identityConfirmed: false };
    return { power: answer.power, detail, identityConfirmed: this.#options.identity !== undefined };
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('off', signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('on', signal);
  }

  confirmCommand(): string {
    const { program, status } = this.#options;
    return `${[program, ...status.args].map(shellWord).join(' ')}; echo $?`;
  }

  async #power(
    until: number,
    signal: AbortSignal,
  ): Promise<{ power: 'on' | 'off'; why: string } | { fault: DeviceFault; why: string }> {
    const { status } = this.#options;
    const identity = await this.#identify(until, signal);
    const ran = identity.ok ? await this.#run(status.args, until, signal) : identity;
    if (!ran.ok) return ran;
    const meant = (['off', 'on'] as const).filter((power) => status.exit[power].includes(ran.code));
    const said = ran.text.split('\n').map((text) => text.trim());
    for (const power of meant) {
      const word = status.says?.[power];
      if (word === undefined || said.includes(word)) return { power, why: power };
    }
    if (meant.length > 0) return { fault: 'protocol', why: `ended with ${ran.code} and said "${ran.shown}"` };
    return this.#failed(ran);
  }

  async #switch(to: 'off' | 'on', signal: AbortSignal): Promise<CommandResult> {
    const until = this.#until(this.#context.timings.powerOffMs);
    const identity = await this.#identify(until, signal);
    const { args, exit } = this.#options[to];
    const ran = identity.ok ? await this.#run(args, until, signal) : identity;
    if (ran.ok && exit.includes(ran.code)) return { accepted: true, detail: `${this.label}: took the ${to}` };
    const { fault, why } = ran.ok ? this.#failed(ran) : ran;
    return { accepted: false, fault, detail: `${this.label}: ${why}` };
  }

  async #identify(until: number, signal: AbortSignal): Promise<Ran> {
    const { identity } = this.#options;
    if (!identity) return { ok: true, code: 0, text: '', shown: '' };
    const ran = await this.#run(identity.args, until, signal);
    if (!ran.ok) return ran;
    if (ran.code !== 0) return { ok: false, ...this.#failed(ran) };
    if (ran.text.toLowerCase() === identity.says.toLowerCase()) return ran;
    return {
      ok: false,
      fault: 'mismatch',
      why: `another machine: it is ${ran.shown || 'nobody'}, not ${identity.says}`,
    };
  }

  #failed({ code, shown }: { code: number; shown: string }): { fault: DeviceFault; why: string } {
    const named = Object.entries(this.#options.faults).find(([, codes]) => codes?.includes(code));
    const fault = (named?.[0] ?? 'refused') as DeviceFault;
    return { fault, why: `ended with ${code}${shown ? `: ${shown}` : ''}` };
  }

  /** One run, never repeated here. */
  async #run(args: readonly string[], until: number, signal: AbortSignal): Promise<Ran> {
    const { program: name, stdin, env } = this.#options;
    const secrets: string[] = [];
    const value = async (source: string | AnySecretSource): Promise<string> => {
      if (typeof source === 'string') return source;
      const secret = await resolveSecret(this.#context, source);
      if ('missing' in secret) throw new Missing(secret.missing);
      if (/[\n\r\0]/.test(secret.value)) throw new Missing('a secret of it has more than one line');
      secrets.push(secret.value);
      return secret.value;
    };
    let lines: string[];
    let variables: [string, string][];
    try {
      lines = await Promise.all((stdin ?? []).map(value));
      variables = await Promise.all(
        Object.entries(env).map(async ([key, source]): Promise<[string, string]> => [key, await value(source)]),
      );
    } catch (error) {
      if (error instanceof Missing) return { ok: false, fault: 'misconfigured', why: error.message };
      throw error;
    }
    const path = findProgram(name, this.#context.programs);
    if (!path) return { ok: false, fault: 'misconfigured', why: `${name} is not installed on this worker` };
    const run = await runProgram(path, args, {
      env: { LC_ALL: 'C', ...inherited('PATH', 'HOME', 'SSH_AUTH_SOCK'), ...Object.fromEntries(variables) },
      timeoutMs: Math.max(1, until - performance.now()),
      signal,
      ...(stdin ? { input: lines.map((text) => `${text}\n`).join('') } : {}),
    });
    if (run.end === 'missing') return { ok: false, fault: 'misconfigured', why: `${name} cannot be started` };
    if (run.end === 'timeout') return { ok: false, fault: 'timeout', why: `${name} was killed at the time limit` };
    if (run.end === 'cancelled') return { ok: false, fault: 'timeout', why: 'cancelled' };
    if (run.code === null) return { ok: false, fault: 'protocol', why: `${name} was ended by a signal` };
    return {
      ok: true,
      code: run.code,
      text: run.stdout.trim(),
      shown: oneLine(run.stdout.trim() || run.stderr, ...secrets),
    };
  }

  #until(limitMs: number): number {
    return performance.now() + Math.min(limitMs, (this.#options.limit ?? Infinity) * 1_000);
  }
}

class Missing extends Error {}

export const command: FencingDriver<typeof commandOptions> = {
  name: 'command',
  options: commandOptions,
  create: (node, options, context) => new CommandDevice(node, options, context),
  deviceKey: ({ program, status, device, stdin = [], env }) => {
    if (device !== undefined) return `command ${device.toLowerCase()}`;
    const told = [...stdin, ...Object.values(env)].filter((item) => typeof item === 'string');
    return ['command', program, ...status.args, ...told].join(' ');
  },
  merged: ['env'],
};
