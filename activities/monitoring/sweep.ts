// One sweep: one list of services, all channels side by side, one verdict per node. Acts on nothing; knows nothing of Temporal.
import type { Policy, Timings } from '../../workflows/defaults.ts';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
import { combine, ruleOf } from '../../workflows/policy.ts';
import type { FleetSight } from './contract.ts';
import type { Look, MonitoringChannel } from './driver.ts';
import { oneLine, type Eyes, type NamedChannel, type NodeLook } from './eyes.ts';
import { lookLimitMs } from './each-node.ts';
import { HABIT_NEEDS, countSample, fingerprint, firstAges, growOlder, troubleOf } from './judge.ts';
import type { Ages, Memory } from './judge.ts';
import { linked } from './linked.ts';
import { directOf, lostOf, sightOf, withDomains } from './sight.ts';

export { oneLine } from './eyes.ts';
export type { Eyes, NamedChannel, NodeLook } from './eyes.ts';

export interface Sweep {
  sight: FleetSight;
  /** By host. Empty where the sweep was not whole. */
  looks: ReadonlyMap<string, NodeLook>;
  memory: Memory;
}

/** The list, or why there is none. Rejects only when the signal aborts. One call of Nova per page. */
export async function listNodes(
  eyes: Eyes,
  policy: Policy,
  signal: AbortSignal,
): Promise<{ nodes: NodeView[]; error: string }> {
  try {
    const nodes = await eyes.openstack.compute.services({ signal, timeoutMs: policy.timings.novaReadMs });
    return { nodes, error: '' };
  } catch (error) {
    signal.throwIfAborted();
    return { nodes: [], error: oneLine(error) };
  }
}

/**
 * All channels at once. A channel that rejects, says nothing of a node or takes longer than `limitMs` is unknown there.
 * Rejects only when `look.signal` aborts.
 */
export async function askChannels(
  channels: readonly NamedChannel[],
  look: Look,
  policy: Policy,
  limitMs: number,
): Promise<Map<string, NodeLook>> {
  const readAt = look.readAt ?? new Date().toISOString();
  const heard = await Promise.all(channels.map((c) => askOne(c, look, limitMs)));
  look.signal.throwIfAborted();
  const looks = look.nodes.map((node) => {
    const evidence = channels.map(({ name }, i): Evidence => {
      const answer = heard[i]!;
      if (typeof answer === 'string') return { channel: name, verdict: 'unknown', saw: answer, readAt };
      const seen = answer.get(node.host) ?? { verdict: 'unknown' as const, saw: 'nothing was told of it', readAt };
      return { ...seen, channel: name };
    });
    return [node.host, { node, verdict: combine(ruleOf(policy, node.host), evidence), evidence }] as const;
  });
  return new Map(looks);
}

async function askOne(
  { channel }: NamedChannel,
  look: Look,
  limitMs: number,
): Promise<string | Awaited<ReturnType<MonitoringChannel['look']>>> {
  const late = linked(look.signal);
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${Math.round(limitMs / 1_000)} s`), limitMs);
  });
  try {
    return await Promise.race([channel.look({ ...look, signal: late.signal }), tooLate]);
  } catch (error) {
    return oneLine(error);
  } finally {
    clearTimeout(timer);
    late.end();
  }
}

/**
 * Looks once. `sinceMs`: answers the milliseconds since the whole look before, or null for a gap; asked when the list was read.
 * A list that is not whole leaves all ages and counts as they are. Rejects only when the signal aborts.
 */
export async function sweepOnce(
  eyes: Eyes,
  policy: Policy,
  before: Memory,
  sinceMs: () => number | null,
  signal: AbortSignal,
): Promise<Sweep> {
  const { nodes, error } = await listNodes(eyes, policy, signal);
  const readAt = eyes.clock.iso();
  const trouble = error || troubleOf(nodes, before.lastWholeCount);
  const sweeps = before.sweeps + 1;
  if (trouble) {
    const sight = sightOf(nodes, new Map(), trouble, readAt);
    return { sight, looks: new Map(), memory: { ...before, sweeps, notWhole: before.notWhole + 1 } };
  }

  const elapsed = before.notWhole > 0 ? null : sinceMs();
  const aged = growAll(before, nodes, elapsed, policy.timings);
  const look = { ...lookAt(nodes, aged), readAt, signal };
  const looks = await askChannels(eyes.channels, look, policy, lookLimitMs(policy.timings));
  const direct = directOf(eyes.channels);
  const after = nodes.map((n) => {
    const { verdict, evidence } = looks.get(n.host)!;
    return [n.host, countSample(aged.get(n.host)!, n, { verdict, evidence, direct }, elapsed)] as const;
  });
  const memory = { sweeps, lastWholeCount: nodes.length, notWhole: 0, calm: null, nodes: new Map(after) };
  const sight = { ...sightOf(nodes, looks, '', readAt, eyes.channels), lost: lostOf(looks, memory, policy.timings) };
  return { sight: await withDomains(eyes, policy, nodes, sight, signal), looks, memory };
}

function growAll(before: Memory, nodes: NodeView[], elapsedMs: number | null, t: Timings): Map<string, Ages> {
  const unnamed = nodes.filter((n) => !before.nodes.has(n.host)).map((n) => n.host);
  // Only for exactly the nodes that were left out: one more or less, and all of them are learned anew.
  const regular = before.calm !== null && before.calm === fingerprint(unnamed);
  const aged = nodes.map((n) => {
    const was = before.nodes.get(n.host);
    return [n.host, was ? growOlder(was, n, elapsedMs, t, before.handedOver) : firstAges(n, regular, t)] as const;
  });
  return new Map(aged);
}

function lookAt(nodes: NodeView[], aged: ReadonlyMap<string, Ages>): Omit<Look, 'signal'> {
  const known = [...aged].filter(([, a]) => a.intervals >= HABIT_NEEDS);
  return {
    nodes,
    unmovedMs: new Map([...aged].map(([host, a]) => [host, a.unmovedMs])),
    habitMs: new Map(known.map(([host, a]) => [host, a.habitMs])),
    movesSeen: new Map([...aged].map(([host, a]) => [host, a.moves])),
  };
}
