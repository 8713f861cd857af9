// What a worker really serves at --metrics, beside a data centre that knows the truth; and that alerts and dashboard use nothing else.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { OpenStackError } from '../../activities/openstack/errors.ts';
import { toFailure } from '../../workers/interceptors.ts';
import { jsonLogger } from '../../workers/log.ts';
import { createRedactor } from '../../workers/redact.ts';
import { expressionsOf, METRIC, recordedOf } from '../deploy/expressions.ts';
import { lookout } from '../support/lookout.ts';
import {
  parseMetrics,
  startMetricsWorker,
  valueOf,
  type MetricsWorker,
  type Series,
} from '../support/metrics-worker.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from '../world/world.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const NODE = 'compute-2';
let temporal: LocalTemporal;
let world: World;
let worker: MetricsWorker;
let pings = 0;
const watchdog = createServer((_, response) => {
  pings++;
  response.end();
});
let onNode: number;

const scrape = async (): Promise<Series[]> => parseMetrics(await (await fetch(`${worker.url}/metrics`)).text());
const health = async (): Promise<string> => {
  const answer = await fetch(`${worker.url}/healthz`);
  return `${answer.status} ${await answer.text()}`;
};
const soon = <T>(what: string, ask: () => T | Promise<T>) => until(ask, { what, timeoutMs: 90_000, everyMs: 200 });
/** Waits until it is so; else says what it was. */
async function told(name: string, labels: Record<string, string>, value: number): Promise<void> {
  let last: number | null = null;
  const isSo = async (): Promise<boolean> => (last = valueOf(await scrape(), name, labels)) === value;
  await until(isSo, { what: name, timeoutMs: 60_000, everyMs: 200 }).catch(() => undefined);
  assert.equal(last, value, `${name} ${JSON.stringify(labels)}`);
}

before(async () => {
  temporal = await devServer();
  world = await startWorld({ seed: 5, nodes: 6, instances: 12, timeScale: 0.05 });
  await new Promise<void>((resolve) => watchdog.listen(0, '127.0.0.1', resolve));
  const { port } = watchdog.address() as AddressInfo;
  const sections = { exclude: ['compute-6'], limits: { share: 0.5 } };
  const env = { LIFEBOAT_WATCHDOG_URL: `http://127.0.0.1:${port}/ping/s3cret-of-the-watchdog` };
  worker = await startMetricsWorker(world, temporal.server.address, { cloud: 'sight', sections }, env);
  await soon('it is well', async () => (await health()).startsWith('200'));
  await lookout(world);
  onNode = [...world.centre.instances.values()].filter((i) => i.host === NODE).length;
  // Nova fails for a while when the snapshot is taken: something to find in the log.
  const fault = world.fault(
    { service: 'nova', method: 'GET', path: new RegExp(`servers/detail.*${NODE}`) },
    { do: 'status', status: 503 },
  );
  await world.powerLoss(NODE, { withBmc: false });
  await soon('an activity failed', () => /"Activity failed"/.test(worker.output()));
  fault.remove();
  await soon('the node is recovered', () => world.mailbox.mails.some((m) => /compute-2: recovered/.test(m.subject)));
  await world.crash('compute-6');
});

after(async () => {
  await worker?.remove();
  watchdog.close();
  await world?.stop();
  await temporal?.teardown();
});

test('an ended recovery counts, with its instances and its stages', async () => {
  const ended = await soon('it is counted', async () =>
    valueOf(await scrape(), 'lifeboat_recoveries_ended_total', { outcome: 'recovered' }),
  );
  // Once; a workflow task that a busy machine had to repeat counts again, and then all of it.
  assert.ok(ended <= 2, `${ended} recoveries`);
  const series = await scrape();
  assert.ok(onNode > 0);
  assert.equal(valueOf(series, 'lifeboat_recoveries_ended_total'), ended);
  assert.equal(valueOf(series, 'lifeboat_instances_total'), ended * onNode);
  for (const stage of ['admitted', 'fenced', 'marked', 'told', 'firstEvacuation', 'evacuated', 'ended'])
    assert.equal(valueOf(series, 'lifeboat_recovery_stage_seconds_count', { stage }), ended, stage);
  const seconds = (stage: string) => valueOf(series, 'lifeboat_recovery_stage_seconds_sum', { stage })!;
  assert.ok(seconds('fenced') <= seconds('firstEvacuation') && seconds('firstEvacuation') <= seconds('ended'));
  const buckets = new Set(
    series.flatMap((s) => (s.name === 'lifeboat_recovery_stage_seconds_bucket' ? s.labels.le! : [])),
  );
  assert.ok(buckets.has('21600') && buckets.has('45'), [...buckets].join());
});

test('nodes, the closed gate, its alarm and the open recoveries are told as they are', async () => {
  await told('lifeboat_nodes', { verdict: 'failed' }, 2);
  await told('lifeboat_nodes', { verdict: 'alive' }, 4);
  await told('lifeboat_nodes_marked', {}, 1);
  await told('lifeboat_nodes_held', { gate: 'excluded' }, 1);
  await told('lifeboat_alarms_open', { alarm: 'excluded' }, 1);
  await told('lifeboat_recoveries_open', {}, 0);
  await told('lifeboat_mode', { mode: 'auto' }, 1);
  const series = await scrape();
  const age = Date.now() / 1_000 - valueOf(series, 'lifeboat_last_whole_sweep_timestamp_seconds')!;
  assert.ok(age < 60, `${age} s`);
  // Six, or five where the recovery of one was open.
  await soon('the devices were read', async () => (valueOf(await scrape(), 'lifeboat_fence_devices') ?? 0) >= 5);
});

test('no series stands there twice, and the page of the metrics has every name', async () => {
  const series = await scrape();
  const keys = series.map(({ name, labels }) => `${name}${JSON.stringify(labels, Object.keys(labels).sort())}`);
  assert.deepEqual(
    keys.filter((key, i) => keys.indexOf(key) !== i),
    [],
  );
  const served = new Set(
    series.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')).filter((n) => n.startsWith('lifeboat')),
  );
  const page = readFileSync(path.join(ROOT, 'docs/metrics.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(lifeboat_\w+)`/gm)].map((m) => m[1]!);
  // Served from the first event on: no drain ends here, no node writes a dump, and no schedule drills the fleet.
  const later = ['drains_ended_total', 'dump_waits_total', 'drill_nodes', 'drill_timestamp_seconds'];
  assert.deepEqual([...served, ...later.map((name) => `lifeboat_${name}`)].sort(), listed.toSorted());
});

test('every metric of the alerts and of the dashboard is one that is served or recorded', async () => {
  const names = new Set((await scrape()).map(({ name }) => name));
  const recorded = recordedOf();
  const used = expressionsOf().flatMap(({ where, expr }) =>
    [...expr.matchAll(METRIC)].map(([name]) => ({ where, name })),
  );
  assert.ok(used.length > 30);
  assert.deepEqual(
    used.filter(({ name }) => !names.has(name) && !recorded.has(name)),
    [],
  );
});

test('a line of the log leads to the node and to the run, and an error of OpenStack to its request', () => {
  const lines = worker
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const failed = lines.find((l) => l.message === 'Activity failed' && l.activityType === 'takeSnapshot');
  assert.ok(failed, worker.output());
  assert.equal(failed.workflowId, `sight/${NODE}`);
  assert.match(String(failed.workflowRunId), /^[0-9a-f-]{36}$/);
  assert.match(String(failed.error), /\[GET\] compute \/servers\/detail: 503 scripted fault/);

  // The data centre's scripted answers have no request id; Nova's have one.
  const written: string[] = [];
  const redactor = createRedactor();
  const why = { service: 'compute', method: 'GET', path: '/servers/detail', status: 503, kind: 'server' } as const;
  const error = new OpenStackError({ ...why, message: 'no', requestId: 'req-5e1f', maybeSent: true });
  jsonLogger('INFO', redactor, (line) => void written.push(line)).warn('x', { error: toFailure(error, redactor) });
  assert.match(
    written.join(),
    /"error":"ApplicationFailure: \[GET\] compute \/servers\/detail: 503 no \(request req-5e1f\)"/,
  );
});

test('the outside watchdog was told of whole sweeps, and its address is in no log', async () => {
  await soon('it was told', () => pings > 0);
  assert.ok(!worker.output().includes('s3cret-of-the-watchdog'));
});

test('the health is 503 and says why when Temporal is gone, while the metrics are still served', async () => {
  assert.match(await health(), /^200 ok: polls workflow, monitoring, openstack, fencing, guard, notification\n$/);
  await temporal.server.kill9();
  await soon('it says so', async () => /^503 Temporal does not answer: .+\n$/.test(await health()));
  assert.ok((await scrape()).length > 0);
});
