// The fencing activities, as workflows see them (queues `…-fencing` and `…-guard`). Only these workers hold BMC credentials.
import type { Timings } from '../../workflows/defaults.ts';
import type { DeviceFault, NodeView, PowerState, Proof } from '../../workflows/domain.ts';

export interface FenceInput {
  cloud: string;
  node: string;
  serviceId: string;
  hostIp: string | null;
  /** Name of the level, from fencingPlan. */
  level: string;
  /** updated_at of the evidence: a move since is a sign of life. */
  updatedAt: string | null;
  /** How long the node was silent when it was admitted (found off without identity: ≥ silentBeforeFoundOffMs). */
  silentMs: number;
  /** The run that asks: asked (query `mayFence`) right before an off. */
  workflowId: string;
  runId: string;
  /** 0 for the first fence; more when the node came back: then signs of life do not make it a false alarm. */
  again: number;
  /** What was to be waited for of a memory dump was waited for. */
  afterDump?: boolean;
  /** When the guard last read this run's marker on the row; null or absent: it did not, and a further fence must read it itself. */
  markSeenAt?: string | null;
  timings: Timings;
}

export type FenceResult =
  | { kind: 'proven'; proof: Proof; offSent: boolean; seconds: number }
  /** The level could not prove it. `offSent`: an off may have been taken; the node may be off. */
  | {
      kind: 'unproven';
      offSent: boolean;
      devices: { label: string; power: PowerState; fault?: DeviceFault; detail: string }[];
      why: string;
    }
  /** The one last look: it lives and nothing was touched. */
  | { kind: 'alive'; saw: string }
  /** All devices say off, but the node lives. */
  | { kind: 'contradiction'; saw: string; offSent: boolean }
  /** It is on and says that it writes its memory dump; nothing was sent. Never a proof: it will boot again. */
  | { kind: 'dumping'; saw: string; agoMs: number; silenceMs: number; waitMs: number; offSent: boolean }
  /** The run said no (paused, aborted, gone). */
  | { kind: 'forbidden'; why: string; offSent: boolean }
  /** A further fence, and the row does not carry the run's marker any more: the node is not its own to switch off. */
  | { kind: 'markGone'; saw: string; offSent: boolean };

export interface DumpInput {
  node: string;
  hostIp: string | null;
  /** When it was heard last, by whoever heard it (ms before now). */
  agoMs: number;
  /** Not heard for so long: it has ended. */
  silenceMs: number;
  /** For how much longer a fence may wait. */
  leftMs: number;
}

export interface DumpResult {
  ended: boolean;
  saw: string;
}

export interface FencingLevelPlan {
  level: string;
  kind: 'power' | 'assumed';
  devices: { label: string; confirmCommand: string }[];
}

export interface GuardInput {
  cloud: string;
  node: string;
  serviceId: string;
  hostIp: string | null;
  /** The level that proved it; null for a person's or an assumed proof (witnesses only). */
  level: string | null;
  /** updated_at after our own last write. */
  updatedAt: string | null;
  workflowId: string;
  runId: string;
  epoch: number;
  timings: Timings;
}

/** Why the guard came back: the node is on or lives. It never returns otherwise, except for a cancel. */
export interface GuardResult {
  kind: 'on' | 'alive';
  saw: string;
  readAt: string;
  /** This very attempt has read the run's marker on the row, and nothing else since. Absent in the answer of an older worker. */
  marked?: boolean;
}

export interface FencingActivities {
  /** The levels of a node, in order. Reads the configuration only. Empty: no device is configured for it. */
  fencingPlan(node: string): Promise<FencingLevelPlan[]>;
  /** Status, last look, off, poll, hold: recovery.md 4. Safe to repeat: found off is proof, with no command sent. */
  fenceLevel(input: FenceInput): Promise<FenceResult>;
  /** Returns when nothing was heard of the node for `silence`, or after `leftMs`. Changes nothing. */
  awaitDumpEnd(input: DumpInput): Promise<DumpResult>;
  /** One read of all devices of all levels; changes nothing. */
  readPower(node: string): Promise<{ level: string; label: string; power: PowerState; detail: string }[]>;
  powerOn(input: { node: string; timings: Timings }): Promise<{ ok: boolean; detail: string }>;
  readyFencing(): Promise<string>;
}

export interface GuardActivities {
  /** Signals `guardSaw` (contract.ts) after the first read of each attempt, when it turns blind and when it sees again. */
  guardNode(input: GuardInput): Promise<GuardResult>;
  readyGuard(): Promise<string>;
}

/** What the guard and the last look read of Nova: its row and its hypervisor's address. */
export type Witness = Pick<NodeView, 'updatedAt' | 'hostIp' | 'state'>;
