// The evacuation activities, as workflows see them (queue `…-openstack`).
import type { NodeDrill, Together } from '../../workflows/contract.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { InstanceView, MigrationRecord, NodeView, Planned, Snapshot } from '../../workflows/domain.ts';

/** What one more instance takes: vCPUs, MiB, GiB; `extra` by resource class (PCPU, VGPU, CUSTOM_…). */
export interface Need {
  vcpus: number;
  ram: number;
  disk: number;
  extra?: Record<string, number>;
}

export interface EvacuateInput {
  cloud: string;
  node: string;
  serviceId: string;
  /** The run's marker in disabled_reason; a row without it ends the attempt as notPosted. */
  marker: string;
  /** updated_at after our own last write of the row; moved since: notPosted. */
  updatedAt: string | null;
  workflowId: string;
  runId: string;
  instance: Planned;
  /** It may be locked by now: then its first look is the one before its POST. */
  lockedAhead?: boolean;
  /** It looks so much later (ms): lanes that begin together end together, and wait for each other at every turn. */
  afterMs?: number;
  /** A try before failed: the scheduler chooses, whatever the driver would. */
  anyHost?: boolean;
  /** The reserved node of this run: where it goes first, with the driver's target `reserved`. */
  reserve?: string;
  /** Evacuation records with a higher id are this run's. */
  lastEvacuationId: number;
  /** A record that a person named in `retry`: look past it. */
  ignoreRecord?: number;
  policy: Policy;
}

export type EvacuateResult =
  | { kind: 'recovered'; host: string; at: string; record: number; posts: number; note?: string }
  /** Not on the node any more, and not by us: deleted, or moved by somebody. */
  | { kind: 'gone'; reason: string; host: string | null; at: string }
  /** Nothing was sent: the run or the row said no. The workflow decides what next. `movedTo`: all that was wrong is this updated_at. */
  | { kind: 'notPosted'; why: string; movedTo?: string | null }
  /** Placement has no room now; nothing was sent. */
  | { kind: 'noRoom'; why: string }
  /** Its state changed so that the policy says otherwise now. */
  | { kind: 'kept'; reason: string }
  /** Nova tried and failed. `posts` were sent by this attempt. `retryable`: its state was kept. */
  | { kind: 'failed'; reason: string; posts: number; record: number | null; retryable: boolean }
  /** A person is needed: record in limbo, two open records, a destination that died. */
  | { kind: 'stuck'; reason: string; record: number | null; destination: string | null }
  /** Nova says that the node is up: the guard decides. */
  | { kind: 'nodeUp'; reason: string }
  /** 403: credentials; everything halts. */
  | { kind: 'halt'; reason: string };

export interface RoomInput {
  node: string;
  /** In order of priority. */
  waiting: { id: string; need: Need }[];
  /** Posted and not yet settled: subtracted. */
  posted: { id: string; need: Need }[];
  /** Return at once with what fits, even nothing. */
  once: boolean;
  /** Answer also where each would go by the room of now (a drill); nobody promises it. */
  seats?: boolean;
  policy: Policy;
}

export interface RoomResult {
  fits: string[];
  why: string;
  /** Only where it was asked for: id → host, and how many hosts may take instances. */
  seats?: Record<string, { host: string; zone: string }>;
  destinations?: number;
}

/** A fleet in numbers, for a drill. */
export interface FleetSurvey {
  nodes: (Pick<NodeDrill, 'instances' | 'moves' | 'fits' | 'fitsInZone' | 'loses' | 'keeps' | 'trouble'> & {
    view: NodeView;
  })[];
  together: Together[];
  /** Nodes that may take instances now. */
  destinations: number;
  zones: number;
}

export interface EvacuationActivities {
  /** Everything of recovery.md 3, sorted by policy.ts. Reads only. */
  takeSnapshot(input: { node: string; serviceId: string; policy: Policy }): Promise<{
    snapshot: Snapshot;
    needs: Record<string, Need>;
    /** Open live migrations into the node: their source's affair, but its run wants to know that the destination died. */
    incoming?: MigrationRecord[];
  }>;
  /** Lists again and sorts (recovery.md 10): also what appeared since. Reads only. */
  listAgain(input: { node: string; snapshot: Snapshot; policy: Policy }): Promise<{
    instances: Planned[];
    gone: { id: string; reason: string; host: string | null; at: string }[];
    needs: Record<string, Need>;
  }>;
  /**
   * One PUT: disabled, reason = marker, forced_down. Idempotent; read back. Refuses a row whose UUID changed (UuidChanged), and one
   * that is not the run's yet and not as `as` says (RowMoved). A marker with an outcome is written only over the same run's: else the row is answered as it is.
   */
  markNode(input: {
    serviceId: string;
    node: string;
    marker: string;
    forcedDown?: boolean;
    /** The row of the snapshot: a person's disable that is not in it is refused (NotOurs). Absent: any is overwritten. */
    before?: Pick<NodeView, 'disabledReason'>;
    /** `updatedAt` of the evidence: a row that moved since is a node that lives or is somebody's. `marked`: only the run's own row. */
    as?: 'marked' | Pick<NodeView, 'updatedAt'>;
  }): Promise<NodeView>;
  /** Returns the ids that fit now; waits (heartbeating) until at least one does unless `once`. */
  findRoom(input: RoomInput): Promise<RoomResult>;
  /** All nodes' loads, and whether each would find room were it gone; of the k biggest, were they gone at once. Reads only. */
  surveyFleet(input: { policy: Policy; together: number[] }): Promise<FleetSurvey>;
  /** Locks what comes next, while others move; what it could not is locked by its own activity. Idempotent, never fails for Nova. */
  lockAhead(input: { node: string; marker: string; instances: string[]; policy: Policy }): Promise<{ locked: number }>;
  /** Look → lock → POST at most once → watch → put the power state back. Idempotent by recovery.md 12. */
  evacuateInstance(input: EvacuateInput): Promise<EvacuateResult>;
  /**
   * Lifts the locks that carry our marker, by what Nova says is locked; answers those it could not. `after`: the node, where runs
   * of it were lost before; also their locks are lifted, on all that was evacuated from it.
   */
  liftLocks(input: {
    marker: string;
    instances: string[];
    after?: string;
  }): Promise<{ lifted: string[]; left: { id: string; why: string }[] }>;
  /** The last word on each: where is it now (S6, truthful at the time given). */
  observe(input: {
    node: string;
    instances: string[];
  }): Promise<
    Record<string, { view: Pick<InstanceView, 'id' | 'host' | 'status' | 'taskState' | 'vmState'> | null; at: string }>
  >;
  /** Records with this source in accepted, pre-migrating or done. */
  openRecords(node: string): Promise<MigrationRecord[]>;
  /** The row, fresh. Null: gone. */
  readService(node: string): Promise<NodeView | null>;
  /**
   * For readmission: forced_down=false, in one PUT with the marker where one is given (answers the 400's reason). A row that a
   * person disabled meanwhile is refused (NotOurs).
   */
  unforce(input: { serviceId: string; marker?: string }): Promise<{ ok: boolean; why: string }>;
  /** Enables what we disabled. What a person had disabled before we came is given back to them: disabled, with their reason. */
  enable(input: { serviceId: string; node: string }): Promise<NodeView>;
  readyOpenstack(): Promise<string>;
}
