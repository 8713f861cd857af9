// Runs the real workflows against activities that a test scripts: the order of things and people's verbs, without a cloud.
// One dev server and one bundle for a file; one task-queue prefix (cloud) for each story.
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { EvacuationActivities } from '../../activities/evacuation/contract.ts';
import type { DrainActivities } from '../../activities/evacuation/drain-contract.ts';
import type { ReserveActivities } from '../../activities/evacuation/reserve-contract.ts';
import type { FencingActivities, GuardActivities, GuardInput } from '../../activities/fencing/contract.ts';
import type { ProbeActivities } from '../../activities/fencing/probe-contract.ts';
import type { DrillActivities } from '../../activities/monitoring/drill-contract.ts';
import type { MonitoringActivities } from '../../activities/monitoring/contract.ts';
import type { NotificationActivities } from '../../activities/notification/contract.ts';
import {
  nodeWorkflowId,
  taskQueues,
  watchId,
  WORKFLOW_TYPES,
  type Admission,
  type AdmissionRequest,
  type Notice,
  type RecoverInput,
  type WatchInput,
} from '../../workflows/contract.ts';
import { DEFAULT_POLICY, scaleTimings, type Policy } from '../../workflows/defaults.ts';
import type { MigrationRecord, NodeView, Planned, RecoveryReport } from '../../workflows/domain.ts';
import { admitUpdate, guardSawSignal } from '../../workflows/verbs.ts';
import { workflowBundle } from '../support/bundle.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';

export type Fakes = DrainActivities &
  ReserveActivities &
  MonitoringActivities &
  FencingActivities &
  GuardActivities &
  EvacuationActivities &
  Partial<ProbeActivities & DrillActivities>;

/** Everything that happened, in order: `fenceLevel bmc`, `POST web-1`, `tell started`. */
export interface Story {
  cloud: string;
  calls: string[];
  notices: Notice[];
  policy: Policy;
  fakes: Fakes;
  /** Starts the watch; `known` is what continue-as-new would bring. */
  watch(kept?: Partial<WatchInput>): Promise<WorkflowHandle>;
  handle(node: string): WorkflowHandle;
  admit(node: string, runId: string, more?: Partial<AdmissionRequest>): Promise<Admission>;
  start(input?: Partial<RecoverInput>): Promise<WorkflowHandle<(input: RecoverInput) => Promise<RecoveryReport>>>;
  end(): Promise<void>;
}

let temporal: LocalTemporal | null = null;
let stories = 0;

/** The options count for the first call of a process: there is one server. */
export async function open(options: Parameters<typeof devServer>[0] = {}): Promise<LocalTemporal> {
  temporal ??= await devServer(options);
  return temporal;
}

export async function shut(): Promise<void> {
  await temporal?.teardown();
  temporal = null;
}

export const aNode = (over: Partial<NodeView> = {}): NodeView => ({
  host: 'compute-7',
  serviceId: 'a7a7a7a7-0000-4000-8000-000000000007',
  zone: 'nova',
  status: 'enabled',
  state: 'down',
  forcedDown: false,
  disabledReason: null,
  updatedAt: '2026-01-01T00:00:00Z',
  hostIp: '127.0.0.1',
  ...over,
});

export const anInstance = (name: string, over: Partial<Planned> = {}): Planned => ({
  id: `id-${name}`,
  name,
  projectId: 'acme',
  userId: 'alice',
  vmState: 'active',
  powerState: 1,
  decision: 'evacuate',
  reason: '',
  locked: false,
  priority: 0,
  rebuilding: false,
  ...over,
});

/** What the guard says after its first read. */
export async function signalOff({ workflowId, runId, epoch }: GuardInput): Promise<void> {
  const handle = Context.current().client.workflow.getHandle(workflowId, runId);
  await handle.signal(guardSawSignal, { epoch, seeing: 'off', saw: 'off', readAt: new Date().toISOString() });
}

/** Waits in an activity until it is cancelled, heartbeating, as the guard does. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 200).unref();
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}

/** A data centre in which everything goes well; a test overrides what goes wrong. */
function goodFakes(story: Pick<Story, 'calls' | 'policy'>, node: NodeView, instances: Planned[]): Fakes {
  const did = (what: string): void => void story.calls.push(what);
  const needs = Object.fromEntries(instances.map((i) => [i.id, { vcpus: 1, ram: 512, disk: 1 }]));
  const noRecords: MigrationRecord[] = [];
  return {
    sweepFleet: untilCancelled,
    lookAtFleet: () => Promise.reject(new Error('not scripted')),
    resolveNode: async (name) => (name === node.host ? { found: node } : { found: null, near: [node.host] }),
    askAdmission: async () => {
      did('admission');
      const evidence = [
        { channel: 'nova-service', verdict: 'failed' as const, saw: 'state down', readAt: new Date().toISOString() },
      ];
      const grant = {
        policy: story.policy,
        width: 8,
        evidence,
        node,
        silentMs: 60_000,
        at: new Date().toISOString(),
        searchAttributes: true,
      };
      return { kind: 'granted', grant };
    },
    surveyFleet: async () => ({
      nodes: [
        { view: node, trouble: '', instances: instances.length, moves: 1, fits: 1, fitsInZone: 1, loses: 0, keeps: [] },
      ],
      together: [{ nodes: [node.host], moves: 1, fits: 1 }],
      ...{ destinations: 19, zones: 1 },
    }),
    tellRuns: async () => [],
    readyMonitoring: async () => 'ready',
    readyFencing: async () => 'ready',
    readyGuard: async () => 'ready',
    readyOpenstack: async () => 'ready',
    fencingPlan: async () => [
      {
        level: 'bmc',
        kind: 'power',
        devices: [{ label: 'ipmi 10.0.0.7', confirmCommand: 'ipmitool … chassis power status' }],
      },
    ],
    fenceLevel: async ({ level }) => {
      did(`fence ${level}`);
      const proof = {
        kind: 'power' as const,
        level,
        devices: ['ipmi 10.0.0.7'],
        readAt: new Date().toISOString(),
        witness: 'silent',
      };
      return { kind: 'proven', proof, offSent: true, seconds: 3 };
    },
    awaitDumpEnd: async () => ({ ended: true, saw: 'nothing was heard' }),
    readPower: async () => [],
    powerOn: async () => ({ ok: true, detail: 'on' }),
    guardNode: async (input) => {
      did(`guard ${input.epoch}`);
      await signalOff(input);
      return untilCancelled();
    },
    takeSnapshot: async () => ({
      snapshot: { node, instances, lastEvacuationId: 0, takenAt: new Date().toISOString() },
      needs,
    }),
    listAgain: async () => ({ instances, gone: [], needs }),
    markNode: async ({ marker }) => {
      did(`PUT ${marker.split(':').slice(2).join(':') || 'open'}`);
      return { ...node, status: 'disabled', forcedDown: true, disabledReason: marker };
    },
    findRoom: async ({ waiting }) => ({ fits: waiting.map((w) => w.id), why: '' }),
    lockAhead: async ({ instances: next }) => ({ locked: next.length }),
    evacuateInstance: async ({ instance }) => {
      did(`POST ${instance.name}`);
      return { kind: 'recovered', host: 'compute-1', at: new Date().toISOString(), record: 1, posts: 1 };
    },
    listReserve: async () => [],
    enableReserve: async ({ host }) => {
      did(`enable ${host}`);
      return { ok: true, why: '' };
    },
    giveBackReserve: async ({ host }) => {
      did(`give back ${host}`);
      return { givenBack: true, why: '' };
    },
    planDrain: async () => ({ node, instances, lastMigrationId: 0 }),
    markDrained: async ({ marker }) => {
      did(`PUT ${marker.split(':')[2]}`);
      return { ...node, status: 'disabled', disabledReason: marker };
    },
    liveMigrate: async ({ instance }) => {
      did(`migrate ${instance.name}`);
      return { kind: 'moved', host: 'compute-1', at: new Date().toISOString(), record: 1 };
    },
    liftLocks: async () => {
      did('unlock');
      return { lifted: [], left: [] };
    },
    observe: async () => ({}),
    openRecords: async () => noRecords,
    readService: async () => node,
    unforce: async () => ({ ok: true, why: '' }),
    enable: async () => ({ ...node, status: 'enabled' }),
  };
}

/** Opens a story: workers on every queue of a cloud of its own. `end` stops them. */
export async function story(
  over: (s: Pick<Story, 'calls' | 'notices' | 'policy' | 'cloud'>, good: Fakes) => Partial<Fakes> = () => ({}),
  settings: {
    policy?: Partial<Policy>;
    instances?: Planned[];
    node?: NodeView;
    factor?: number;
    /** Who is told; by default nobody. */
    notify?: Partial<NotificationActivities>;
  } = {},
): Promise<Story> {
  const { env } = await open();
  const cloud = `t${++stories}`;
  const timings = scaleTimings(DEFAULT_POLICY.timings, settings.factor ?? 0.02);
  const policy: Policy = { ...DEFAULT_POLICY, mode: 'auto', timings, ...settings.policy };
  const calls: string[] = [];
  const notices: Notice[] = [];
  const node = settings.node ?? aNode();
  const instances = settings.instances ?? [anInstance('web-1'), anInstance('web-2'), anInstance('db-1')];
  const good = goodFakes({ calls, policy }, node, instances);
  const fakes: Fakes = { ...good, ...over({ calls, notices, policy, cloud }, good) };
  const notify = {
    readyNotification: async () => 'ready',
    findRecipients: async (notice: Notice) => {
      notices.push(notice);
      return { recipients: [], unreachable: [] };
    },
    deliverNotice: async () => 'id',
    keepReport: async () => null,
    ...settings.notify,
  };
  const q = taskQueues(cloud);
  const connection = env.nativeConnection;
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: q.workflow, workflowBundle: await workflowBundle() }),
    ...[q.monitoring, q.openstack, q.fencing, q.guard].map((taskQueue) =>
      Worker.create({ connection, taskQueue, activities: { ...fakes } }),
    ),
    Worker.create({ connection, taskQueue: q.notification, activities: notify }),
  ]);
  const running = workers.map((w) => w.run());
  return {
    cloud,
    calls,
    notices,
    policy,
    fakes,
    start: (input = {}) =>
      env.client.workflow.start(WORKFLOW_TYPES.recover as never, {
        taskQueue: q.workflow,
        workflowId: nodeWorkflowId(cloud, input.node ?? node.host),
        args: [{ node: node.host, by: 'ann', ...input }] as never,
        workflowTaskTimeout: '5s',
      }) as never,
    watch: (kept = {}) =>
      env.client.workflow.start(WORKFLOW_TYPES.watch, {
        taskQueue: q.workflow,
        workflowId: watchId(cloud),
        args: [{ cloud, policy, policyHash: 'h1', configuredBy: 'the test', searchAttributes: true, ...kept }],
        workflowTaskTimeout: '5s',
      }),
    handle: (name) => env.client.workflow.getHandle(nodeWorkflowId(cloud, name)),
    admit: (name, runId, more = {}) =>
      env.client.workflow.getHandle(watchId(cloud)).executeUpdate(admitUpdate, {
        args: [
          {
            ...{ cloud, node: name, serviceId: '', workflowId: nodeWorkflowId(cloud, name), runId, by: 'ann' },
            ...{ byHand: true, force: false, orphan: false },
            ...more,
          },
        ],
      }),
    async end() {
      await env.client.workflow
        .getHandle(watchId(cloud))
        .terminate('the story ends')
        .catch(() => undefined);
      for (const w of workers) w.shutdown();
      await Promise.all(running);
    },
  };
}
