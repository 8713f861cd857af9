// What only the watch and its runs know, for Prometheus: each monitor worker asks them (queries: no event in a history) and sets
// gauges. Nobody answers: nothing is set, and the age of the last answer says so.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import {
  HEALTHS,
  PHASES,
  watchId,
  type DeviceState,
  type OpenRun,
  type RunState,
  type WatchState,
} from '../workflows/contract.ts';
import { MODES } from '../workflows/defaults.ts';
import { stateQuery, watchStateQuery } from '../workflows/verbs.ts';
import type { Meter } from './metrics.ts';

export interface WatchGaugesOptions {
  client: Client;
  cloud: string;
  meter: Meter;
  signal: AbortSignal;
  everyMs?: number;
}

/** As often as Prometheus usually scrapes. */
export const WATCH_EVERY_MS = 15_000;
const LIMIT_MS = 5_000;
/** What a run says that its guard sees. */
const GUARD = ['none', 'off', 'blind', 'trouble'] as const;

type Seen = { watch: WatchState; runs: (RunState | null)[] };

/** Asks until the signal. Never rejects. */
export async function gaugeWatch({
  client,
  cloud,
  meter,
  signal,
  everyMs = WATCH_EVERY_MS,
}: WatchGaugesOptions): Promise<void> {
  const set = watchGauges(meter.withTags({ cloud }));
  while (!signal.aborted) {
    await look(client, cloud).then(set, () => undefined);
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function look(client: Client, cloud: string): Promise<Seen> {
  const within = <T>(ask: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + LIMIT_MS, ask);
  const watch = await within(() => client.workflow.getHandle(watchId(cloud)).query(watchStateQuery));
  const runs = watch.open.map(({ workflowId, runId }: OpenRun) =>
    within(() => client.workflow.getHandle(workflowId, runId).query(stateQuery)).catch(() => null),
  );
  return { watch, runs: await Promise.all(runs) };
}

/** All gauges of the list, also those that are zero: a series that stays at its last value would be a lie. */
export function watchGauges(meter: Meter, now: () => number = Date.now): (seen: Seen) => void {
  const gauge = (name: string, unit: string, help: string) => meter.createGauge(name, 'int', unit, help);
  const answered = gauge('lifeboat_watch_answered_timestamp_seconds', 's', 'When the watch answered last');
  const mode = gauge('lifeboat_mode', '1', 'The mode in force: 1');
  const paused = gauge('lifeboat_paused', '1', 'Whether a person paused the watch');
  const open = gauge('lifeboat_recoveries_open', '1', 'Open recoveries that the watch knows, by phase');
  const guards = gauge('lifeboat_guards', '1', 'Open recoveries of proven nodes, by what their guard sees');
  const questions = gauge('lifeboat_questions_open', '1', 'Open recoveries that wait for an answer of a person');
  const oldest = gauge(
    'lifeboat_oldest_question_timestamp_seconds',
    's',
    'Since when the oldest question waits; 0: none',
  );
  const held = byName(
    gauge('lifeboat_nodes_held', '1', 'Failed nodes that are not recovered, by the gate that is closed'),
    'gate',
  );
  const devices = deviceGauges(meter);
  const drill = drillGauges(meter);
  const alarms = byName(gauge('lifeboat_alarms_open', '1', 'Alarms of the watch that are not over, by kind'), 'alarm');
  return ({ watch, runs }) => {
    const told = runs.filter((run) => run !== null);
    const asked = told.flatMap(({ question }) => (question ? [Date.parse(question.since)] : []));
    for (const name of MODES) mode.set(watch.mode === name ? 1 : 0, { mode: name });
    paused.set(watch.paused ? 1 : 0);
    for (const phase of PHASES) open.set(told.filter((run) => run.phase === phase).length, { phase });
    open.set(runs.length - told.length, { phase: 'unknown' });
    const proven = told.filter((run) => run.proof !== null);
    for (const seeing of GUARD) guards.set(proven.filter((run) => run.guard.seeing === seeing).length, { seeing });
    questions.set(asked.length);
    oldest.set(asked.length > 0 ? Math.round(Math.min(...asked) / 1_000) : 0);
    held(Object.values(watch.held));
    alarms(watch.alarms);
    if (watch.devices) devices(watch.devices);
    if (watch.drill) drill(watch.drill);
    answered.set(Math.round(now() / 1_000));
  };
}

/** As the last probe found them (workflows/probe-devices.ts). Before the first one there is nothing to tell. */
function deviceGauges(meter: Meter): (devices: DeviceState) => void {
  const gauge = (name: string, unit: string, help: string) => meter.createGauge(name, 'int', unit, help);
  const byHealth = gauge('lifeboat_fence_devices', '1', 'Fence devices by what their last reading said');
  const bare = gauge(
    'lifeboat_nodes_without_fence_device',
    '1',
    'Compute nodes that no fence device is configured for',
  );
  const at = gauge('lifeboat_fence_devices_read_timestamp_seconds', 's', 'When all were read last');
  return (devices) => {
    for (const health of HEALTHS) byHealth.set(devices.counts[health] ?? 0, { health });
    bare.set(devices.bare);
    at.set(Math.round(Date.parse(devices.readAt) / 1_000));
  };
}

/** As the last drill on the schedule found them (workflows/drill-round.ts); a round that could not be made changes nothing. */
function drillGauges(meter: Meter): (drill: NonNullable<WatchState['drill']>) => void {
  const gauge = (name: string, unit: string, help: string) => meter.createGauge(name, 'int', unit, help);
  const nodes = gauge('lifeboat_drill_nodes', '1', 'Nodes by whether they would be recovered if they died');
  const at = gauge('lifeboat_drill_timestamp_seconds', 's', 'When the fleet was drilled last');
  return (drill) => {
    if (drill.readAt === null) return;
    nodes.set(drill.works, { works: 'true' });
    nodes.set(drill.nodes - drill.works, { works: 'false' });
    at.set(Math.round(Date.parse(drill.readAt) / 1_000));
  };
}

/** `share: 3 of 8 nodes …` and `observe:compute-7` count under what stands before the colon; what is over counts as 0. */
function byName(gauge: ReturnType<Meter['createGauge']>, tag: string): (keys: readonly string[]) => void {
  const met = new Set<string>();
  return (keys) => {
    const names = keys.map((key) => key.split(':', 1)[0]!);
    for (const name of names) met.add(name);
    for (const name of met) gauge.set(names.filter((n) => n === name).length, { [tag]: name });
  };
}
