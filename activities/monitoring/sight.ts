// How the fleet looks as a whole, and whether what we see it by can be trusted: who is silent together, whose reports do not arrive, which
// failure domain has lost too many, whether Nova's own services and our own network are there.
import { needsAggregates, overfullDomains } from '../../workflows/policy.ts';
import { isDrained, isReturning, readMarker } from '../../workflows/contract.ts';
import type { Policy, Timings } from '../../workflows/defaults.ts';
import type { NodeView } from '../../workflows/domain.ts';
import { connectAny } from './connect.ts';
import type { FleetSight } from './contract.ts';
import { oneLine, type Eyes, type NamedChannel, type NodeLook } from './eyes.ts';
import { intervalOf } from './judge.ts';
import type { Memory } from './judge.ts';

type Looks = ReadonlyMap<string, NodeLook>;

/** Names of the channels that hear the node itself. */
export const directOf = (channels: readonly NamedChannel[]): ReadonlySet<string> =>
  new Set(channels.filter((c) => c.channel.direct).map((c) => c.name));

const inService = ({ node }: NodeLook): boolean => node.status === 'enabled' && !node.forcedDown;

export function sightOf(
  nodes: readonly NodeView[],
  looks: Looks,
  trouble: string,
  readAt: string,
  channels: readonly NamedChannel[] = [],
): FleetSight {
  const verdicts = [...looks.values()];
  const direct = directOf(channels);
  const reports = new Set(channels.filter((c) => c.channel.reports).map((c) => c.name));
  const failsBy = (names: ReadonlySet<string>, { evidence }: NodeLook): boolean =>
    evidence.some((e) => names.has(e.channel) && e.verdict === 'failed');
  const hosts = (which: (l: NodeLook) => boolean): string[] => verdicts.filter(which).map((l) => l.node.host);
  return {
    whole: trouble === '',
    trouble,
    nodes: nodes.length,
    alive: verdicts.filter((l) => l.verdict === 'alive').length,
    degraded: hosts((l) => l.verdict === 'degraded'),
    failed: hosts((l) => l.verdict === 'failed'),
    silent: hosts((l) => l.verdict !== 'failed' && failsBy(direct, l)),
    stale: hosts((l) => inService(l) && failsBy(reports, l)),
    ours: nodes.filter((n) => readMarker(n.disabledReason) !== null && !isDrained(n)).map((n) => n.host),
    drained: nodes.filter(isDrained).map((n) => n.host),
    unknown: nodes.length - verdicts.filter((l) => l.verdict !== 'unknown').length,
    readAt,
  };
}

/**
 * The most nodes in service whose silence began within one interval of each other. Only for as long as a cool-down after they can be called
 * failed: a cliff is what has just happened, and what does not come back is judged like any other.
 */
export function lostOf(looks: Looks, memory: Memory, t: Timings): number {
  const window = t.reportIntervalMs + intervalOf(t, looks.size);
  const recent = t.staleMs + window + (t.coolDownMs ?? 0);
  const silences = [...looks.values()]
    .filter((l) => l.verdict === 'failed' && (inService(l) || isReturning(l.node)))
    .map((l) => memory.nodes.get(l.node.host)?.silentMs ?? 0)
    .filter((ms) => ms <= recent)
    .sort((a, b) => a - b);
  return Math.max(0, ...silences.map((from, i) => silences.slice(i).filter((ms) => ms - from <= window).length));
}

/** One more call to Nova, and only where a limit names aggregates and something is down. */
export async function withDomains(
  eyes: Eyes,
  policy: Policy,
  nodes: readonly NodeView[],
  sight: FleetSight,
  signal: AbortSignal,
): Promise<FleetSight> {
  const down = new Set([...sight.failed, ...(sight.silent ?? []), ...sight.ours]);
  if (!policy.limits.domains || down.size === 0) return sight;
  if (!needsAggregates(policy)) return { ...sight, domains: overfullDomains(policy, nodes, down) };
  try {
    const aggregates = await eyes.openstack.compute.aggregates({ signal, timeoutMs: policy.timings.novaReadMs });
    return { ...sight, domains: overfullDomains(policy, nodes, down, aggregates) };
  } catch (error) {
    signal.throwIfAborted();
    return { ...sight, control: `the host aggregates cannot be read (${oneLine(error)})` };
  }
}

const CONTROLLERS = ['nova-scheduler', 'nova-conductor'] as const;

/** Without a scheduler and a conductor Nova evacuates nothing, and what it tells of the nodes is old. Never rejects but for the signal. */
export async function controlTrouble(eyes: Eyes, policy: Policy, signal: AbortSignal): Promise<string> {
  try {
    const states = await eyes.openstack.compute.controllers({ signal, timeoutMs: policy.timings.novaReadMs });
    const missing = CONTROLLERS.filter((binary) => states[binary] !== 'up');
    return missing.length === 0 ? '' : `no ${missing.join(' and no ')} is up`;
  } catch (error) {
    signal.throwIfAborted();
    return `its scheduler and conductor cannot be asked for (${oneLine(error)})`;
  }
}

export async function referenceTrouble(eyes: Eyes, policy: Policy, signal: AbortSignal): Promise<string> {
  const { references = [] } = eyes;
  if (references.length === 0) return '';
  const { tcpTimeoutMs } = policy.timings;
  const answers = await Promise.all(references.map((r) => connectAny(r.host, [r.port], tcpTimeoutMs, signal)));
  if (answers.some((a) => a.kind === 'answered')) return '';
  return `no reference address answers (${references.map((r, i) => `${r.host}: ${answers[i]!.saw}`).join(', ')})`.slice(
    0,
    300,
  );
}
