// What a person takes out of the rules for a while: a node under maintenance, one storm that is none. Each ends by itself.
import type { By } from './contract.ts';

/** A node that is left alone: nothing fences it by itself until then. */
export interface Maintenance {
  by: string;
  reason: string;
  /** ISO 8601 */
  since: string;
  until: string;
}

/** The limits on many failures at once do not hold until then. */
export interface Override {
  by: string;
  reason: string;
  since: string;
  until: string;
}

export interface MaintainBy extends By {
  node: string;
  /** A moment (ISO 8601 with its zone), or a time from now: `30m`, `4h`, `2d`. */
  until: string;
}

export interface OverrideBy extends By {
  until: string;
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A word for a moment, from `now` (ms). Null: it is none, or it is not ahead. */
export function momentOf(until: unknown, now: number): string | null {
  if (typeof until !== 'string') return null;
  const [, count, unit] = /^(\d{1,5})\s*([mhd])$/.exec(until.trim()) ?? [];
  // Without a zone it would be another moment on another machine.
  const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(until.trim());
  const at = unit ? now + Number(count) * UNITS[unit as keyof typeof UNITS] : zoned ? Date.parse(until) : NaN;
  return Number.isFinite(at) && at > now ? new Date(at).toISOString() : null;
}
