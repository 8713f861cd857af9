// Reserved nodes: disabled by a person with a reason that names the reserve, enabled by a recovery for its evacuations, and given back
// where nothing went there.
import type { Policy } from '../../workflows/defaults.ts';

export interface ReservedNode {
  host: string;
  /** The person's reason for the disable: it is theirs again when the node is given back. */
  reason: string;
}

export interface ReserveActivities {
  /** Those that may serve this failed node, the most fitting first: up, disabled for the reserve, empty, of its zone or aggregate. Reads only. */
  listReserve(input: { node: string; policy: Policy }): Promise<ReservedNode[]>;
  /** Enables it. False with the reason: it is not a reserved node any more. Idempotent: one that is enabled already is fine. */
  enableReserve(input: ReservedNode): Promise<{ ok: boolean; why: string }>;
  /**
   * Disables it again with its former reason, where nothing is on it and nothing is on its way there. False: it is in use, and stays
   * enabled. Idempotent.
   */
  giveBackReserve(input: ReservedNode & { timeoutMs: number }): Promise<{ givenBack: boolean; why: string }>;
}
