// What a drill asks and answers: "what if it died now", with nothing touched.
import type { Policy } from '../defaults.ts';
import type { DrillFindings } from './findings.ts';

/** What the watch knows that a gate would look at. */
export interface Circumstances {
  paused: { by: string; reason: string } | null;
  standDowns: string[];
  maintenance: Record<string, { by: string; reason: string; until: string }>;
  override: boolean;
  cooling: boolean;
  /** Nodes whose recovery holds a grant now. */
  open: string[];
}

/** What the watch says to a drill that a schedule started: its own policy, and what a gate would look at. */
export interface DrillBasis {
  policy: Policy;
  ifDead: Circumstances;
  /** Off by us, recovered, drained or worked on by a person: a round leaves them alone. */
  left: string[];
  /** What the last round found; null: there was none. */
  last: DrillFindings | null;
}

export interface DrillInput {
  cloud: string;
  policy: Policy;
  ifDead: Circumstances;
  /** So many nodes at once, 1 and more: does everything on the biggest of them fit on the rest? */
  together: number[];
}

/** One node of a fleet's drill: numbers, not names, so that a thousand nodes fit into one history. */
export interface NodeDrill {
  node: string;
  zone: string;
  /** Why its death would not be noticed; null: it would be. */
  unseen: string | null;
  /** `pass`, or the gate that would hold and why. */
  gate: string;
  power: { level: string; label: string; power: string; detail: string }[];
  /** Nova calls it up: a device that says off is another machine's. */
  up: boolean;
  instances: number;
  moves: number;
  fits: number;
  /** Of those that fit, how many also do in the node's own zone. */
  fitsInZone: number;
  loses: number;
  keeps: { reason: string; count: number }[];
  /** What could not be read of it; empty where all was. */
  trouble: string;
}

/** The biggest nodes gone at once. */
export interface Together {
  nodes: string[];
  moves: number;
  fits: number;
}

export interface FleetDrill {
  nodes: NodeDrill[];
  together: Together[];
  /** Nodes that may take instances now. */
  destinations: number;
  zones: number;
  /** Why the fleet could not be seen; empty where it was. */
  sightTrouble: string;
  admins: number;
  unreachable: string[];
  readAt: string;
}
