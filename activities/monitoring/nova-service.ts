// What Nova itself thinks of its compute services: `state`, and whether `updated_at` still moves. Reads nothing of its own:
// the sweep's one list of services is all it needs.
import { z } from 'zod';
import type { Evidence, NodeView } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { Look, MonitoringDriver } from './driver.ts';

const options = z.strictObject({
  /** Judge by `updated_at` too. Off: only Nova's own `down` (60 s by default) counts. */
  staleness: z.boolean().default(true),
});

/**
 * A forced-down row hides Nova's own judgement. Where its habit is not known either, it counts as failed after this many times
 * `staleMs`: longer than any usual service_down_time, so that Nova would have called it down itself.
 */
const FORCED_STALE = 5;

/** Seven sweeps of 5 s are 35 s give or take some milliseconds: the eighth is not waited for. What is measured is never more than the truth. */
const GIVE_OR_TAKE = 0.99;

type Seen = Omit<Evidence, 'channel' | 'readAt'>;

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

/**
 * One row's verdict. Nova sets `state` to `down` for `forced_down` (nova/servicegroup/drivers/db.py), so on such a row it says
 * nothing of the node: there only the movement of `updated_at` counts, and one move may be the write of whoever forced it down.
 */
export function judgeRow(row: NodeView, look: Look, timings: Timings, staleness = true): Seen {
  if (row.state === 'unknown') return { verdict: 'unknown', saw: 'its cell does not answer' };
  const unmoved = look.unmovedMs.get(row.host);
  const said = row.forcedDown ? 'forced down' : `state ${row.state}`;
  const saw = unmoved === undefined ? said : `${said}, updated_at unmoved for ${seconds(unmoved)}`;
  const stale = staleness && unmoved !== undefined && unmoved >= GIVE_OR_TAKE * timings.staleMs;
  if (stale && isRegular(row.host, look, timings)) return { verdict: 'failed', saw };
  if (!row.forcedDown) return { verdict: row.state === 'down' ? 'failed' : 'alive', saw };

  if (stale && unmoved >= FORCED_STALE * timings.staleMs) return { verdict: 'failed', saw };
  const moves = look.movesSeen?.get(row.host) ?? 0;
  return { verdict: unmoved !== undefined && !stale && moves >= 2 ? 'alive' : 'unknown', saw };
}

/** Standing still means something only for a node that was seen to move at least once per report interval while healthy. */
function isRegular(host: string, look: Look, timings: Timings): boolean {
  const habit = look.habitMs?.get(host);
  return habit !== undefined && habit <= timings.reportIntervalMs;
}

export const novaService: MonitoringDriver<typeof options> = {
  name: 'nova-service',
  options,
  hearsay: 'the message queue',
  create: ({ staleness }, context) => ({
    reports: true,
    look: (look) => {
      const readAt = look.readAt ?? new Date().toISOString();
      const rows = look.nodes.map(
        (row) => [row.host, { ...judgeRow(row, look, context.timings, staleness), readAt }] as const,
      );
      return Promise.resolve(new Map(rows));
    },
  }),
};
