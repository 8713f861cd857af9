// A monitoring driver answers one question: is the node alive? It never acts. `unknown` is never a failure.
import type { z } from 'zod';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { OpenStack } from '../openstack/types.ts';

/** What a look is given. The list of services is read once per sweep and shared by all drivers. */
export interface Look {
  nodes: NodeView[];
  /** Milliseconds since `updatedAt` was last seen to move, by host, on the monitor's own monotonic clock; absent: first look. */
  unmovedMs: ReadonlyMap<string, number>;
  /**
   * The longest that `updatedAt` was seen to stand still while the node was healthy, by host, in milliseconds (a lower bound:
   * first to last look with the same value). Absent: too few moves were seen to know its habit.
   */
  habitMs?: ReadonlyMap<string, number>;
  /** Moves of `updatedAt` seen since the row was last forced down or up (counted up to 3), by host. */
  movesSeen?: ReadonlyMap<string, number>;
  /** When the list was read; the wall clock where it is not given. */
  readAt?: string;
  signal: AbortSignal;
}

export interface MonitoringChannel {
  /** One piece of evidence per node of the look, in any order. Rejecting means unknown for all of them. */
  look(look: Look): Promise<Map<string, Omit<Evidence, 'channel'>>>;
  /** Its `alive` is the node's own answer at this moment (tcp), not somebody's record of one (nova-service). */
  direct?: boolean;
  close?(): Promise<void>;
}

export interface MonitoringContext {
  openstack: OpenStack;
  timings: Timings;
}

export interface MonitoringDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** The driver's own options, strict. */
  options: S;
  create(options: z.output<S>, context: MonitoringContext): MonitoringChannel;
}
