// A virtual machine as a node, through virsh: nested clouds and labs. Words as virsh 9.0 prints them under LC_ALL=C.
import { z } from 'zod';
import type { DeviceFault } from '../../workflows/domain.ts';
import type { CommandResult, FenceDevice, FencingContext, FencingDriver, PowerReading } from './driver.ts';
import { argument, inherited, oneLine, shellWord, uuid } from './options.ts';
import { findProgram, runProgram } from './run-program.ts';

export const libvirtOptions = z.strictObject({
  /** A libvirt URI; a password has no place in it (libvirt has its own authentication file). */
  uri: argument
    .refine((uri) => !/\/\/[^/]*:[^/]*@/.test(uri), 'must not hold a password')
    .meta({
      expected: 'a libvirt URI without a password',
      example: 'qemu+ssh://lifeboat@hypervisor.example.org/system',
    }),
  domain: argument.meta({ expected: "a machine's name", example: "'{node}'" }),
  /** `virsh domuuid`: compared before it is believed or switched. */
  uuid: uuid.optional(),
});
export type LibvirtOptions = z.output<typeof libvirtOptions>;

type Answer = { ok: true; text: string } | { ok: false; fault: DeviceFault; why: string };

class LibvirtDevice implements FenceDevice {
  readonly label: string;
  readonly #options: LibvirtOptions;
  readonly #context: FencingContext;

  constructor(options: LibvirtOptions, context: FencingContext) {
    this.label = `libvirt ${options.domain}`;
    this.#options = options;
    this.#context = context;
  }

  async status(signal: AbortSignal): Promise<PowerReading> {
    const until = performance.now() + this.#context.timings.powerStatusMs;
    const identity = await this.#identify(until, signal);
    const answer = identity.ok ? await this.#virsh('domstate', until, signal) : identity;
    const unknown = { power: 'unknown', identityConfirmed: false } as const;
    if (!answer.ok) return { ...unknown, fault: answer.fault, detail: `${this.label}: ${answer.why}` };
    // "paused", "in shutdown", "crashed" keep the guest's memory and disks open: not off.
    const power = answer.text === 'shut off' ? 'off' : answer.text === 'running' ? 'on' : null;
    if (!power) return { ...unknown, detail: `${this.label}: ${oneLine(answer.text) || 'no word'}` };
    return { power, detail: `${this.label}: ${answer.text}`, identityConfirmed: this.#options.uuid !== undefined };
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('destroy', /domain is not running/, signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('start', /[Dd]omain is already active/, signal);
  }

  confirmCommand(): string {
    return `virsh -c ${shellWord(this.#options.uri)} domstate ${shellWord(this.#options.domain)}`;
  }

  async #switch(command: 'destroy' | 'start', already: RegExp, signal: AbortSignal): Promise<CommandResult> {
    const until = performance.now() + this.#context.timings.powerOffMs;
    const identity = await this.#identify(until, signal);
    const answer = identity.ok ? await this.#virsh(command, until, signal) : identity;
    if (answer.ok) return { accepted: true, detail: `${this.label}: took the ${command}` };
    if (answer.fault === 'refused' && already.test(answer.why))
      return { accepted: true, detail: `${this.label}: nothing to ${command}` };
    return { accepted: false, fault: answer.fault, detail: `${this.label}: ${answer.why}` };
  }

  async #identify(until: number, signal: AbortSignal): Promise<Answer> {
    const wanted = this.#options.uuid?.toLowerCase();
    if (wanted === undefined) return { ok: true, text: '' };
    const answer = await this.#virsh('domuuid', until, signal);
    if (!answer.ok || answer.text.toLowerCase() === wanted) return answer;
    return { ok: false, fault: 'mismatch', why: `another machine: its UUID is ${oneLine(answer.text)}, not ${wanted}` };
  }

  async #virsh(command: string, until: number, signal: AbortSignal): Promise<Answer> {
    const program = findProgram('virsh', this.#context.programs);
    if (!program) return { ok: false, fault: 'misconfigured', why: 'virsh is not installed on this worker' };
    const run = await runProgram(program, ['-c', this.#options.uri, command, this.#options.domain], {
      // qemu+ssh needs to find ssh, its keys and its agent.
      env: { LC_ALL: 'C', ...inherited('PATH', 'HOME', 'SSH_AUTH_SOCK') },
      timeoutMs: Math.max(1, until - performance.now()),
      signal,
    });
    if (run.end === 'exit' && run.code === 0) return { ok: true, text: run.stdout.trim() };
    if (run.end === 'missing') return { ok: false, fault: 'misconfigured', why: 'virsh cannot be started' };
    if (run.end === 'timeout') return { ok: false, fault: 'timeout', why: 'virsh was killed at the time limit' };
    if (run.end === 'cancelled') return { ok: false, fault: 'timeout', why: 'cancelled' };
    return { ok: false, ...readError(run.stderr) };
  }
}

/** virsh has one exit code for everything: only its words tell. */
function readError(stderr: string): { fault: DeviceFault; why: string } {
  const why = oneLine(stderr.replaceAll(/^error: /gm, '')) || 'virsh failed without a word';
  if (/failed to get domain/i.test(stderr)) return { fault: 'misconfigured', why };
  if (/authentication (failed|unavailable)|permission denied|host key verification/i.test(stderr))
    return { fault: 'auth', why };
  if (/access denied|read only access/i.test(stderr)) return { fault: 'privilege', why };
  if (/failed to connect|unable to connect|cannot recv data|end of file|connection reset/i.test(stderr))
    return { fault: 'unreachable', why };
  return { fault: 'refused', why };
}

export const libvirt: FencingDriver<typeof libvirtOptions> = {
  name: 'libvirt',
  options: libvirtOptions,
  create: (_node, options, context) => new LibvirtDevice(options, context),
  deviceKey: (options) => `libvirt ${options.uri} ${options.domain}`,
};
