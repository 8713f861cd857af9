// What `status` tells: the watch's own words, the sweep's pulse as the server sees it, the open runs, who polls; and whether all is well.
import { defaultPayloadConverter } from '@temporalio/common';
import {
  DEVICES_ALARM,
  watchId,
  WORKFLOW_TYPES,
  type Phase,
  type Question,
  type RunState,
  type WatchState,
} from '../../workflows/contract.ts';
import { readmitStateQuery, stateQuery, watchStateQuery } from '../../workflows/verbs.ts';
import { Unreachable } from './command.ts';
import { ago } from './print.ts';
import {
  ask,
  describe,
  millis,
  pageOf,
  pollersOf,
  ROLE_OF,
  startHint,
  type Polled,
  type Temporal,
} from './temporal.ts';

/** The sweep heartbeats each second; another worker takes over within six. */
export const SILENT_MS = 15_000;
/** Between two sweeps the watch judges for a moment. */
const SWEEP_WAIT_MS = 3_000;

export interface SweepPulse {
  /** Since the last heartbeat, as the server keeps it. */
  agoMs: number;
  worker: string;
  /** Nodes in the last whole list, and sweeps in a row that were not whole. Null before the first heartbeat. */
  nodes: number | null;
  notWhole: number | null;
}

export interface OpenOperation {
  node: string;
  workflowId: string;
  runId: string;
  page: string | null;
  type: string;
  /** Null: no worker answered. */
  phase: Phase | 'readmitting' | null;
  doing: string;
  question: Question | null;
  instances: RunState['instances'];
}

export interface Fleet {
  cloud: string;
  well: boolean;
  /** Why not. */
  reasons: string[];
  watch: WatchState | null;
  sweep: SweepPulse | null;
  open: OpenOperation[];
  workers: Polled[];
}

/** Reads only. Rejects with Unreachable when the watch runs and nobody answers for it. */
export async function readFleet(temporal: Temporal): Promise<Fleet> {
  const { client, config } = temporal;
  const handle = client.workflow.getHandle(watchId(config.cloud));
  const queues = Object.keys(ROLE_OF) as (keyof typeof ROLE_OF)[];
  const [running, workers] = await Promise.all([
    describe(handle),
    Promise.all(queues.map((queue) => pollersOf(temporal, queue))),
  ]);
  const alive = running?.status.name === 'RUNNING';
  const [watch, sweep] = alive
    ? await Promise.all([ask(temporal, handle, watchStateQuery), pulseOf(temporal)])
    : [null, null];
  if (alive && watch === null) {
    const hint = startHint(config, 'workflow');
    throw new Unreachable(`no worker polls lifeboat-${config.cloud}: the watch cannot answer (${hint})`);
  }
  const open = await operations(temporal, watch);
  const fleet = { cloud: config.cloud, watch, sweep, open, workers };
  const reasons = reasonsOf(fleet, startHint(config, 'monitor'));
  return { ...fleet, well: reasons.length === 0, reasons };
}

async function pulseOf({ client, config }: Temporal): Promise<SweepPulse | null> {
  const deadline = performance.now() + SWEEP_WAIT_MS;
  for (;;) {
    const found = await client.workflow.getHandle(watchId(config.cloud)).describe();
    const sweep = found.raw.pendingActivities?.find((a) => a.activityType?.name === 'sweepFleet');
    const at = millis(sweep?.lastHeartbeatTime) ?? 0;
    if (sweep && at > 0) {
      const payload = sweep.heartbeatDetails?.payloads?.[0];
      const details = payload ? defaultPayloadConverter.fromPayload<Record<string, unknown>>(payload) : {};
      const count = (key: string): number | null => (typeof details[key] === 'number' ? details[key] : null);
      return {
        agoMs: Math.max(0, Date.now() - at),
        worker: sweep.lastWorkerIdentity ?? '',
        nodes: count('lastWholeCount'),
        notWhole: count('notWhole'),
      };
    }
    if (performance.now() > deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Those that the watch knows, and those that are not admitted yet or are readmissions. */
async function operations(temporal: Temporal, watch: WatchState | null): Promise<OpenOperation[]> {
  const { client, config } = temporal;
  const known = new Map(
    [
      ...(watch?.open ?? []).map((o) => ({ ...o, type: WORKFLOW_TYPES.recover as string })),
      ...(watch?.drains ?? []).map((o) => ({ ...o, type: WORKFLOW_TYPES.drain as string })),
    ].map((o) => [o.workflowId, o]),
  );
  const types = `WorkflowType IN ("${WORKFLOW_TYPES.recover}", "${WORKFLOW_TYPES.drain}", "${WORKFLOW_TYPES.readmit}")`;
  const query = `ExecutionStatus = "Running" AND ${types} AND WorkflowId STARTS_WITH "${config.cloud}/"`;
  const found: { workflowId: string; runId: string; node: string; type: string }[] = [...known.values()];
  for await (const { workflowId, runId, type } of client.workflow.list({ query }))
    if (!known.has(workflowId))
      found.push({ workflowId, runId, type, node: workflowId.slice(config.cloud.length + 1) });
  const all = await Promise.all(found.map((o) => operation(temporal, o)));
  return all.filter((o) => o !== null).sort((a, b) => a.node.localeCompare(b.node));
}

/** Null: it has ended meanwhile. */
async function operation(
  temporal: Temporal,
  { workflowId, runId, node, type }: { workflowId: string; runId: string; node: string; type: string },
): Promise<OpenOperation | null> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  const running = await describe(handle);
  if (running?.status.name !== 'RUNNING') return null;
  const base = { node, workflowId, runId, type, page: pageOf(temporal, workflowId, runId) };
  const silent = { phase: null, doing: 'no worker answers', question: null, instances: [] };
  if (type === WORKFLOW_TYPES.readmit) {
    const state = await ask(temporal, handle, readmitStateQuery);
    return { ...base, ...silent, ...(state ? { phase: 'readmitting' as const, doing: state.doing } : {}) };
  }
  const state = await ask(temporal, handle, stateQuery);
  if (!state) return { ...base, ...silent };
  const { phase, doing, question, instances } = state;
  return { ...base, phase, doing, question, instances };
}

/** Everything that a person should know of, one line each. Empty: all is well. */
export function reasonsOf(fleet: Omit<Fleet, 'well' | 'reasons'>, hint: string): string[] {
  const { cloud, watch, sweep, open, workers } = fleet;
  if (!watch) return [`no watch of ${cloud} runs: nobody watches its nodes (${hint})`, ...missing(workers)];
  const failed = watch.sight?.failed ?? [];
  const ours = watch.sight?.ours ?? [];
  return [
    ...(sweep ? [] : ['no sweep runs: nobody looks at the nodes']),
    ...(sweep && sweep.agoMs > SILENT_MS ? [`the last sign of the sweep is ${ago(sweep.agoMs)} old`] : []),
    ...(sweep?.notWhole
      ? [
          `the last ${sweep.notWhole} lists of nodes were not whole: ${watch.sight?.trouble || 'see the log of the monitor'}`,
        ]
      : []),
    ...(watch.paused
      ? [`paused by ${watch.paused.by} at ${watch.paused.at}: ${watch.paused.reason || 'no reason given'}`]
      : []),
    ...(watch.override
      ? [`${watch.override.by} overrides the limits until ${watch.override.until}: ${watch.override.reason}`]
      : []),
    ...open.map(
      (o) => `${o.node}: ${WHAT[o.type] ?? 'a recovery'} is open${o.question ? ', and a person is needed' : ''}`,
    ),
    ...failed.filter((n) => !ours.includes(n)).map((n) => `${n} is failed`),
    ...Object.entries(watch.degraded ?? {}).map(([node, saw]) => `${node} is in trouble, and alive: ${saw}`),
    ...Object.entries(watch.held).map(([node, why]) => `${node} is held: ${why}`),
    ...ours.map((node) => `${node} is off by us (back with: npm run readmit -- ${node})`),
    ...(watch.sight?.drained ?? [])
      .filter((node) => !open.some((o) => o.node === node))
      .map((node) => `${node} is drained, and disabled (back with: npm run readmit -- ${node})`),
    ...watch.standDowns.map((node) => `${node} is stood down: its recovery was aborted before anything was touched`),
    ...brokenDevices(watch),
    ...watch.alarms.filter((key) => key !== DEVICES_ALARM).map((key) => `alarm: ${key}`),
    ...missing(workers),
  ];
}

const LISTED = 10;

/** One line each, of a storm the first ones. */
function brokenDevices({ devices }: WatchState): string[] {
  const broken = devices?.broken ?? [];
  const lines = broken
    .slice(0, LISTED)
    .map((d) => `${d.node}: its power device would not serve (${d.level}): ${d.detail || `${d.label}: ${d.health}`}`);
  const more = broken.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more power devices would not serve`] : lines;
}

const WHAT: Record<string, string> = { [WORKFLOW_TYPES.readmit]: 'a readmission', [WORKFLOW_TYPES.drain]: 'a drain' };

const missing = (workers: readonly Polled[]): string[] =>
  workers.filter((w) => w.workers.length === 0).map((w) => `no worker polls ${w.name} (role ${w.role})`);
