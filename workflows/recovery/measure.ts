// What an ended recovery tells Prometheus, once: the SDK does not record while a history is replayed. No command, no event.
import { metricMeter } from '@temporalio/workflow';
import type { RecoveryReport } from '../domain.ts';

/** A run's first wait for a memory dump. */
export function countDumpWait({ cloud }: { cloud: string }): void {
  const about = 'Recoveries whose power-off waited for a memory dump';
  metricMeter.withTags({ cloud }).createCounter('lifeboat_dump_waits_total', '1', about).add(1);
}

/** Counts the run, its instances and its stages (seconds from the run's start). A workflow task that is repeated counts twice. */
export function measure({ cloud, outcome, counts, stages }: RecoveryReport): void {
  const meter = metricMeter.withTags({ cloud });
  meter.createCounter('lifeboat_recoveries_ended_total', '1', 'Recoveries that ended, by outcome').add(1, { outcome });
  const instances = meter.createCounter(
    'lifeboat_instances_total',
    '1',
    'Instances of ended recoveries, by what became of them',
  );
  for (const [name, count] of Object.entries(counts)) if (count > 0) instances.add(count, { outcome: name });
  const seconds = meter.createHistogram(
    'lifeboat_recovery_stage_seconds',
    'float',
    's',
    'Seconds from the start of a recovery until it reached a stage',
  );
  for (const [stage, ms] of Object.entries(stages)) seconds.record(ms / 1_000, { stage });
}
