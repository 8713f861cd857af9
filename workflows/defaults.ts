// The one table of durations, numbers and their floors (recovery.md, Defaults), and the Policy made of it. Milliseconds.
// The monitor's file → watchFleet → every grant: a run never reads a file of its own.

import type { Matcher } from './selection.ts';

const s = 1_000;
const min = 60 * s;
const h = 60 * min;

export const READMISSIONS = ['manual', 'automatic'] as const;
export type Readmission = (typeof READMISSIONS)[number];

export const MODES = ['observe', 'confirm', 'auto'] as const;
export type Mode = (typeof MODES)[number];

/** How the channels' verdicts become one. `veto`: while one of these says alive, nothing makes the node failed. */
export type FailedWhen = ({ all: string[] } | { any: string[] } | { atLeast: number; of: string[] }) & {
  veto?: string[] | undefined;
};

export const ON_DEGRADED = ['migrate', 'tell', 'ignore'] as const;
/** What a node that is in trouble and lives is worth: a drain, a message to the admins, or nothing. */
export type OnDegraded = (typeof ON_DEGRADED)[number];

/** Gates that `limits.ask` may turn into a question to a person: limits, never evidence or our own sight. */
export const ASKING_GATES = ['share', 'allStale', 'cliff', 'domain', 'perHour', 'coolDown', 'flapping'] as const;
export type AskingGate = (typeof ASKING_GATES)[number];

/** Nodes that fail together: each zone, each aggregate that fits, or all nodes that do. Absent limit: none of this kind. */
export type FailureDomain = ({ zones: string[] } | { aggregates: string[] } | { name: string; nodes: string[] }) & {
  most?: number | undefined;
  share?: number | undefined;
};

export interface Limits {
  atOnce: number;
  share: number;
  /** Of the fleet, in nodes; absent: the share alone. */
  nodes?: number;
  /** Of the fleet, that may fall silent within one interval. Absent in what an older release granted: it is not judged. */
  cliff?: number;
  domains?: FailureDomain[];
  perHour: number;
  /** Returns within an hour after which a person is asked; absent in what an older release granted. */
  flaps?: number;
  /** Drains at one time. Absent in what an older release granted. */
  drains?: number;
  ask?: AskingGate[];
}

export interface Timings {
  sweepEveryMs: number;
  /** Above `largeFleet` nodes the sweep takes this interval. */
  sweepEveryLargeMs: number;
  /** `updated_at` unmoved for so long is failed (nova-service). */
  staleMs: number;
  /** The longest that a healthy node's `updated_at` stands still; nova.conf's report_interval (10 s) and a margin. */
  reportIntervalMs: number;
  tcpTimeoutMs: number;
  graceMs: number;
  evidenceMaxAgeMs: number;
  powerStatusMs: number;
  powerOffMs: number;
  powerPollMs: number;
  powerHoldMs: number;
  /** Found off by a device whose identity nobody confirmed: the node must have been silent for so long. */
  silentBeforeFoundOffMs: number;
  fenceAgainMs: number;
  /** It doubles up to this: a run that waits for days must not fill its history. */
  fenceAgainMaxMs: number;
  guardEveryMs: number;
  guardBlindMs: number;
  settleMs: number;
  permissionMs: number;
  horizonMs: number;
  stuckMs: number;
  novaReadMs: number;
  novaPostMs: number;
  roomEveryMs: number;
  judgeAgainMs: number;
  judgeAgainMaxMs: number;
  delayedAfterMs: number;
  coolDownMs: number;
  readyMs: number;
  reminderMs: number[];
  healthyBeforeEnableMs: number;
  bootMs: number;
  /** From the end of a recovery to its node's readmission, where that is automatic. Absent in what an older release granted. */
  readmitAfterMs?: number;
}

export const DEFAULT_TIMINGS: Timings = {
  sweepEveryMs: 5 * s,
  sweepEveryLargeMs: 10 * s,
  staleMs: 35 * s,
  reportIntervalMs: 12 * s,
  tcpTimeoutMs: 2 * s,
  graceMs: 60 * s,
  evidenceMaxAgeMs: 30 * s,
  powerStatusMs: 15 * s,
  powerOffMs: 30 * s,
  powerPollMs: 60 * s,
  powerHoldMs: 3 * s,
  silentBeforeFoundOffMs: 30 * s,
  fenceAgainMs: 2 * min,
  fenceAgainMaxMs: 30 * min,
  guardEveryMs: 5 * s,
  guardBlindMs: 60 * s,
  settleMs: 0,
  permissionMs: 2 * s,
  horizonMs: 90 * s,
  stuckMs: 10 * min,
  novaReadMs: 15 * s,
  novaPostMs: 60 * s,
  roomEveryMs: 30 * s,
  judgeAgainMs: 30 * s,
  judgeAgainMaxMs: 5 * min,
  delayedAfterMs: 15 * min,
  coolDownMs: 1 * min,
  readyMs: 20 * s,
  reminderMs: [0, 15 * min, 1 * h, 6 * h],
  healthyBeforeEnableMs: 60 * s,
  bootMs: 10 * min,
  readmitAfterMs: 10 * min,
};

/** Below these the configuration is refused (before scaling): a shorter one makes Lifeboat unsafe or useless. */
export const FLOORS: { [K in keyof Timings]?: number } = {
  sweepEveryMs: 1 * s,
  sweepEveryLargeMs: 1 * s,
  staleMs: 20 * s,
  reportIntervalMs: 2 * s,
  tcpTimeoutMs: 500,
  graceMs: 10 * s,
  evidenceMaxAgeMs: 5 * s,
  powerStatusMs: 2 * s,
  powerOffMs: 5 * s,
  powerPollMs: 10 * s,
  powerHoldMs: 3 * s,
  silentBeforeFoundOffMs: 10 * s,
  guardEveryMs: 1 * s,
  guardBlindMs: 10 * s,
  permissionMs: 1 * s,
  horizonMs: 65 * s,
  stuckMs: 1 * min,
  novaReadMs: 2 * s,
  novaPostMs: 5 * s,
  roomEveryMs: 5 * s,
};

export interface Policy {
  mode: Mode;
  failedWhen: FailedWhen;
  /** Nodes with these names or patterns are judged by a rule of their own; the first group that fits. Absent: none. */
  groups?: { nodes: string[]; failedWhen: FailedWhen; degraded?: OnDegraded | undefined; mode?: Mode | undefined }[];
  /** Absent in what an older release granted: tell. */
  degraded?: OnDegraded;
  samples: number;
  /** Nodes with these names or patterns (`*`) are only watched. */
  exclude: string[];
  /** Nodes that Lifeboat, Temporal or its database run on: never fenced. */
  carries: string[];
  limits: Limits;
  /** So many messages of the watch within an hour of this length; the rest is gathered. Absent: no limit. */
  messages?: { perHour: number; hourMs: number };
  evacuation: {
    driver: string;
    perNode: number;
    overall: number;
    perDestination: number;
    /** Live migrations at one time from a node that is drained. Absent in what an older release granted. */
    liveMigrations?: number;
    /**
     * Nodes that a person disabled with a reason that fits (`*`, without case): of the failed node's zone, or of an aggregate that both are
     * in. One is enabled for each recovery. Absent: none.
     */
    reserve?: { by: 'zone' | 'aggregate'; aggregates?: string[] | undefined; reason: string };
    /** POSTs per instance before a person is asked. */
    tries: number;
    selection: 'all' | 'opt-in' | 'none';
    /** Metadata key that opts an instance in or out (`HA_Enabled` as in Masakari). */
    selectionKey: string;
    /** Where the disk of an image-backed instance lies, when nothing else is said. Local: its data dies with the node. */
    imageBackedDisks: 'shared' | 'local';
    /** Flavors (patterns) whose disks are local although the rest is shared. */
    localFlavors: string[];
    onLocalDisk: 'keep' | 'rebuild';
    /** paused, suspended, rescued, resized: by default kept. */
    states: Record<'paused' | 'suspended' | 'rescued' | 'resized', 'keep' | 'reset'>;
    /** Key of metadata, or of the flavor's extra specs, with a number; higher goes first. */
    priorityKey: string;
    /** Of an instance without such a number. Absent: 1 for what is marked or named by `first`, else 0. */
    priorityElse?: number;
    /** Projects (ids) whose instances are left alone (Octavia's amphorae). */
    leaveProjects: string[];
    /** Patterns of names of instances that are left alone. Absent in what an older release granted. */
    leaveNames?: string[];
    /** Octavia's amphorae, known by their name and project. Absent in what an older release granted: no such rule. */
    amphorae?: 'leave' | 'evacuate';
    /** Names or ids of the projects whose instances of that name are amphorae. */
    amphoraProjects?: string[];
    /** Only what fits one of these is evacuated. Empty or absent: no such rule. */
    only?: Matcher[];
    /** What fits one of these is left alone, whatever else is said. */
    leave?: Matcher[];
    /** What fits one of these goes before the rest. */
    first?: Matcher[];
  };
  tellNodeNames: boolean;
  /** Absent: manual. */
  readmission?: Readmission;
  timings: Timings;
}

export const DEFAULT_POLICY: Policy = {
  mode: 'observe',
  failedWhen: { all: ['nova-service', 'tcp'] },
  degraded: 'tell',
  samples: 3,
  exclude: [],
  carries: [],
  limits: { atOnce: 2, share: 0.25, cliff: 0.15, perHour: 5, flaps: 3, drains: 1 },
  evacuation: {
    driver: 'evacuate',
    perNode: 8,
    overall: 32,
    perDestination: 4,
    liveMigrations: 2,
    tries: 3,
    selection: 'all',
    selectionKey: 'HA_Enabled',
    imageBackedDisks: 'local',
    localFlavors: [],
    onLocalDisk: 'keep',
    states: { paused: 'keep', suspended: 'keep', rescued: 'keep', resized: 'keep' },
    priorityKey: 'lifeboat:priority',
    leaveProjects: [],
    leaveNames: [],
    amphorae: 'leave',
    amphoraProjects: ['service', 'services', 'octavia'],
    only: [],
    leave: [],
    first: [],
  },
  tellNodeNames: false,
  readmission: 'manual',
  timings: DEFAULT_TIMINGS,
};

/** Fleets above this many nodes are swept at `sweepEveryLargeMs`. */
export const LARGE_FLEET = 300;

/** The whole table by one factor, so that its proportions stay true (tests and the demo only). */
export function scaleTimings(t: Timings, factor: number): Timings {
  const scaled = Object.entries(t).map(([k, v]) => [
    k,
    Array.isArray(v) ? v.map((x) => Math.round(x * factor)) : Math.round((v as number) * factor),
  ]);
  return Object.fromEntries(scaled) as Timings;
}
