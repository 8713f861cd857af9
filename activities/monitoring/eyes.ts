// What a sweep looks with, and what it sees of one node.
import type { Evidence, NodeView, Verdict } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Clock } from './clock.ts';
import type { MonitoringChannel } from './driver.ts';

/** A configured channel: what the policy's `failedWhen` calls it, and what looks. */
export interface NamedChannel {
  name: string;
  channel: MonitoringChannel;
}

export interface Eyes {
  openstack: Pick<OpenStack, 'compute'>;
  channels: readonly NamedChannel[];
  /** Addresses that always answer: without one of them our own network is in trouble. Absent or empty: nobody asks. */
  references?: readonly { host: string; port: number }[];
  clock: Clock;
}

export interface NodeLook {
  node: NodeView;
  verdict: Verdict;
  evidence: Evidence[];
}

/** One line of an error, for a sight's `trouble` or an evidence's `saw`. */
export const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 300);
