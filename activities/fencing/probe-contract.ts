// The activities of a probe, as its workflow sees them (queue `…-fencing`). They read, and what they read is evidence for nothing.
import type { KnownBroken, ProbeReading } from '../../workflows/contract.ts';

export interface FleetToProbe {
  /** Nodes whose devices may be asked now. */
  nodes: string[];
  /** Left alone: a recovery is open, or a person works on them. */
  busy: string[];
  /** What the watch knows of broken devices, without their words. */
  known: KnownBroken[];
}

export interface ProbeActivities {
  /** Reads Nova's list and asks the watch. Rejects where either does not answer: then there is nobody to tell anyway. */
  fleetToProbe(cloud: string): Promise<FleetToProbe>;
  /**
   * Reads every device of these nodes, a few at a time and each within `powerStatus`; one that does not answer is read a second time.
   * `rest`: names (device-health.ts) of those that are left alone. Switches nothing; safe to repeat.
   */
  readDevices(input: { nodes: string[]; rest: string[] }): Promise<ProbeReading>;
}
