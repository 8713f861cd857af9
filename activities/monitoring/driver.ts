// A monitoring driver answers one question: is the node alive? It never acts. `unknown` is never a failure.
import type { z } from 'zod';
import type { DeviceFault, Evidence, NodeView, PowerState, Verdict } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { SecretSource } from '../fencing/driver.ts';
import type { OpenStack } from '../openstack/types.ts';

export type { SecretSource } from '../fencing/driver.ts';

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

/** What was seen of one node: evidence before it has a time and a channel. */
export type Seen = Omit<Evidence, 'channel' | 'readAt'>;

export interface MonitoringChannel {
  /** One piece of evidence per node of the look, in any order. Rejecting means unknown for all of them. */
  look(look: Look): Promise<Map<string, Omit<Evidence, 'channel'>>>;
  /** Its `alive` is the node's own answer at this moment (tcp), not somebody's record of one (nova-service). */
  direct?: boolean;
  /** Its `failed` says that the node's reports do not arrive where they are kept (nova-service): of many at once it is the way there. */
  reports?: boolean;
  /**
   * A worker calls it once, long before it may be asked to look: for what has to listen from then on. Never rejects; what does not
   * work is said by the looks, and tried again there.
   */
  open?(): Promise<void>;
  /** For `npm run check`, where a look alone would not tell what is missing. May reject: it does not work. Changes nothing. */
  check?(look: Look): Promise<ChannelCheck>;
  close?(): Promise<void>;
}

export interface ChannelCheck {
  verdict: 'ok' | 'warn' | 'fail';
  says: string;
  /** What to do where it does not. */
  todo?: string;
}

/** What one power device said when its state was read. */
export interface PowerSight {
  level: string;
  label: string;
  power: PowerState;
  fault?: DeviceFault;
  detail: string;
}

/** Reads the state of every fencing device of a node, and can do nothing else to it. Empty: none is configured. Answers within `limitMs`. */
export type PowerReader = (node: string, limitMs: number, signal: AbortSignal) => Promise<PowerSight[]>;

export interface MonitoringContext {
  openstack: OpenStack;
  timings: Timings;
  /** Resolves a secret right before it is used. Rejects with one line where it is missing or empty. Never kept in a field. */
  secret(source: SecretSource): Promise<string>;
  /** Takes every secret out that this process knows. What any channel says goes through it. */
  redact?: (text: string) => string;
  /** Absent: this process has no fencing devices. */
  readPower?: PowerReader;
  /** Paths of programs by name, where they are not on PATH or another one shall be taken. */
  programs?: Readonly<Record<string, string>>;
}

export interface MonitoringDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** Where its options are explained, said beside a wrong one: an address or a path. A driver of ours has docs/drivers/<kind>-<name>.md. */
  page?: string;
  /** The driver's own options, strict. */
  options: S;
  create(options: z.output<S>, context: MonitoringContext): MonitoringChannel;
  /** Which verdicts it can give with these options; all of them where it does not say. A veto of what never says alive is refused. */
  says?(options: z.output<S>): readonly Verdict[];
  /** Channels with the same one can all be wrong for one reason, so that in mode `auto` they count as one. */
  hearsay?: string;
}
