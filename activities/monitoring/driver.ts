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
  signal: AbortSignal;
}

export interface MonitoringChannel {
  /** One piece of evidence per node of the look, in any order. Rejecting means unknown for all of them. */
  look(look: Look): Promise<Map<string, Omit<Evidence, 'channel'>>>;
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
