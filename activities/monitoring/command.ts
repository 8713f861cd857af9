// Any program that can tell whether a node is alive: a Nagios plugin, a script of the operators. Run without a shell.
import { z } from 'zod';
import { redact } from '../openstack/errors.ts';
import { findProgram, runProgram } from '../fencing/run-program.ts';
import type { ProgramRun } from '../fencing/run-program.ts';
import { VERDICTS, type NodeView, type Verdict } from '../../workflows/domain.ts';
import { brokenRun, byExitCode, byJson, byJsonOfMany } from './command-answer.ts';
import type { Look, MonitoringChannel, MonitoringContext, MonitoringDriver, Seen } from './driver.ts';
import { dated, eachNode, ownLimitMs } from './each-node.ts';
import { namedNodes } from './named-nodes.ts';
import { address, addressOf, fill, parallel, secretSource, timeout } from './options.ts';
import { said } from './said.ts';

const PLACES = /\{(?!(?:node|short|hostIp|address)\})[A-Za-z]\w*\}/;
const argument = z
  .string()
  .refine((text) => !text.includes('\0'), 'holds a null character')
  .refine((text) => !PLACES.test(text), 'in braces may stand {node}, {short}, {hostIp} or {address}');

const exitCode = z.string().regex(/^(\d|[1-9]\d|1[01]\d|12[0-5])$/, 'is no exit code of a program (0 to 125)');

const options = z
  .strictObject({
    program: z.string().min(1).meta({ expected: 'a path, or a name on PATH', example: '/opt/lifeboat/is-alive' }),
    args: z.array(argument).default([]),
    address,
    /** `once`: one run tells of all nodes. */
    run: z.enum(['each', 'once']).default('each'),
    output: z.enum(['exitCode', 'json']).optional(),
    exitCodes: z
      .record(exitCode, z.enum(['alive', 'degraded', 'failed', 'unknown']))
      .default({ '0': 'alive', '2': 'failed' })
      .meta({ expected: 'verdicts by exit code', example: '{ 0: alive, 1: degraded, 2: failed }' }),
    env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.union([z.string(), secretSource])).default({}),
    timeout: timeout('5s'),
    parallel: parallel(16),
    maxBytes: z
      .int()
      .min(64)
      .max(8 * 1024 * 1024)
      .default(64 * 1024),
  })
  .refine((o) => o.run === 'each' || o.output !== 'exitCode', {
    path: ['output'],
    message: 'one exit code cannot tell of many nodes (write json)',
  })
  .refine((o) => o.run === 'each' || !o.args.some((text) => /\{(node|short|hostIp|address)\}/.test(text)), {
    path: ['args'],
    message: 'names one node, but run: once is for all of them',
  });
type Options = z.output<typeof options>;

class CommandChannel implements MonitoringChannel {
  readonly #options: Options;
  readonly #context: MonitoringContext;

  constructor(o: Options, context: MonitoringContext) {
    this.#options = o;
    this.#context = context;
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    if (this.#options.run === 'once') return dated(look, await this.#ofAll(look));
    const settings = { parallel: this.#options.parallel, context: this.#context };
    return dated(look, await eachNode(look, settings, (node, signal) => this.#ofOne(node, signal)));
  }

  async #ofOne(node: NodeView, signal: AbortSignal): Promise<Seen> {
    const filled = argumentsFor(node, this.#options);
    if ('why' in filled) return { verdict: 'unknown', saw: filled.why };
    const { output, exitCodes } = this.#options;
    return this.#run(filled.args, signal, (run) => (output === 'json' ? byJson(run) : byExitCode(run, exitCodes)));
  }

  async #ofAll(look: Look): Promise<Map<string, Seen>> {
    const find = namedNodes(look.nodes);
    const seen = new Map<string, Seen>();
    const whole = await this.#run(this.#options.args, look.signal, (run, clean) => {
      for (const [name, one] of byJsonOfMany(run)) {
        const host = find(name)?.host;
        if (host === undefined) continue;
        const torn = seen.has(host) && seen.get(host)!.verdict !== one.verdict;
        seen.set(
          host,
          torn ? { verdict: 'unknown', saw: 'it is told of twice, and not the same' } : { ...one, saw: clean(one.saw) },
        );
      }
      return { verdict: 'unknown', saw: 'nothing was told of it' };
    });
    return new Map(look.nodes.map(({ host }) => [host, seen.get(host) ?? whole]));
  }

  /** Never rejects but for a secret that is missing. */
  async #run(
    args: readonly string[],
    signal: AbortSignal,
    judge: (run: ProgramRun, clean: (text: string) => string) => Seen,
  ): Promise<Seen> {
    const { program, env: wanted, maxBytes } = this.#options;
    const path = findProgram(program, this.#context.programs);
    if (!path) return { verdict: 'unknown', saw: `${program} is not installed, or may not be run` };
    const { env, secrets } = await this.#environment(wanted);
    const timeoutMs = Math.min(this.#options.timeout, ownLimitMs(this.#context.timings));
    const run = await runProgram(path, args, { env, timeoutMs, signal, keep: maxBytes });
    const name = path.split('/').at(-1)!;
    const clean = (text: string): string => said(this.#context, redact(text, secrets));
    const broken = brokenRun(run, maxBytes, timeoutMs);
    if (broken !== null) return { verdict: 'unknown', saw: clean(`${name}: ${broken}`) };
    try {
      const seen = judge(run, clean);
      return { ...seen, saw: clean(seen.saw) };
    } catch (error) {
      return { verdict: 'unknown', saw: clean(`${name}: ${error instanceof Error ? error.message : 'it failed'}`) };
    }
  }

  async #environment(wanted: Options['env']): Promise<{ env: Record<string, string>; secrets: string[] }> {
    const secrets: string[] = [];
    const entries = await Promise.all(
      Object.entries(wanted).map(async ([name, value]): Promise<[string, string]> => {
        if (typeof value === 'string') return [name, value];
        const secret = await this.#context.secret(value);
        secrets.push(secret);
        return [name, secret];
      }),
    );
    return { env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...Object.fromEntries(entries) }, secrets };
  }
}

/** The arguments of one node. A name that would be taken for an option is refused. */
function argumentsFor(node: NodeView, { args, address: at }: Options): { args: string[] } | { why: string } {
  const filled: string[] = [];
  for (const text of args) {
    const where = text.includes('{address}') ? addressOf(at, node) : { address: '' };
    if ('why' in where) return where;
    const one = fill(
      text.replaceAll('{address}', () => where.address),
      node,
    );
    if (one === null) return { why: 'Nova tells no host_ip' };
    if (one.startsWith('-') && !text.startsWith('-'))
      return { why: `${JSON.stringify(one)} would be taken for an option` };
    filled.push(one);
  }
  return { args: filled };
}

/** What its table names; JSON may say everything. */
const verdictsOf = ({ run, output, exitCodes }: Options): readonly Verdict[] =>
  run === 'once' || output === 'json' ? VERDICTS : [...new Set<Verdict>([...Object.values(exitCodes), 'unknown'])];

export const command: MonitoringDriver<typeof options> = {
  name: 'command',
  options,
  create: (o, context) => new CommandChannel(o, context),
  says: verdictsOf,
};
