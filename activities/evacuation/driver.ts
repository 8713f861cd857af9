// An evacuation driver asks the cloud to bring one instance of a dead node elsewhere. It sends; judging, permission, watching
// and accounting are evacuate-instance.ts's, the same for every driver.
import type { z } from 'zod';
import type { InstanceView } from '../../workflows/domain.ts';
import type { CallOptions, OpenStack } from '../openstack/types.ts';

export interface Evacuator {
  /**
   * Asks once and never again: a second request starts a second rebuild. Rejects with the client's error; a lost reply is the
   * caller's to reconcile. Afterwards Nova must show an evacuation record with the node as its source: by that it is watched.
   * `host`: where it shall go, only with `spreads`.
   */
  send(instance: InstanceView, options: CallOptions, host?: string): Promise<void>;
  /** Wants each instance's host chosen for it: the destinations fill evenly, and each takes so many at a time. */
  spreads?: boolean;
  /** Wants the recovery's reserved node first, where it has one. */
  prefersReserve?: boolean;
  /** May it go to this host? Decides which hosts count when room is looked for. */
  reaches(host: string): boolean;
}

export interface EvacuationContext {
  openstack: OpenStack;
}

export interface EvacuationDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** Where its options are explained, said beside a wrong one: an address or a path. A driver of ours has docs/drivers/<kind>-<name>.md. */
  page?: string;
  /** The driver's own options, strict. */
  options: S;
  create(options: z.output<S>, context: EvacuationContext): Evacuator;
}
