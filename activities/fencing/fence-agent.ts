// Any of ClusterLabs' fence agents (about 80 kinds of devices). Exit codes and words were recorded from fence-agents 4.12.1.
// Parameters go in on standard input alone: what stands in argv can be read by everybody on the machine.
import { z } from 'zod';
import type { DeviceFault } from '../../workflows/domain.ts';
import type { CommandResult, FenceDevice, FencingContext, FencingDriver, PowerReading } from './driver.ts';
import { find, judgeByMetadata, parseMetadata, written } from './fence-agent-metadata.ts';
import type { AgentMetadata } from './fence-agent-metadata.ts';
import { agentName, canonical, deviceKeys, isSecret, whyNoPower, whyRefused } from './fence-agent-rules.ts';
import { readAgent } from './fence-agent-words.ts';
import type { Answer } from './fence-agent-words.ts';
import { inherited, resolveSecret, secretSource, shellWord } from './options.ts';
import { findProgram, runProgram } from './run-program.ts';

const value = z.union([
  // An agent reads line by line.
  z.string().refine((text) => !/[\n\r\0]/.test(text), 'must be one line'),
  z.number(),
  z.boolean(),
  secretSource,
]);

export const fenceAgentOptions = z
  .strictObject({
    /** `fence_apc`, or the whole path of one. */
    agent: z.string().regex(/^(\/[^\s\0]*\/)?fence_\w+$/, 'is no fence agent (fence_apc, fence_idrac, …)'),
    /** As `fence_apc -o metadata` names them. */
    parameters: z.record(z.string().regex(/^[A-Za-z][\w.-]*$/, 'is no name of a parameter'), value),
  })
  .check(({ value: { agent, parameters }, issues }) => {
    const say = (path: string[], message: string): void =>
      void issues.push({ code: 'custom', path, message, input: parameters });
    const noPower = whyNoPower(agent);
    if (noPower) say(['agent'], noPower);
    for (const [name, given] of Object.entries(parameters)) {
      const why = whyRefused(name, given);
      if (why) say(['parameters', name], `is refused: ${why}`);
      else if (isSecret(name) && typeof given !== 'object')
        say(['parameters', name], 'is a secret: write { env: NAME }, { file: path } or { command: [program, …] }');
    }
    const names = Object.keys(parameters).map(canonical);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice) say(['parameters'], `${twice} is given twice, by its old and its new name`);
    if (agentName(agent) === 'fence_redfish' && !names.includes('systems_uri'))
      say(['parameters', 'systems_uri'], 'is missing: the first system of a chassis may be a neighbour');
  });
export type FenceAgentOptions = z.output<typeof fenceAgentOptions>;

type Fault = { fault: DeviceFault; why: string };

/** An agent's metadata is the same for all nodes: one process once, not one for each command. */
const known = new WeakMap<FencingContext, Map<string, AgentMetadata>>();
/** Asked at the start in vain: not once more for each node. */
const silent = new WeakMap<FencingContext, Set<string>>();
const METADATA_MS = 10_000;
const METADATA_KEPT = 262_144;

class FenceAgentDevice implements FenceDevice {
  readonly label: string;
  readonly #options: FenceAgentOptions;
  readonly #context: FencingContext;

  constructor(options: FenceAgentOptions, context: FencingContext) {
    const shown = ['ip', 'plug'].map((name) => plain(options, name)).filter((text) => text !== null);
    this.label = [agentName(options.agent), ...shown].join(' ');
    this.#options = options;
    this.#context = context;
  }

  async status(signal: AbortSignal): Promise<PowerReading> {
    const answer = await this.#run('status', this.#context.timings.powerStatusMs, signal);
    // No agent tells who its device is.
    const rest = { detail: `${this.label}: ${answer.why}`, identityConfirmed: false };
    return answer.ok ? { power: answer.power, ...rest } : { power: 'unknown', fault: answer.fault, ...rest };
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('off', signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('on', signal);
  }

  confirmCommand(): string {
    const lines = Object.entries(this.#options.parameters).map(([name, given]) =>
      typeof given === 'object'
        ? `"${name}=$${name.toUpperCase().replaceAll(/\W/g, '_')}"`
        : shellWord(`${name}=${given}`),
    );
    return `printf '%s\\n' action=status ${lines.join(' ')} | ${shellWord(this.#options.agent)}`;
  }

  async #switch(to: 'on' | 'off', signal: AbortSignal): Promise<CommandResult> {
    const answer = await this.#run(to, this.#context.timings.powerOffMs, signal);
    const detail = `${this.label}: ${answer.why}`;
    return answer.ok ? { accepted: true, detail } : { accepted: false, fault: answer.fault, detail };
  }

  /** One agent, never repeated here. It reads the state itself before and after it switches, for up to power_timeout. */
  async #run(action: 'status' | 'on' | 'off', limitMs: number, signal: AbortSignal): Promise<Answer> {
    const until = performance.now() + limitMs;
    const secrets = await this.#secrets();
    if ('fault' in secrets) return { ok: false, ...secrets };
    const { agent, parameters } = this.#options;
    const program = findAgent(agent, this.#context);
    if (!program) return { ok: false, fault: 'misconfigured', why: `${agent} is not installed on this worker` };
    const metadata = await metadataOf(program, this.#context, until - performance.now(), signal);
    if ('fault' in metadata) return { ok: false, ...metadata };
    const wrong = judgeByMetadata(agent, metadata, parameters);
    if (wrong.length > 0)
      return {
        ok: false,
        fault: 'misconfigured',
        why: wrong.map((w) => [w.parameter, w.message].join(' ').trim()).join('; '),
      };
    const lines = Object.entries(parameters).flatMap(([name, given]) => {
      const text =
        typeof given === 'object' ? secrets.values.get(name)! : written(find(metadata.parameters, name), given);
      return text === null ? [] : [`${name}=${quoted(text)}`];
    });
    const run = await runProgram(program, [], {
      env: ENVIRONMENT(),
      input: [`action=${action}`, ...lines, ''].join('\n'),
      timeoutMs: Math.max(1, until - performance.now()),
      signal,
    });
    return readAgent(action, run, [...secrets.values.values()]);
  }

  async #secrets(): Promise<{ values: Map<string, string> } | Fault> {
    const values = new Map<string, string>();
    for (const [name, source] of Object.entries(this.#options.parameters)) {
      if (typeof source !== 'object') continue;
      const secret = await resolveSecret(this.#context, source);
      if ('missing' in secret) return { fault: 'misconfigured', why: secret.missing };
      if (/[\n\r\0]/.test(secret.value)) return { fault: 'misconfigured', why: `its ${name} has more than one line` };
      values.set(name, secret.value);
    }
    return { values };
  }
}

/** An agent strips spaces around a line and quotes around a value. */
const quoted = (text: string): string => (/^\s|\s$|^".*"$/.test(text) ? `"${text}"` : text);

/** Agents start other programs: ssh with its keys, ipmitool, snmpget. Nothing else of ours is their business. */
const ENVIRONMENT = (): Record<string, string> => ({ LC_ALL: 'C', ...inherited('PATH', 'HOME', 'SSH_AUTH_SOCK') });

function plain({ parameters }: FenceAgentOptions, wanted: string): string | null {
  const found = Object.entries(parameters).find(([name]) => canonical(name) === wanted)?.[1];
  return found === undefined || typeof found === 'object' ? null : String(found);
}

/** They are installed for the administrator: /usr/sbin is often not on a service's PATH. */
const findAgent = (agent: string, { programs }: FencingContext): string | null =>
  findProgram(agent, programs) ??
  (agent.startsWith('/') || programs?.[agent] ? null : findProgram(`/usr/sbin/${agent}`));

async function metadataOf(
  program: string,
  context: FencingContext,
  limitMs: number,
  signal: AbortSignal,
): Promise<AgentMetadata | Fault> {
  const kept = known.get(context) ?? new Map<string, AgentMetadata>();
  known.set(context, kept);
  const before = kept.get(program);
  if (before) return before;
  const run = await runProgram(program, ['-o', 'metadata'], {
    env: ENVIRONMENT(),
    timeoutMs: Math.max(1, Math.min(limitMs, METADATA_MS)),
    signal,
    keep: METADATA_KEPT,
  });
  if (run.end === 'timeout')
    return { fault: 'timeout', why: 'it did not say what parameters it has (-o metadata) in time' };
  if (run.end === 'cancelled') return { fault: 'timeout', why: 'cancelled' };
  const metadata = run.code === 0 ? parseMetadata(run.stdout) : null;
  if (!metadata) return { fault: 'misconfigured', why: 'it does not say what parameters it has (-o metadata)' };
  kept.set(program, metadata);
  return metadata;
}

export const fenceAgent: FencingDriver<typeof fenceAgentOptions> = {
  name: 'fence-agent',
  options: fenceAgentOptions,
  create: (_node, options, context) => new FenceAgentDevice(options, context),
  deviceKey: ({ agent, parameters }) => deviceKeys(agent, parameters),
  merged: ['parameters'],
  judge: async ({ agent, parameters }, context) => {
    // Where it is not installed, its devices say so: a worker may be started for its other levels.
    const program = findAgent(agent, context);
    const mute = silent.get(context) ?? new Set<string>();
    silent.set(context, mute);
    if (!program || mute.has(program)) return [];
    const metadata = await metadataOf(program, context, METADATA_MS, new AbortController().signal);
    if ('fault' in metadata) mute.add(program);
    if ('fault' in metadata) return [];
    return judgeByMetadata(agent, metadata, parameters).map(({ parameter, message }) => ({
      path: parameter === null ? ['agent'] : ['parameters', parameter],
      message,
    }));
  },
};
