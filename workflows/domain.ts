// The words of the domain, as types: what flows between the rooms. Nothing here runs. Durations are milliseconds
// (names end in Ms), moments are ISO 8601 in UTC (names end in At). Nova's own words keep Nova's spelling.

/** One row of `os-services` (binary nova-compute), with the hypervisor's address. */
export interface NodeView {
  /** The exact `host` of os-services. */
  host: string;
  /** UUID of the nova-compute service: the node's identity (a rebuilt node has another one). */
  serviceId: string;
  zone: string;
  status: 'enabled' | 'disabled';
  /** `unknown`: the node's cell did not answer (microversion 2.69). Never a failure. */
  state: 'up' | 'down' | 'unknown';
  forcedDown: boolean;
  disabledReason: string | null;
  /** As Nova writes it. Moves with every report and with every change of the row; compared, never subtracted from a clock. */
  updatedAt: string | null;
  /** `host_ip` of os-hypervisors; null where Nova tells none. */
  hostIp: string | null;
}

export const VERDICTS = ['alive', 'degraded', 'failed', 'unknown'] as const;
/** `degraded`: it lives, and is in trouble. Never a failure: nothing is fenced for it. */
export type Verdict = (typeof VERDICTS)[number];

/** What one monitoring channel saw of one node. */
export interface Evidence {
  channel: string;
  verdict: Verdict;
  /** One line for a person: `state down, updated_at unmoved for 41 s`. */
  saw: string;
  readAt: string;
}

/** A node that the sweep holds for failed, with what made it so. */
export interface Suspicion {
  node: NodeView;
  evidence: Evidence[];
  /** How many samples in a row said so. */
  samples: number;
  /** Milliseconds without a sign of life, of the monitor's own monotonic clock. */
  silentMs: number;
}

export type PowerState = 'on' | 'off' | 'unknown';

/** Why a device did not do or tell what it was asked. Auth is never retried in a loop: BMCs lock accounts. */
export type DeviceFault =
  'auth' | 'unreachable' | 'timeout' | 'privilege' | 'refused' | 'mismatch' | 'misconfigured' | 'protocol';

/** Whom to believe that a node is off (recovery.md 4). */
export interface Proof {
  kind: 'power' | 'operator' | 'assumed';
  /** The fencing level that proved it; `operator` for a person. */
  level: string;
  devices: string[];
  readAt: string;
  /** What the node's own signs of life said meanwhile. */
  witness: string;
  by?: string;
  reason?: string;
}

/** One instance as Nova tells it (servers/detail, microversion ≥ 2.73). */
export interface InstanceView {
  id: string;
  name: string;
  projectId: string;
  userId: string;
  host: string | null;
  vmState: string;
  taskState: string | null;
  /** 0 nostate, 1 running, 3 paused, 4 shutdown, 6 crashed, 7 suspended. */
  powerState: number;
  status: string;
  locked: boolean;
  lockedReason: string | null;
  /** Null: never launched; Nova refuses to evacuate it. */
  launchedAt: string | null;
  /** Its root disk is a volume (Nova shows an empty image). */
  volumeBacked: boolean;
  /** Null: it boots from a volume. Absent in what an older release wrote. */
  imageId?: string | null;
  /** Standard properties of the image it was made from, where they were asked for and Nova tells them (2.98). */
  imageProperties?: Record<string, string>;
  az: string | null;
  /** The zone that it was asked for, which Nova keeps it in; null: any. Absent: Nova does not tell (before 2.96, and in lists). */
  pinnedZone?: string | null;
  flavor: Flavor;
  metadata: Record<string, string>;
  tags: string[];
  serverGroups: string[];
  fault: string | null;
}

export interface Flavor {
  name: string;
  vcpus: number;
  /** MiB */
  ram: number;
  /** GiB, root + ephemeral */
  disk: number;
  /** GiB of it that is ephemeral: on the node also where the root disk is a volume. */
  ephemeral?: number;
  /** MiB */
  swap: number;
  extraSpecs: Record<string, string>;
}

/** One row of os-migrations. */
export interface MigrationRecord {
  id: number;
  instanceId: string;
  type: 'evacuation' | 'live-migration' | 'migration' | 'resize';
  status: string;
  sourceCompute: string;
  destCompute: string | null;
  createdAt: string;
  updatedAt: string | null;
}

/** What the policy says of an instance (the state table of recovery.md). */
export type Decision = 'evacuate' | 'keep' | 'hold' | 'adopt';

/** An instance as the run keeps it: small, because every one of them stands in the history. */
export interface Planned {
  id: string;
  name: string;
  projectId: string;
  userId: string;
  vmState: string;
  powerState: number;
  decision: Decision;
  /** Why, for a person. Empty for a plain evacuation. */
  reason: string;
  /** Locked by somebody else before we came: never touched, never lifted. */
  locked: boolean;
  /** Its data is rebuilt from the image: its owner is told. */
  loses?: string;
  priority: number;
  /** Was `rebuilding` already when the snapshot was taken. */
  rebuilding: boolean;
}

/** Everything read before the first change (recovery.md 3). */
export interface Snapshot {
  node: NodeView;
  instances: Planned[];
  /** The highest id of evacuation records with this source; ours have a higher one. 0 where there are none. */
  lastEvacuationId: number;
  takenAt: string;
}

/** `moved`: live-migrated, and never away. */
export const OUTCOMES = ['recovered', 'moved', 'kept', 'gone', 'waiting', 'failed'] as const;
export type InstanceOutcome = (typeof OUTCOMES)[number];

/** What became of one instance. Every instance of the snapshot ends as exactly one (invariant S6). */
export interface Account {
  id: string;
  name: string;
  projectId: string;
  userId: string;
  outcome: InstanceOutcome;
  /** Empty only for `recovered` and `moved`. */
  reason: string;
  /** Where it is now, as observed at `at`. */
  host: string | null;
  at: string | null;
  /** What its owner has to know or do. */
  loses?: string;
}

export const RUN_OUTCOMES = [
  'recovered',
  'drained',
  'partial',
  'falseAlarm',
  'stoodDown',
  'denied',
  'joined',
  'aborted',
  'detached',
] as const;
/** How a run ends. `partial`: not everything could be moved. `drained`: nothing is left on the node, which lives. */
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** The result of recoverNode and of drainNode: what the report, the script and the admins' mail tell. */
export interface RecoveryReport {
  cloud: string;
  node: string;
  workflowId: string;
  runId: string;
  outcome: RunOutcome;
  reason: string;
  startedAt: string;
  endedAt: string;
  evidence: Evidence[];
  proof: Proof | null;
  /** Milliseconds since the run's start at which each stage was reached. */
  stages: Record<string, number>;
  instances: Account[];
  counts: Record<InstanceOutcome, number>;
  /** What people decided, in order. */
  decisions: { at: string; by: string; what: string; reason: string }[];
}
