// A fencing driver speaks to one power device of one node. It reads and switches; judging is fence-level.ts's.
import type { z } from 'zod';
import type { DeviceFault, PowerState } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Timings } from '../../workflows/defaults.ts';

export interface PowerReading {
  power: PowerState;
  /** Only with `unknown`. */
  fault?: DeviceFault;
  /** One line for a person, redacted: `ipmi 10.0.0.7: wrong password (RAKP 2 HMAC is invalid)`. */
  detail: string;
  /** The device told who it is and it matched the inventory. False: nobody asked or nothing was told. */
  identityConfirmed: boolean;
}

export interface CommandResult {
  /** The device took the command. Proves nothing: read the status. */
  accepted: boolean;
  fault?: DeviceFault;
  detail: string;
}

/** One device of one node. Calls never reject for what a device does or fails to do; they answer. Each ends within its time limit. */
export interface FenceDevice {
  /** `ipmi 10.0.0.7:623`: never a secret. */
  label: string;
  status(signal: AbortSignal): Promise<PowerReading>;
  /** Immediate power off (never reset, cycle or a graceful shutdown). Sent once. A fault `mismatch` sends nothing. */
  off(signal: AbortSignal): Promise<CommandResult>;
  /** Only readmission calls it. */
  on(signal: AbortSignal): Promise<CommandResult>;
  /** What a person types in a shell to see with their own eyes; the password as a variable. */
  confirmCommand(): string;
  close?(): Promise<void>;
}

export interface FencingContext {
  timings: Timings;
  /** Resolves a secret of the configuration; throws a clear error where it is missing or empty. Never cached in a device's fields. */
  secret(source: AnySecretSource): Promise<string>;
  /** The watched cloud, or another one of clouds.yaml. Rejects where that cannot be read. Absent: this worker has none. */
  openstack?: (cloud?: string) => Promise<Pick<OpenStack, 'baremetal'>>;
  /** Takes every secret out that this process knows. What any driver says goes through it. */
  redact?: (text: string) => string;
  /** Paths of programs by name (`ipmitool`, `virsh`), where they are not on PATH or another one shall be taken. */
  programs?: Readonly<Record<string, string>>;
}

export type SecretSource = { env: string } | { file: string };
/** `command`: a program and its arguments, whose standard output is the secret. */
export type AnySecretSource = SecretSource | { command: string[] };

export interface FencingDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** Where its options are explained, said beside a wrong one: an address or a path. A driver of ours has docs/drivers/<kind>-<name>.md. */
  page?: string;
  /** The driver's own options for one node, after `{node}` was filled in and the node's overrides were merged. Strict. */
  options: S;
  create(node: string, options: z.output<S>, context: FencingContext): FenceDevice;
  /**
   * A string that is the same for the same physical device, several where it is made of several (two outlets): two nodes with one
   * are a configuration error.
   */
  deviceKey(options: z.output<S>): string | readonly string[];
  /** Keys of `options` that hold a block to which a node's own options add key by key. Every other key replaces. */
  merged?: readonly string[];
  /**
   * What only this worker's machine can tell of the options: one line for each fault, with its place in them. Asked at the start;
   * speaks to no device, answers [] where it cannot tell, and never rejects.
   */
  judge?(options: z.output<S>, context: FencingContext): Promise<{ path: string[]; message: string }[]>;
}
