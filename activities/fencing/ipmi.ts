// IPMI 2.0 through ipmitool. The words and exit codes below were recorded from ipmitool 1.8.19 against OpenIPMI's
// ipmi_sim and against BMCs' own messages; everything else is unknown.
import { z } from 'zod';
import type { DeviceFault } from '../../workflows/domain.ts';
import type { CommandResult, FenceDevice, FencingContext, FencingDriver, PowerReading } from './driver.ts';
import { argument, host, oneLine, port, resolveSecret, secretSource, shellWord, uuid } from './options.ts';
import { findProgram, runProgram } from './run-program.ts';
import type { ProgramRun } from './run-program.ts';

export const ipmiOptions = z.strictObject({
  /** Address of the BMC, not of the node. */
  host,
  port: port.default(623),
  /** IPMI keeps 16 characters. */
  user: argument
    .refine((name) => name.length <= 16, 'has more than 16 characters')
    .meta({ expected: 'a user, at most 16 characters', example: 'lifeboat' }),
  password: secretSource,
  /** Cipher suite. 3 (SHA-1) and 17 (SHA-256) only: suite 0 logs in with a wrong password, others crash ipmitool. */
  cipher: z.union([z.literal(3), z.literal(17)]).default(17),
  /** The level that is asked for; `operator` is enough to switch the power. */
  privilege: z.enum(['operator', 'administrator']).default('administrator'),
  /** What `ipmitool mc guid` prints as System GUID: compared before it is believed or switched. */
  guid: uuid.optional(),
});
export type IpmiOptions = z.output<typeof ipmiOptions>;

/** `shown`: the text as it may be told. */
type Answer = { ok: true; text: string; shown: string } | { ok: false; fault: DeviceFault; why: string };

/** RAKP's fields are fixed: ipmitool refuses more. */
const LONGEST_PASSWORD = 20;

class IpmiDevice implements FenceDevice {
  readonly label: string;
  readonly #options: IpmiOptions;
  readonly #context: FencingContext;

  constructor(options: IpmiOptions, context: FencingContext) {
    this.label = `ipmi ${options.host}:${options.port}`;
    this.#options = options;
    this.#context = context;
  }

  async status(signal: AbortSignal): Promise<PowerReading> {
    const until = performance.now() + this.#context.timings.powerStatusMs;
    const unknown = (fault: DeviceFault, why: string): PowerReading => ({
      power: 'unknown',
      fault,
      detail: `${this.label}: ${why}`,
      identityConfirmed: false,
    });
    const identity = await this.#identify(until, signal);
    if (!identity.ok) return unknown(identity.fault, identity.why);
    const answer = await this.#ipmitool(['chassis', 'power', 'status'], until, signal);
    if (!answer.ok) return unknown(answer.fault, answer.why);
    const word = /^Chassis Power is (on|off)$/.exec(answer.text)?.[1] as 'on' | 'off' | undefined;
    if (!word) return unknown('protocol', `neither on nor off, but "${answer.shown}"`);
    return { power: word, detail: `${this.label}: ${word}`, identityConfirmed: this.#options.guid !== undefined };
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('off', 'Chassis Power Control: Down/Off', signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('on', 'Chassis Power Control: Up/On', signal);
  }

  confirmCommand(): string {
    return `IPMI_PASSWORD="$BMC_PASSWORD" ipmitool ${this.#arguments().map(shellWord).join(' ')} chassis power status`;
  }

  async #switch(to: 'on' | 'off', expected: string, signal: AbortSignal): Promise<CommandResult> {
    const until = performance.now() + this.#context.timings.powerOffMs;
    const identity = await this.#identify(until, signal);
    const answer = identity.ok ? await this.#ipmitool(['chassis', 'power', to], until, signal) : identity;
    if (!answer.ok) return { accepted: false, fault: answer.fault, detail: `${this.label}: ${answer.why}` };
    if (answer.text !== expected)
      return { accepted: false, fault: 'protocol', detail: `${this.label}: answered "${answer.shown}"` };
    return { accepted: true, detail: `${this.label}: took the ${to}` };
  }

  async #identify(until: number, signal: AbortSignal): Promise<Answer> {
    const wanted = this.#options.guid?.toLowerCase();
    if (wanted === undefined) return { ok: true, text: '', shown: '' };
    const answer = await this.#ipmitool(['mc', 'guid'], until, signal);
    if (!answer.ok) return answer;
    const told = /^System GUID\s*:\s*(\S+)$/m.exec(answer.text)?.[1]?.toLowerCase();
    if (told === wanted) return answer;
    const shown = /System GUID\s*:\s*(\S+)/.exec(answer.shown)?.[1] ?? 'not told';
    return { ok: false, fault: 'mismatch', why: `another machine: its GUID is ${shown}, not ${wanted}` };
  }

  /** One ipmitool, never repeated here: it retransmits by itself (-N 2 -R 2: 10 s until it calls a BMC unreachable). */
  async #ipmitool(command: readonly string[], until: number, signal: AbortSignal): Promise<Answer> {
    const secret = await resolveSecret(this.#context, this.#options.password);
    if ('missing' in secret) return { ok: false, fault: 'misconfigured', why: secret.missing };
    if (Buffer.byteLength(secret.value) > LONGEST_PASSWORD)
      return { ok: false, fault: 'misconfigured', why: 'its password has more than 20 bytes, IPMI takes no more' };
    const program = findProgram('ipmitool', this.#context.programs);
    if (!program) return { ok: false, fault: 'misconfigured', why: 'ipmitool is not installed on this worker' };
    // Nothing inherited: IPMITOOL_PASSWORD of our own environment would override the password.
    const run = await runProgram(program, [...this.#arguments(), ...command], {
      env: { LC_ALL: 'C', IPMI_PASSWORD: secret.value },
      timeoutMs: Math.max(1, until - performance.now()),
      signal,
    });
    return readIpmitool(run, secret.value);
  }

  #arguments(): string[] {
    const { host: address, port: udp, user, cipher, privilege } = this.#options;
    const level = privilege === 'operator' ? ['-L', 'OPERATOR'] : [];
    return ['-I', 'lanplus', '-C', `${cipher}`, '-N', '2', '-R', '2', '-v', '-H', address, '-p', `${udp}`].concat([
      '-U',
      user,
      ...level,
      '-E',
    ]);
  }
}

// In the order in which they decide; on stderr because of -v, without which all of them read the same. "Get HPM.x …",
// "Invalid completion code …" and "Close Session command failed" stand there on success too and say nothing.
const FAILURES: readonly [RegExp, DeviceFault, string][] = [
  [/RAKP 2 HMAC is invalid/, 'auth', 'wrong password (RAKP 2 HMAC is invalid)'],
  [/unauthorized name/, 'auth', 'unknown user (unauthorized name)'],
  [
    /: unauthorized role|: insufficient privilege|privilege level requested/i,
    'privilege',
    'the user may not have that role',
  ],
  [/Error in open session response message : (.+)/, 'misconfigured', 'no such cipher suite'],
  [/Address lookup for \S+ failed/, 'unreachable', 'its name does not resolve'],
  [/Get Channel Authentication Capabilities/, 'unreachable', 'no answer'],
  [/^(?:Set Chassis|Get Chassis).* failed: Insufficient privilege level/m, 'privilege', 'the user lacks the privilege'],
  [/^(?:Set Chassis|Get Chassis).* failed: (.+)/m, 'refused', 'refused'],
  [/^Unable to (?:set|get) Chassis Power/m, 'timeout', 'the session stood, the reply never came'],
];

/** What a run of ipmitool says. Only exit code 0 is an answer; off and on are told apart by the caller, by the exact words. */
export function readIpmitool(run: ProgramRun, password: string): Answer {
  const fail = (fault: DeviceFault, why: string): Answer => ({ ok: false, fault, why });
  if (run.end === 'missing') return fail('misconfigured', 'ipmitool cannot be started');
  if (run.end === 'timeout') return fail('timeout', 'ipmitool was killed at the time limit');
  if (run.end === 'cancelled') return fail('timeout', 'cancelled');
  if (run.code === 0) return { ok: true, text: run.stdout.trim(), shown: oneLine(run.stdout, password) };
  for (const [pattern, fault, why] of FAILURES) {
    const match = pattern.exec(run.stderr);
    if (match) return fail(fault, match[1] ? `${why}: ${oneLine(match[1], password)}` : why);
  }
  const last = oneLine(run.stderr.trim().split('\n').at(-1) ?? '', password);
  return fail('protocol', `ipmitool ended with ${run.code ?? 'a signal'}: ${last || 'no word'}`);
}

export const ipmi: FencingDriver<typeof ipmiOptions> = {
  name: 'ipmi',
  options: ipmiOptions,
  create: (_node, options, context) => new IpmiDevice(options, context),
  deviceKey: (options) => `ipmi ${options.host.toLowerCase()}:${options.port}`,
};
