// What the sweep tells Prometheus. A silent monitor must itself be an alarm, also where no workflow runs to raise it: alert on
// `time() - lifeboat_last_whole_sweep_timestamp_seconds`.
import { Context } from '@temporalio/activity';
import type { FleetSight } from './contract.ts';

/** Call it in an activity; then once per sweep. */
export function sweepMetrics(cloud: string): (sight: FleetSight) => void {
  const meter = Context.current().metricMeter.withTags({ cloud });
  const whole = meter.createGauge(
    'lifeboat_last_whole_sweep_timestamp_seconds',
    'int',
    's',
    'When the last whole sweep was',
  );
  const nodes = meter.createGauge('lifeboat_nodes', 'int', '1', 'Compute nodes by verdict, in the last whole sweep');
  return (sight) => {
    if (!sight.whole) return;
    whole.set(Math.round(Date.parse(sight.readAt) / 1_000));
    nodes.set(sight.alive, { verdict: 'alive' });
    nodes.set(sight.failed.length, { verdict: 'failed' });
    nodes.set(sight.unknown, { verdict: 'unknown' });
  };
}
