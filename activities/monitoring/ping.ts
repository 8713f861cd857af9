// Does the node answer an ICMP echo? Asked by the system's own ping program, which may do what a plain process may not.
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { findProgram, runProgram } from '../fencing/run-program.ts';
import type { ProgramRun } from '../fencing/run-program.ts';
import type { NodeView } from '../../workflows/domain.ts';
import type { Answer } from './connect.ts';
import type { ChannelCheck, Look, MonitoringChannel, MonitoringContext, MonitoringDriver } from './driver.ts';
import { dated, eachNode } from './each-node.ts';
import { address, addressOf, parallel } from './options.ts';
import { overAll } from './over-all.ts';
import { said } from './said.ts';
import { judgeSilence } from './silence.ts';

const hostName = z
  .string()
  .min(1)
  .refine((name) => !/^-|[\s\0/@]/.test(name), 'is a host name or an address, not a URL');

const options = z.strictObject({
  address,
  /** Whole seconds, as the program counts them. */
  timeout: z.int().min(1).max(10).default(2).meta({ expected: 'whole seconds, 1 to 10', example: '2' }),
  /** Addresses that always answer: they prove that the monitor's own network works. */
  reference: z.array(hostName).default([]),
  /** Programs side by side. */
  parallel: parallel(32),
});
type Options = z.output<typeof options>;

/** The program ends itself; one that does not is killed a while later. */
const GRACE_MS = 1_000;

class PingChannel implements MonitoringChannel {
  readonly direct = true;
  readonly #options: Options;
  readonly #context: MonitoringContext;

  constructor(options: Options, context: MonitoringContext) {
    this.#options = options;
    this.#context = context;
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    const { parallel: width, reference } = this.#options;
    const answers = new Map<string, Answer>();
    await eachNode(look, { parallel: width, context: this.#context }, async (node, signal) => {
      answers.set(node.host, await this.#node(node, signal));
      return { verdict: 'unknown', saw: '' };
    });
    for (const { host } of look.nodes)
      if (!answers.has(host)) answers.set(host, { kind: 'unknown', saw: 'no time was left to ask' });
    const someReference = async (): Promise<boolean> => {
      const heard = await overAll(reference, width, (to) => this.#ask(to, look.signal));
      return heard.some((a) => a.kind === 'answered');
    };
    return dated(look, await judgeSilence(answers, someReference));
  }

  async check(look: Look): Promise<ChannelCheck> {
    const heard = [...(await this.look(look)).values()];
    const answered = heard.filter((e) => e.verdict === 'alive').length;
    const says = `${answered} of ${heard.length} nodes answer`;
    const other = heard.find((e) => e.verdict === 'unknown');
    if (answered > 0 && !other) return { verdict: 'ok', says };
    const todo =
      'install iputils-ping where the monitors run, and let ICMP pass: docs/drivers/monitoring-ping.md has more';
    return { verdict: answered > 0 ? 'warn' : 'fail', says: other ? `${says}; ${other.saw}` : says, todo };
  }

  async #node(node: NodeView, signal: AbortSignal): Promise<Answer> {
    const at = addressOf(this.#options.address, node);
    return 'why' in at ? { kind: 'unknown', saw: at.why } : this.#ask(at.address, signal);
  }

  async #ask(to: string, signal: AbortSignal): Promise<Answer> {
    const program = findProgram('ping', this.#context.programs);
    if (!program) return { kind: 'unknown', saw: 'ping is not installed (package iputils-ping)' };
    const { timeout } = this.#options;
    // With a deadline, -c 1 sends until one answer came: a healthy node costs one packet, and one lost packet is no silence.
    const args = ['-n', '-c', '1', '-i', '0.5', '-w', String(timeout), '--', to];
    const begun = performance.now();
    const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C' };
    const run = await runProgram(program, args, { env, timeoutMs: timeout * 1_000 + GRACE_MS, signal });
    const answer = readPing(run, to, ownAddresses());
    // The program's deadline runs out in the first moment after a pause of the whole machine.
    const away = answer.kind === 'silent' && performance.now() - begun > timeout * 1_000 + GRACE_MS;
    if (away) return { kind: 'unknown', saw: `${to}: we were stopped` };
    return { ...answer, saw: said(this.#context, `${to}: ${answer.saw}`) };
  }
}

/**
 * iputils' ping ends with 0 for an answer, 1 for none, 2 for what kept it from asking. An error that a router sent back is no
 * silence of the node, so it is unknown, as with tcp. One of our own kernel is: it asked the segment for the node's hardware
 * address, and the node did not answer even that.
 */
export function readPing(run: ProgramRun, to: string, own: ReadonlySet<string>): Answer {
  if (run.end === 'missing') return { kind: 'unknown', saw: 'ping could not be started' };
  if (run.end === 'timeout') return { kind: 'unknown', saw: 'ping did not end' };
  if (run.end === 'cancelled') return { kind: 'unknown', saw: 'stopped looking' };
  if (run.end === 'exit' && run.code === 0) return { kind: 'answered', saw: 'answers' };
  const errors = [...run.stdout.matchAll(/^From (\S+?):? icmp_seq=\d+ (.*)$/gm)].map((m) => ({
    by: m[1]!,
    what: m[2]!,
  }));
  const foreign = errors.find(({ by, what }) => !own.has(by) || !/(Host|Address) unreachable$/i.test(what));
  if (foreign) return { kind: 'unknown', saw: `${foreign.by} says ${foreign.what}` };
  if (run.end === 'exit' && run.code === 1 && /\b0 (packets )?received\b/.test(run.stdout))
    return { kind: 'silent', saw: errors.length > 0 ? 'no answer, not on its segment either' : 'no answer' };
  return { kind: 'unknown', saw: complaint(run, to) };
}

function complaint({ stderr, code }: ProgramRun, to: string): string {
  const why = stderr
    .split('\n')
    .map((line) => line.replace(/^\S*ping\d?: (=> )?/, '').replace(`${to}: `, ''))
    .filter((line) => line !== '' && !line.startsWith('socktype:'))
    .join('; ');
  return why || `ping ended with ${code ?? 'a signal'}`;
}

const ownAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((a) => a.address)));

export const ping: MonitoringDriver<typeof options> = {
  name: 'ping',
  options,
  create: (o, context) => new PingChannel(o, context),
};
