// What Neutron thinks of its agents on the nodes. One list of all agents, kept for a few seconds: Neutron itself needs 75 s.
import { z } from 'zod';
import { matches } from '../../workflows/policy.ts';
import type { NetworkAgent } from '../openstack/types.ts';
import type { ChannelCheck, Look, MonitoringChannel, MonitoringContext, MonitoringDriver, Seen } from './driver.ts';
import { duration } from './duration.ts';
import { dated, ownLimitMs } from './each-node.ts';
import { namedNodes } from './named-nodes.ts';
import { reasonOf, said } from './said.ts';

const options = z.strictObject({
  /** Binaries that count (patterns). */
  agents: z
    .array(z.string().min(1))
    .min(1)
    .default(['*'])
    .meta({ expected: 'a list of binaries or patterns', example: '[neutron-openvswitch-agent]' }),
  /** The list is read again after so long. */
  every: duration('10s')
    .refine((ms) => ms <= 20_000, 'expected at most 20s (evidence must be young)')
    .prefault('10s'),
});
type Options = z.output<typeof options>;

interface Read {
  agents: NetworkAgent[];
  at: number;
  readAt: string;
}

class NeutronChannel implements MonitoringChannel {
  readonly #options: Options;
  readonly #context: MonitoringContext;
  #last: Read | null = null;

  constructor(o: Options, context: MonitoringContext) {
    this.#options = o;
    this.#context = context;
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    const { agents, readAt } = await this.#read(look.signal);
    return dated({ ...look, readAt }, judgeAgents(look, agents, this.#options.agents));
  }

  async check(look: Look): Promise<ChannelCheck> {
    const { agents } = await this.#read(look.signal);
    const known = [...judgeAgents(look, agents, this.#options.agents).values()].filter((s) => s.verdict !== 'unknown');
    const says = `${agents.length} agents, ${known.length} of ${look.nodes.length} nodes have one that counts`;
    const todo = 'Neutron shows agents to administrators only (rule get_agent): openstack network agent list';
    if (known.length === look.nodes.length) return { verdict: 'ok', says };
    return { verdict: known.length > 0 ? 'warn' : 'fail', says, todo };
  }

  async #read(signal: AbortSignal): Promise<Read> {
    const { openstack, timings } = this.#context;
    const now = performance.now();
    if (this.#last && now - this.#last.at < this.#options.every) return this.#last;
    const readAt = new Date().toISOString();
    try {
      const agents = await openstack.network.agents({ signal, timeoutMs: ownLimitMs(timings) });
      return (this.#last = { agents, at: now, readAt });
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(said(this.#context, reasonOf(error)));
    }
  }
}

/**
 * One agent that reports is enough to live. All of a node dead is failed, but only while some node's agents live: else it is
 * Neutron, or the message queue, that is gone.
 */
export function judgeAgents(
  look: Look,
  agents: readonly NetworkAgent[],
  patterns: readonly string[],
): Map<string, Seen> {
  const find = namedNodes(look.nodes);
  const counting = agents.filter(({ binary }) => matches(patterns, binary));
  const of = new Map<string, NetworkAgent[]>();
  for (const agent of counting) {
    const node = find(agent.host);
    if (node) of.set(node.host, [...(of.get(node.host) ?? []), agent]);
  }
  const heard = counting.some(({ alive }) => alive);
  return new Map(look.nodes.map(({ host }) => [host, judge(of.get(host) ?? [], heard)]));
}

function judge(mine: readonly NetworkAgent[], heard: boolean): Seen {
  if (mine.length === 0) return { verdict: 'unknown', saw: 'Neutron shows no agent of it' };
  const alive = mine.filter((a) => a.alive);
  const named = (some: readonly NetworkAgent[]): string =>
    some.map((a) => a.binary.replace(/^neutron-/, '')).join(', ');
  if (alive.length > 0) return { verdict: 'alive', saw: `alive: ${named(alive).slice(0, 150)}` };
  const saw = `dead: ${named(mine).slice(0, 120)}`;
  return heard ? { verdict: 'failed', saw } : { verdict: 'unknown', saw: `${saw}, but so are all others` };
}

export const neutronAgent: MonitoringDriver<typeof options> = {
  name: 'neutron-agent',
  options,
  create: (o, context) => new NeutronChannel(o, context),
  hearsay: 'the message queue',
};
