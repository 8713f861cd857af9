// One look at many nodes, some at a time, that ends before the sweep gives the whole channel up.
import type { Timings } from '../../workflows/defaults.ts';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
import type { Look, MonitoringContext, Seen } from './driver.ts';
import { linked } from './linked.ts';
import { overAll } from './over-all.ts';
import { reasonOf, said } from './said.ts';

/** The sweep waits so long for a channel; then all that it would have said is unknown. */
export const lookLimitMs = (t: Pick<Timings, 'novaReadMs' | 'tcpTimeoutMs'>): number =>
  Math.max(t.novaReadMs, 2 * t.tcpTimeoutMs);

/** What is left of that for a channel's own work. */
const SHARE = 0.8;
export const ownLimitMs = (t: Pick<Timings, 'novaReadMs' | 'tcpTimeoutMs'>): number => SHARE * lookLimitMs(t);

/**
 * Asks `act` for each node, at most `parallel` at a time, the doubtful nodes first. Whom time does not reach is unknown, and so is
 * one whose `act` rejects. Rejects only where the look was stopped.
 */
export async function eachNode(
  look: Look,
  { parallel, context }: { parallel: number; context: MonitoringContext },
  act: (node: NodeView, signal: AbortSignal) => Promise<Seen>,
): Promise<Map<string, Seen>> {
  const limit = linked(look.signal);
  const timer = setTimeout(() => limit.abort(), ownLimitMs(context.timings));
  try {
    const nodes = doubtfulFirst(look);
    const seen = await overAll(nodes, parallel, async (node): Promise<Seen> => {
      if (limit.signal.aborted) return { verdict: 'unknown', saw: 'no time was left to ask' };
      try {
        return await act(node, limit.signal);
      } catch (error) {
        return { verdict: 'unknown', saw: said(context, reasonOf(error)) };
      }
    });
    look.signal.throwIfAborted();
    return new Map(nodes.map((node, i) => [node.host, seen[i]!]));
  } finally {
    clearTimeout(timer);
    limit.end();
  }
}

/** Those that Nova calls down, then by how long their row stands still. */
function doubtfulFirst({ nodes, unmovedMs }: Look): NodeView[] {
  const doubt = (n: NodeView): number => (n.state === 'up' ? 0 : 1e12) + (unmovedMs.get(n.host) ?? 0);
  return [...nodes].sort((a, b) => doubt(b) - doubt(a));
}

/** The same with the time at which the fleet was read. */
export function dated(look: Look, seen: ReadonlyMap<string, Seen>): Map<string, Omit<Evidence, 'channel'>> {
  const readAt = look.readAt ?? new Date().toISOString();
  return new Map([...seen].map(([host, s]) => [host, { ...s, readAt }]));
}
