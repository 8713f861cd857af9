// Prometheus metrics of a worker process: the SDK's exporter with our buckets, and what a counter is worth before it first counts.
// docs/metrics.md has the list; who records what: activities/monitoring/metrics.ts, workflows/recovery/measure.ts, metrics-*.ts here.
import { createServer } from 'node:net';
import { Runtime, type RuntimeOptions } from '@temporalio/worker';
import { taskQueues, WORKFLOW_TYPES } from '../workflows/contract.ts';
import { OUTCOMES, RUN_OUTCOMES } from '../workflows/domain.ts';

/** What a metrics meter of the Runtime is, of a worker that may have none. */
export type Meter = Runtime['metricMeter'];

export interface Address {
  host: string;
  port: number;
}

/** `127.0.0.1:9464`, `[::1]:9464`, `:9464` for all addresses of the machine. Throws one line for anything else. */
export function parseAddress(text: string): Address {
  const [, six, four, digits] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]*)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw new Error(`--metrics ${text}: not an address (example: 127.0.0.1:9464, or [::1]:9464)`);
  return { host: six ?? (four || '::'), port };
}

/** A recovery takes from seconds (nothing on the node) to hours (a person is asked). */
const STAGE_BUCKETS = [2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600];

type Telemetry = NonNullable<RuntimeOptions['telemetryOptions']>;

/** The SDK's exporter, on a port of the loopback that only our own server asks (health.ts). */
export function exporterOn(port: number): Pick<Telemetry, 'metrics'> {
  const prometheus = {
    bindAddress: `127.0.0.1:${port}`,
    useSecondsForDurations: true,
    histogramBucketOverrides: { lifeboat_recovery_stage_seconds: STAGE_BUCKETS },
  };
  return { metrics: { prometheus } };
}

/** A port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A counter that is not there before its first 1 hides that 1 from `increase()`. For the worker that runs the workflows, whose
 * series have the SDK's tags.
 */
export function beginAtZero(meter: Meter, cloud: string, namespace: string): void {
  const tags = { cloud, namespace, taskQueue: taskQueues(cloud).workflow, workflowType: WORKFLOW_TYPES.recover };
  // Word for word as workflows/recovery/measure.ts has them: another text would be another series beside the first.
  const ended = meter.createCounter('lifeboat_recoveries_ended_total', '1', 'Recoveries that ended, by outcome');
  for (const outcome of RUN_OUTCOMES) ended.add(0, { ...tags, outcome });
  const about = 'Instances of ended recoveries, by what became of them';
  const instances = meter.createCounter('lifeboat_instances_total', '1', about);
  for (const outcome of OUTCOMES) instances.add(0, { ...tags, outcome });
}

/** Is what the file says in force? It is at the start, or the worker would not run. */
export function configurationGauge(cloud: string): (inForce: boolean) => void {
  const about = 'Whether the configuration in force is the one that the file holds';
  const gauge = Runtime.instance().metricMeter.createGauge('lifeboat_configuration_in_force', 'int', '1', about);
  const told = (inForce: boolean): void => gauge.set(inForce ? 1 : 0, { cloud });
  told(true);
  return told;
}
