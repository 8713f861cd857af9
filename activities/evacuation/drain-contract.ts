// The activities of a drain, as workflows see them (queue `…-openstack`). The node lives: nothing here is an evacuation.
import type { Policy } from '../../workflows/defaults.ts';
import type { NodeView, Planned } from '../../workflows/domain.ts';

export interface MigrateInput {
  node: string;
  workflowId: string;
  runId: string;
  instance: Pick<Planned, 'id' | 'name'>;
  /** Live migrations with a higher id are this try's. */
  after: number;
  policy: Policy;
}

export type MigrateResult =
  | { kind: 'moved'; host: string; at: string; record: number }
  /** Not on the node any more, and not by us: deleted, or moved by somebody. */
  | { kind: 'gone'; reason: string; host: string | null; at: string }
  /** It cannot or shall not be live-migrated as it is now: it stays where it is. */
  | { kind: 'kept'; reason: string }
  /** Nothing was sent: the run said no, or Nova did not answer. */
  | { kind: 'notPosted'; why: string }
  /** Nova tried or refused. It runs on the node as before; with `host` it broke there, after the switch. */
  | { kind: 'failed'; reason: string; record: number | null; retryable: boolean; host?: string }
  /** Nova works on it and does not move on: a person looks. */
  | { kind: 'stuck'; reason: string; record: number | null }
  /** 403: credentials; everything halts. */
  | { kind: 'halt'; reason: string };

export interface DrainActivities {
  /** What is on the node, and which of it can be live-migrated. Reads only. */
  planDrain(input: { node: string; serviceId: string; policy: Policy }): Promise<{
    node: NodeView;
    instances: Planned[];
    /** The highest id of live migrations with this source; ours have a higher one. 0 where there are none. */
    lastMigrationId: number;
  }>;
  /**
   * One PUT: disabled, reason = marker; forced_down is not touched. Idempotent; read back. Refuses a row whose UUID changed
   * (UuidChanged), one that is forced down or that a recovery marked (NotOurs), and one that a person disabled since `before`.
   */
  markDrained(input: {
    serviceId: string;
    node: string;
    marker: string;
    /** The row of the plan. */
    before: Pick<NodeView, 'disabledReason'>;
  }): Promise<NodeView>;
  /** Look → POST at most once an attempt → watch by Nova's migration record. Idempotent. */
  liveMigrate(input: MigrateInput): Promise<MigrateResult>;
}
