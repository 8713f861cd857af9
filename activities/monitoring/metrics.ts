// What the sweep tells Prometheus, and the rest of its process. A silent monitor must itself be an alarm, also where no workflow runs
// to raise it: alert on `time() - lifeboat_last_whole_sweep_timestamp_seconds`.
import { Context } from '@temporalio/activity';
import { channel } from 'node:diagnostics_channel';
import type { FleetSight } from './contract.ts';

/** What `sweepSeen` carries. */
export interface SweepSeen {
  cloud: string;
  sight: FleetSight;
}

/** Every sweep of this process, as it ends: for a worker that tells an outside watchdog. */
export const sweepSeen = channel('lifeboat.sweep');

/**
 * Call it in an activity; then once per sweep. The numbers stay as they are in a worker that sweeps no more: they are good only while its
 * own last whole sweep is young (docs/metrics.md).
 */
export function sweepMetrics(cloud: string): (sight: FleetSight) => void {
  const meter = Context.current().metricMeter.withTags({ cloud });
  const whole = meter.createGauge(
    'lifeboat_last_whole_sweep_timestamp_seconds',
    'int',
    's',
    'When the last whole sweep was',
  );
  const nodes = meter.createGauge('lifeboat_nodes', 'int', '1', 'Compute nodes by verdict, in the last whole sweep');
  const marked = meter.createGauge(
    'lifeboat_nodes_marked',
    'int',
    '1',
    'Compute nodes that carry the marker of a recovery, in the last whole sweep',
  );
  const sweeps = meter.createCounter('lifeboat_sweeps_total', '1', 'Sweeps, by whether the list of nodes was whole');
  return (sight) => {
    sweepSeen.publish({ cloud, sight } satisfies SweepSeen);
    sweeps.add(1, { whole: sight.whole });
    if (!sight.whole) return;
    whole.set(Math.round(Date.parse(sight.readAt) / 1_000));
    nodes.set(sight.alive, { verdict: 'alive' });
    nodes.set(sight.degraded?.length ?? 0, { verdict: 'degraded' });
    nodes.set(sight.failed.length, { verdict: 'failed' });
    nodes.set(sight.unknown, { verdict: 'unknown' });
    marked.set(sight.ours.length);
  };
}
