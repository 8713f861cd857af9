// All that a worker shows to the outside with --metrics, put together: the exporter, the server before it, and the gauges of its roles.
import { Runtime } from '@temporalio/worker';
import type { Client, Connection } from '@temporalio/client';
import type { Role } from '../workflows/contract.ts';
import type { Config } from './config.ts';
import { healthOf, serveSight, type Vitals } from './health.ts';
import { beginAtZero, freePort, type Address } from './metrics.ts';
import { gaugeWatch, WATCH_EVERY_MS } from './metrics-watch.ts';
import type { Redactor } from './redact.ts';

/** Filled in as a worker gets further; until then it is starting. */
export type Sight = Vitals & { exporter: number };

export async function prepareSight(): Promise<Sight> {
  return {
    exporter: await freePort(),
    pollers: () => [],
    temporal: () => Promise.reject(new Error('not connected yet')),
  };
}

/** Before anything can hang: whoever asks while Temporal is away shall read so. Rejects where the address cannot be had. */
export async function openSight(address: Address, sight: Sight, redactor: Redactor): Promise<void> {
  const health = healthOf({ pollers: () => sight.pollers(), temporal: (signal) => sight.temporal(signal) });
  await serveSight(address, { health, exporter: sight.exporter, redact: redactor.redact });
}

/** The call that a worker lives by: does the server answer for our namespace? */
export function asksTemporal(connection: Connection, namespace: string): Vitals['temporal'] {
  return async (signal) => {
    await connection.withAbortSignal(signal, () => connection.workflowService.describeNamespace({ namespace }));
  };
}

export interface Gauging {
  config: Config;
  roles: readonly Role[];
  client: Client;
  namespace: string;
  signal: AbortSignal;
}

/** The gauges that nobody else of this process sets, until the signal. Resolves when all have stopped; never rejects. */
export async function gaugeRoles({ config, roles, client, namespace, signal }: Gauging): Promise<void> {
  const meter = Runtime.instance().metricMeter;
  const { cloud, timeScale } = config;
  const running: Promise<void>[] = [];
  if (roles.includes('workflow')) beginAtZero(meter, cloud, namespace);
  if (roles.includes('monitor'))
    running.push(gaugeWatch({ client, cloud, meter, signal, everyMs: WATCH_EVERY_MS * timeScale }));
  await Promise.all(running);
}
