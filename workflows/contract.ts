// All that a caller needs by name: ids, queues, verbs, queries, search attributes, inputs and results.
// Scripts, workers, activities and tests import this; it imports nothing that acts.
import { defineSearchAttributeKey } from '@temporalio/common';
import type { SweepCarry } from '../activities/monitoring/contract.ts';
import type { Policy, Timings } from './defaults.ts';
import type { DeviceState } from './device-health.ts';
import type { DrillFindings, DrillSummary } from './drill/findings.ts';
import type { Circumstances } from './drill/types.ts';
import type { Maintenance, Override } from './exceptions.ts';
import type { Account, Evidence, NodeView, Planned, Proof, RecoveryReport, Suspicion } from './domain.ts';

export * from './device-health.ts';
export type * from './drill/types.ts';
export * from './marker.ts';
export * from './notice.ts';

// --- ids and queues ---------------------------------------------------------------------------------------------------

export const watchId = (cloud: string): string => cloud;
/** The node *is* the workflow id: no two operations on one node can be open at once. */
export const nodeWorkflowId = (cloud: string, node: string): string => `${cloud}/${node}`;
/** One child workflow per run and notice (`started`, `blocked-2` …). */
export const noticeId = (workflowId: string, runId: string, notice: string): string =>
  `${workflowId}/tell/${notice}/${runId.slice(0, 8)}`;
export const drillId = (cloud: string, at: number): string => `${cloud}/drill/${at}`;
/** The schedule on which the fleet is drilled; its runs have this id and the time. */
export const drillsId = (cloud: string): string => `${cloud}/drill`;
/** The schedule on which all power devices are read; its runs have this id and the time. */
export const probesId = (cloud: string): string => `${cloud}/devices`;
export const previewId = (cloud: string, node: string, at: number): string => `${cloud}/${node}/preview/${at}`;

export const WORKFLOW_TYPES = {
  watch: 'watchFleet',
  recover: 'recoverNode',
  drain: 'drainNode',
  readmit: 'readmitNode',
  preview: 'previewRecovery',
  drill: 'drillFleet',
  drillRound: 'drillRound',
  probe: 'probeDevices',
  tell: 'tellPeople',
} as const;

export const ROLES = ['workflow', 'monitor', 'evacuation', 'fencing', 'notification'] as const;
export type Role = (typeof ROLES)[number];

export const taskQueues = (cloud: string) => ({
  workflow: `lifeboat-${cloud}`,
  monitoring: `lifeboat-${cloud}-monitoring`,
  openstack: `lifeboat-${cloud}-openstack`,
  fencing: `lifeboat-${cloud}-fencing`,
  guard: `lifeboat-${cloud}-guard`,
  notification: `lifeboat-${cloud}-notification`,
});

// --- search attributes (all Keyword) ----------------------------------------------------------------------------------

export const SEARCH_ATTRIBUTES = {
  cloud: defineSearchAttributeKey('LifeboatCloud', 'KEYWORD'),
  node: defineSearchAttributeKey('LifeboatNode', 'KEYWORD'),
  phase: defineSearchAttributeKey('LifeboatPhase', 'KEYWORD'),
  outcome: defineSearchAttributeKey('LifeboatOutcome', 'KEYWORD'),
};

// --- the watch --------------------------------------------------------------------------------------------------------

export interface WatchInput {
  cloud: string;
  policy: Policy;
  policyHash: string;
  /** Who started it or changed its policy last: a worker's identity. */
  configuredBy: string;
  /** False where the namespace does not allow search attributes: then none are written. */
  searchAttributes: boolean;
  /** Only by continue-as-new. */
  kept?: WatchKept;
}

export interface OpenRun {
  node: string;
  workflowId: string;
  runId: string;
  grantedAt: string | null;
  /** Its share of the overall width, as it was last told. */
  width: number;
  /** The most it may still have in flight, until it says that it is down to its share. */
  bound?: number;
  /** Counts what it was told: an answer to an earlier word is late. */
  told?: number;
  byHand: boolean;
  /** The gate that its admission waits for, and why; absent where it does not wait. */
  waits?: string | undefined;
}

/** Messages of one kind that the watch said, and holds back, by `notification.perHour`. */
export interface Gathered {
  /** When, within the last hour. */
  sent: string[];
  held: { at: string; headline: string }[];
  /** When those that are held are said. */
  due?: string;
}

/** What the watch carries through continue-as-new. */
export interface WatchKept {
  startedAt: string;
  paused: { by: string; reason: string; at: string } | null;
  open: OpenRun[];
  /** Drains that are open, admitted or not. */
  drains?: OpenRun[];
  /** Reserved nodes that recoveries have, by failed node. */
  reserves?: Record<string, { host: string; reason: string }>;
  /** Aborted before the node was marked in Nova: not started again until the node was seen alive or a person starts it. */
  standDowns: Record<string, { at: string; reason: string }>;
  /** Evidence of the last sweep for nodes that are failed. */
  failed: Record<string, Suspicion>;
  degraded?: Record<string, Suspicion>;
  /** For which a drain was started since they are in trouble: not again by itself. */
  drained?: string[];
  known: string[];
  alarms: Record<string, string>;
  /** Recoveries granted within the last hour. */
  grants: { node: string; runId: string; at: string }[];
  carry: SweepCarry | null;
  lastWholeCount: number;
  maintenance?: Record<string, Maintenance>;
  override?: Override | null;
  /** When each node was seen to come back, within the last hour. */
  returns?: Record<string, string[]>;
  /** What the last probe of the power devices said. */
  devices?: DeviceState | null;
  /** What the last drill on the schedule found. */
  drill?: DrillFindings | null;
  /** By `notification.perHour`. */
  told?: { node?: Gathered; fleet?: Gathered };
  /** When the last storm was over. */
  calmSince?: string | null;
  /** Readmissions by policy that are due some time. */
  returnsHome?: Record<string, { runId: string; due: string }>;
}

export interface AdmissionRequest {
  cloud: string;
  node: string;
  serviceId: string;
  workflowId: string;
  runId: string;
  byHand: boolean;
  force: boolean;
  /** The node carries a marker without an outcome: its proof must be made anew, its evidence is our own force_down. */
  orphan: boolean;
  /** Absent: a recovery. */
  purpose?: 'drain';
  by: string;
}

export interface Grant {
  policy: Policy;
  /** The limit that asks a person, and why: the mode of `policy` is confirm for it. */
  asks?: string;
  width: number;
  evidence: Evidence[];
  node: NodeView;
  silentMs: number;
  at: string;
  searchAttributes: boolean;
}

export type Admission =
  | { kind: 'granted'; grant: Grant }
  | { kind: 'wait'; gate: string; why: string; againInMs: number }
  | { kind: 'denied'; gate: string; why: string };

/** What every verb takes at least: who, and (where it matters) why. */
export interface By {
  by: string;
  reason?: string;
}

export interface WatchState {
  cloud: string;
  mode: Policy['mode'];
  policyHash: string;
  paused: { by: string; reason: string; at: string } | null;
  sight: {
    whole: boolean;
    nodes: number;
    alive: number;
    degraded?: string[];
    failed: string[];
    ours: string[];
    drained?: string[];
    unknown: number;
    readAt: string;
    trouble: string;
  } | null;
  open: OpenRun[];
  /** Absent in the answer of an older worker. */
  drains?: OpenRun[];
  standDowns: string[];
  /** Nodes that are left alone, and until when. */
  maintenance: Record<string, Maintenance>;
  override: Override | null;
  /** What was seen of nodes that are in trouble and live, by node; without those to be ignored. Absent in the answer of an older worker. */
  degraded?: Record<string, string>;
  /** The power devices, as they were read last; null before the first time. Absent in the answer of an older worker. */
  devices?: DeviceState | null;
  /** The last drill on the schedule. Absent in the answer of an older worker. */
  drill?: DrillSummary | null;
  /** Why a failed node is not being recovered, by node. */
  held: Record<string, string>;
  /** Alarms that are not over. */
  alarms: string[];
  /** Computed: from death to the first evacuation with this policy, at most (ms). */
  deathToFirstPostMs: number;
}

// --- a recovery -------------------------------------------------------------------------------------------------------

export interface RecoverInput {
  /** As typed; the run resolves it. `{"node":"compute-7"}` is enough. */
  node: string;
  /** Filled in by the caller or from the workflow id. */
  cloud?: string;
  by?: string;
  reason?: string;
  force?: boolean;
  /** Set by the watch. */
  automatic?: boolean;
  orphan?: boolean;
}

/** Drained by hand or by the watch: the same words as for a recovery. */
export type DrainInput = Omit<RecoverInput, 'orphan'>;

export const PHASES = [
  'starting',
  'admission',
  'approval',
  'fencing',
  'blocked',
  'marking',
  'evacuating',
  'draining',
  'paused',
  'aborting',
  'detaching',
  'closing',
  'closed',
] as const;
export type Phase = (typeof PHASES)[number];

/** What the run waits for a person to answer. */
export interface Question {
  /** One sentence: what is wrong. */
  what: string;
  /** What a person can do, each with the JSON to paste. */
  answers: { verb: string; json: string; means: string }[];
  /** Shell commands that help to look. */
  commands: string[];
  since: string;
}

/** A question and what its reminders need. */
export interface OpenQuestion {
  key: string;
  question: Question;
  reminded: number;
}

export interface RunState {
  /** Absent in the answer of an older worker: a recovery. */
  kind?: 'recovery' | 'drain';
  cloud: string;
  node: string;
  phase: Phase;
  doing: string;
  startedAt: string;
  question: Question | null;
  evidence: Evidence[];
  proof: Proof | null;
  guard: { seeing: 'off' | 'blind' | 'trouble' | 'none'; at: string | null; saw: string };
  paused: { by: string; reason: string; at: string } | null;
  instances: (Account | (Pick<Planned, 'id' | 'name'> & { outcome: 'pending' | 'moving'; reason: string }))[];
  stages: Record<string, number>;
  /** What the dry run or the approval shows: whom it would move and tell. */
  plan: { evacuate: number; keep: number; projects: string[]; levels: string[] } | null;
  /** What people decided so far, in order. Absent in the answer of an older worker. */
  decisions?: RecoveryReport['decisions'];
  report: RecoveryReport | null;
}

export interface InstanceBy extends By {
  /** Id or name; absent: all that wait for a person. */
  instance?: string;
  /** The migration record that is stuck; needed to go past it. */
  record?: number;
}

export interface PreviewInput {
  cloud: string;
  node: string;
  force: boolean;
  policy: Policy;
  /** A drill: judged as if it had just died, and the watch had found it. */
  ifDead?: Circumstances;
}

/** What `--dry-run` shows: everything is read, nothing is touched. */
export interface RecoveryPreview {
  node: string;
  found: boolean;
  /** With `found: false`: names that are near. */
  near: string[];
  evidence: Evidence[];
  /** How Nova has it. Absent in the answer of an older worker. */
  row?: Pick<NodeView, 'status' | 'forcedDown' | 'disabledReason'>;
  /** `pass`, or the gate that holds and why. */
  gate: string;
  mode: Policy['mode'];
  levels: { level: string; devices: string[] }[];
  power: { level: string; label: string; power: string; detail: string }[];
  instances: (Pick<Planned, 'id' | 'name' | 'projectId' | 'decision' | 'reason' | 'priority'> & {
    loses?: string;
    room: boolean;
  })[];
  tells: { name: string; address: string; audience: 'user' | 'admin' }[];
  unreachable: string[];
  /** Only of a drill. */
  drill?: {
    /** Why its death would not be noticed; null: it would be. */
    unseen: string | null;
    /** Nova calls it up: a device that says off is another machine's. */
    up: boolean;
    zone: string;
    /** Nodes of the fleet. */
    nodes: number;
    /** Where each would go by the room of now; nobody promises it. */
    seats: Record<string, { host: string; zone: string }>;
    destinations: number;
    /** What Placement says of those without room. */
    roomWhy: string;
  };
}

// --- readmission ------------------------------------------------------------------------------------------------------

export interface ReadmitInput {
  node: string;
  cloud?: string;
  by: string;
  reason?: string;
  /** The machine never comes back: nothing is switched on, and the report says whether its service may be deleted. */
  dead?: boolean;
  /** Only while the row carries the outcome `recovered` of this run: by policy, and nothing else has happened since. */
  afterRun?: string;
  /** From the configuration of who asks; the defaults without. */
  timings?: Timings;
}

export interface ReadmitReport {
  node: string;
  /**
   * `mayBeDeleted`: dead hardware with nothing left on it. `leftDisabled`: it works again, and is disabled as a person had left it before its recovery. `joined`: the node has another name than was typed, and what is done with it is the workflow under that name.
   */
  outcome:
    'readmitted' | 'alreadyEnabled' | 'refused' | 'failedAgain' | 'gaveUp' | 'leftDisabled' | 'joined' | 'mayBeDeleted';
  reason: string;
  /** What Nova destroyed or will destroy on that node: instances with records accepted, pre-migrating or done. */
  destroys: string[];
  /** What was evacuated from it, is still there, and could be moved back: a proposal, nobody does it. Absent in an older report. */
  proposes?: MoveBack[];
}

/** One instance that a person may move back. */
export interface MoveBack {
  instance: string;
  /** The node that it is on now. */
  from: string;
  /** It runs: a live migration; else a cold one. */
  live: boolean;
}

/** What a person types to move one back. */
export const moveCommand = (node: string, { instance, live }: MoveBack): string =>
  `openstack server migrate ${live ? '--live-migration ' : ''}--host ${node} ${instance}`;
