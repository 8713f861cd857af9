// The monitoring activities, as workflows see them (queue `lifeboat-<cloud>-monitoring`).
import type { Admission, AdmissionRequest } from '../../workflows/contract.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { Overfull } from '../../workflows/policy.ts';
import type { Evidence, NodeView, Suspicion, Verdict } from '../../workflows/domain.ts';

/** How the fleet looked at one moment. */
export interface FleetSight {
  /** Paging ended, ≥ 0.8 of the last whole list, no cell unknown. Not whole: every verdict is unknown. */
  whole: boolean;
  /** Why not whole; empty when it is. */
  trouble: string;
  nodes: number;
  alive: number;
  /** Hosts that live and are in trouble. Absent in a sight of an earlier release. */
  degraded?: string[];
  /** Hosts whose verdict is failed now, whatever else is known of them. */
  failed: string[];
  /**
   * Hosts that do not answer for themselves although all channels together do not call them failed: our network or theirs. Absent
   * in a sight of an earlier release.
   */
  silent?: string[];
  /** Hosts in service whose reports do not arrive, whatever else is known of them. This and the next four: absent in an earlier release's. */
  stale?: string[];
  /** The most nodes whose silence began within one interval, a short while ago. */
  lost?: number;
  /** Failure domains with more nodes down than their limit. */
  domains?: Overfull[];
  /** Why Nova's scheduler and conductor cannot be trusted; empty: they can. Only of a look that is made for an admission. */
  control?: string;
  /** Why our own network cannot be trusted; the same. */
  references?: string;
  /** Hosts that carry the marker of a recovery (off by us). */
  ours: string[];
  /** Hosts that a drain disabled: they live. Absent in a sight of an earlier release. */
  drained?: string[];
  unknown: number;
  readAt: string;
}

/** What one sweep activity hands to the next, maybe in another worker: ages of the nodes that are not plainly healthy. Opaque. */
export interface SweepCarry {
  v: 1;
  /** Sweeps so far: of two carries the one with more is newer. */
  sweeps: number;
  lastWholeCount: number;
  notWhole: number;
  /** Fingerprint of the nodes that are not named because they are healthy and known to move regularly. */
  calm: string | null;
  nodes: Record<string, [string | null, ...number[]]>;
  /** So long before the hand-over the last whole look was made (ms). Absent: not known, or of an earlier release. */
  sinceMs?: number | undefined;
}

export interface SweepInput {
  policy: Policy;
  /** Hash of the policy that the watch follows: a worker with another file says so. */
  policyHash: string;
  cloud: string;
  /** Open runs: the sweep returns when one is closed without having said so. */
  open: { node: string; workflowId: string; runId: string }[];
  /** Open drains: these nodes are still looked at for a failure. Absent from an older watch. */
  drains?: { node: string; workflowId: string; runId: string }[];
  /** What the watch already knows and needs not be told again, by kind of finding: `${kind}:${node}`. */
  known: string[];
  /** Return at the latest after this long (then the watch judges again). Null: only for a finding. */
  wakeInMs: number | null;
  /** `carry` of the result before: without it a change of worker loses the ages of what was about to be found. */
  carried?: SweepCarry | null;
  /** A person says that the fleet was made smaller, and now has this many nodes: the list may shrink to it. */
  acceptNodes?: number;
}

export type Finding =
  | { kind: 'failed'; node: string; suspicion: Suspicion }
  /** It lives, and was called degraded in as many samples. */
  | { kind: 'degraded'; node: string; suspicion: Suspicion }
  /**
   * What was known of the node (failed, degraded, settled, notOurs) is over: it lives, is held or marked otherwise now, or is gone from the
   * list (`unknown`). Comes before what else is found of it.
   */
  | { kind: 'cleared'; node: string; verdict: Verdict }
  /** Our marker without an outcome and no open run. */
  | { kind: 'orphan'; node: string; view: NodeView; run: string }
  /** Our marker with an outcome: left alone, listed. */
  | { kind: 'settled'; node: string; run: string; outcome: string }
  /** Down, not by us, disabled or forced down by a person, and full of instances. */
  | { kind: 'notOurs'; node: string; reason: string; instances: number }
  | { kind: 'closed'; node: string; runId: string; status: string }
  /** Three sweeps in a row that were not whole; and whole again. */
  | { kind: 'blind'; node: ''; why: string }
  | { kind: 'sighted'; node: '' }
  | { kind: 'filesDiffer'; node: ''; worker: string };

export interface SweepResult {
  findings: Finding[];
  sight: FleetSight;
  sweeps: number;
  carry: SweepCarry;
}

export interface MonitoringActivities {
  /** Runs for ever, heartbeats ages; returns when reality differs from `known`, or at `wakeInMs`. */
  sweepFleet(input: SweepInput): Promise<SweepResult>;
  /** One fresh look by all channels. `unmoved`: host → updated_at that the sweep saw standing still; unmoved still is failed still. */
  lookAtFleet(input: {
    policy: Policy;
    unmoved: Record<string, string | null>;
    /** Look closely (all channels) at these only; the others by the list alone. */
    closely: string[];
    lastWholeCount: number;
  }): Promise<{ sight: FleetSight; looks: Record<string, { node: NodeView; verdict: Verdict; evidence: Evidence[] }> }>;
  /** The exact host of a name a person typed: exact, else by case or short name when only one fits. */
  resolveNode(name: string): Promise<{ found: NodeView } | { found: null; near: string[] }>;
  /** Sends the admission update to the watch (starting it where it does not run) and answers what it answered. */
  askAdmission(request: AdmissionRequest): Promise<Admission>;
  /** Sends `pause` or `resume` to runs; answers what each said, or why it could not. */
  tellRuns(input: {
    verb: 'pause' | 'resume';
    by: string;
    reason: string;
    workflowIds: string[];
  }): Promise<{ workflowId: string; answer: string; acknowledged: boolean }[]>;
  readyMonitoring(): Promise<string>;
}
