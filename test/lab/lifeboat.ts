// Lifeboat as people run it, beside the lab: the real Temporal server, a worker process with a lifeboat.yaml, a mailbox.
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { stringify } from 'yaml';
import {
  nodeWorkflowId,
  watchId,
  type RecoverInput,
  type RunState,
  type WatchState,
} from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import * as verbs from '../../workflows/verbs.ts';
import { startMailbox, type Mailbox } from '../activities/notification/smtp.ts';
import type { Fleet } from '../../scripts/cli/fleet.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startChild, stopChild, type Child } from './child.ts';
import { forNode, type LabSettings } from './settings.ts';

export const ADMIN = 'ops@lab.example';
export const CLOUD = 'lab';
const ROOT = path.join(import.meta.dirname, '../..');

export type RunHandle = WorkflowHandle<(input: RecoverInput) => Promise<RecoveryReport>>;

export interface Lifeboat {
  mailbox: Mailbox;
  watch(): Promise<WatchState>;
  /** Resolves once the watch has started a recovery of the node that is not `before`. */
  started(node: string, before?: string): Promise<RunHandle>;
  /** The type of the last run on the node, open or closed. */
  latest(node: string): Promise<string>;
  state(run: RunHandle): Promise<RunState>;
  /** Rejects when the run ended before it came there. */
  phase(run: RunHandle, phase: RunState['phase'], timeoutMs?: number): Promise<RunState>;
  /** `npm run readmit`: resolves with what it printed, rejects on any other exit code than 0. */
  readmit(node: string): Promise<string>;
  /** `npm run drain`: its exit code, and the report that it printed. */
  drain(node: string, reason: string): Promise<{ code: number | null; report: RecoveryReport; output: string }>;
  end(): Promise<void>;
}

export async function startLifeboat(
  lab: LabSettings,
  nodes: string[],
  more: Record<string, unknown> = {},
): Promise<Lifeboat> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-lab-'));
  const mailbox = await startMailbox();
  const temporal = await devServer();
  const started: Child[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(started.map(stopChild));
    await tearDown(temporal, mailbox, dir);
  };
  try {
    return { ...(await run(lab, nodes, more, { dir, mailbox, temporal, started })), mailbox, end };
  } catch (error) {
    // A test process whose children live never ends.
    await end();
    throw error;
  }
}

interface Parts {
  dir: string;
  mailbox: Mailbox;
  temporal: LocalTemporal;
  /** Filled as they start. */
  started: Child[];
}

async function run(
  lab: LabSettings,
  nodes: string[],
  more: Record<string, unknown>,
  { dir, mailbox, temporal, started }: Parts,
): Promise<Omit<Lifeboat, 'mailbox' | 'end'>> {
  const file = path.join(dir, 'lifeboat.yaml');
  await writeFile(file, stringify({ ...configuration(lab, nodes, mailbox.port), ...more }));
  const env = {
    ...{ PATH: process.env.PATH, HOME: dir, USER: 'lab', LIFEBOAT_CONFIG: file },
    ...{ TEMPORAL_ADDRESS: temporal.server.address, OS_CLIENT_CONFIG_FILE: lab.clouds },
    LAB_BMC_PASSWORD: lab.bmcpassword,
  };
  const worker = program('workers/main.ts', [], env);
  started.push(worker);
  const log = createWriteStream(process.env.LIFEBOAT_LAB_LOG ?? path.join(dir, 'worker.log'));
  worker.child.stderr.pipe(log);
  const { client } = temporal.env;
  const watch = (): Promise<WatchState> => client.workflow.getHandle(watchId(CLOUD)).query(verbs.watchStateQuery);
  const runOf = (node: string, runId?: string): RunHandle =>
    client.workflow.getHandle(nodeWorkflowId(CLOUD, node), runId) as RunHandle;
  const state = (handle: RunHandle): Promise<RunState> => handle.query(verbs.stateQuery);
  const well = { what: '`npm run status` says that all is well', timeoutMs: 90_000, everyMs: 500 };
  await Promise.race([
    until(() => allIsWell(env, nodes.length, 'fencing' in more), well),
    worker.ended.then(() => Promise.reject(new Error(`the worker ended:\n${worker.output().slice(-2_000)}`))),
  ]);
  return {
    watch,
    state,
    latest: async (node) => (await runOf(node).describe()).type,
    started: (node, before) =>
      until(
        async () => {
          const { runId, type } = await runOf(node).describe();
          return type === 'recoverNode' && runId !== before ? runOf(node, runId) : null;
        },
        { what: `a recovery of ${node} is started`, timeoutMs: 120_000, everyMs: 100 },
      ),
    phase: (handle, phase, timeoutMs = 120_000) =>
      until(async () => ((await state(handle)).phase === phase ? state(handle) : null), {
        ...{ what: `the run is ${phase}`, timeoutMs, everyMs: 100 },
      }),
    async readmit(node) {
      const readmission = program('scripts/readmit.ts', [node, '--by', 'ann'], env);
      const code = await readmission.ended;
      if (code !== 0) throw new Error(`npm run readmit -- ${node} ended with ${code}:\n${readmission.output()}`);
      return readmission.output();
    },
    async drain(node, reason) {
      const draining = program('scripts/drain.ts', [node, '--by', 'ann', '--reason', reason, '--json'], env);
      const code = await draining.ended;
      if (draining.stdout() === '') throw new Error(`npm run drain ended with ${code}:\n${draining.output()}`);
      return { code, report: JSON.parse(draining.stdout()) as RecoveryReport, output: draining.output() };
    },
  };
}

/**
 * `npm run status`: the monitor sweeps, and its last list was whole. Rejects with the reasons that it lists. `brokenDevices`: some are
 * broken on purpose, which the status tells by its exit code.
 */
async function allIsWell(env: NodeJS.ProcessEnv, nodes: number, brokenDevices: boolean): Promise<true> {
  const status = program('scripts/status.ts', ['--json'], env);
  const code = await status.ended;
  if (code !== 0 && !brokenDevices)
    throw new Error(`npm run status ended with ${code}: ${status.output().slice(0, 1_000)}`);
  const { sweep } = JSON.parse(status.output()) as Fleet;
  if (sweep?.nodes !== nodes) throw new Error(`the sweep sees ${sweep?.nodes} nodes, the lab has ${nodes}`);
  return true;
}

async function tearDown(temporal: LocalTemporal, mailbox: Mailbox, dir: string): Promise<void> {
  await temporal.teardown();
  await mailbox.close();
  await rm(dir, { recursive: true, force: true });
}

const program = (file: string, args: string[], env: NodeJS.ProcessEnv): Child =>
  startChild(process.execPath, ['--import', 'tsx', path.join(ROOT, file), ...args], { cwd: ROOT, env });

/** The nodes' BMCs; `portOf`: ports of this machine instead, where nobody listens, or somebody who passes it on. */
export function ipmi(lab: LabSettings, nodes: string[], portOf?: (node: string) => number): Record<string, unknown> {
  const bmc = (node: string): object => ({
    host: portOf ? '127.0.0.1' : forNode(lab.bmchost, node),
    port: portOf?.(node) ?? Number(forNode(lab.bmcport, node)),
  });
  return {
    driver: 'ipmi',
    nodes,
    options: { user: lab.bmcuser, password: { env: 'LAB_BMC_PASSWORD' }, cipher: Number(lab.bmccipher) },
    perNode: Object.fromEntries(nodes.map((n) => [n, bmc(n)])),
  };
}

/** Defaults, but for what a lab with a short report_interval makes sensible; nothing below a floor. */
function configuration(lab: LabSettings, nodes: string[], smtpPort: number): Record<string, unknown> {
  return {
    cloud: CLOUD,
    openstack: { cloud: 'ha' },
    mode: 'auto',
    monitoring: {
      channels: [{ driver: 'nova-service' }, { driver: 'tcp', options: { ports: [Number(lab.tcpport)] } }],
    },
    fencing: { levels: [{ name: 'bmc', devices: [ipmi(lab, nodes)] }] },
    evacuation: { imageBackedDisks: 'shared', perNode: 6 },
    notification: {
      admins: [ADMIN],
      channels: [
        {
          driver: 'email',
          options: {
            ...{ host: '127.0.0.1', port: smtpPort, tls: 'none' },
            from: { name: 'Lab operations', address: 'lifeboat@lab.example' },
          },
        },
      ],
    },
    timings: { reportInterval: lab.reportinterval, grace: '10s', healthyBeforeEnable: '10s' },
  };
}
