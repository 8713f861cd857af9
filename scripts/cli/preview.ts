// start-recovery --dry-run: what a recovery would do now, read by the same activities, by the policy of this file.
import type { WorkflowHandle } from '@temporalio/client';
import {
  previewId,
  taskQueues,
  watchId,
  WORKFLOW_TYPES,
  type Circumstances,
  type PreviewInput,
  type RecoveryPreview,
} from '../../workflows/contract.ts';
import { watchStateQuery } from '../../workflows/verbs.ts';
import { WORKFLOW_TASK_TIMEOUT } from '../../workers/temporal.ts';
import { EXIT, Unreachable } from './command.ts';
import { paint, table } from './print.ts';
import { ANSWER_MS, ask, describe, workersThere, type Temporal } from './temporal.ts';

/** Every read of it ends within less, unless nobody polls one of its queues. */
const LIMIT_MS = 60_000;

/** Prints the preview. The exit code is fine when a recovery would begin. */
export async function preview(
  temporal: Temporal,
  wish: { node: string; force: boolean; json: boolean },
): Promise<number> {
  const found = await readPreview(temporal, wish);
  if (wish.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  if (!found.found) {
    if (!wish.json) process.stdout.write(`${unknownNode(found)}\n`);
    return EXIT.notFine;
  }
  if (!wish.json) {
    for (const line of lines(found)) process.stdout.write(`${line}\n`);
    const other = await otherPolicy(temporal);
    if (other) process.stdout.write(`${paint(process.stdout, 'yellow', other)}\n`);
  }
  return found.gate === 'pass' ? EXIT.fine : EXIT.notFine;
}

export const unknownNode = ({ node, near }: RecoveryPreview): string =>
  `there is no compute node ${node}${near.length > 0 ? ` (near: ${near.join(', ')})` : ''}`;

/** Everything is read by workers, by the policy of this file. `ifDead`: judged as if the node had just died (a drill). */
export function readPreview(
  temporal: Temporal,
  { node, force, ifDead }: { node: string; force: boolean; ifDead?: Circumstances },
): Promise<RecoveryPreview> {
  const { cloud, policy } = temporal.config;
  const input: PreviewInput = { cloud, node, force, policy, ...(ifDead ? { ifDead } : {}) };
  return execute(temporal, {
    ...{ type: WORKFLOW_TYPES.preview, workflowId: previewId(cloud, node, Date.now()), input, limitMs: LIMIT_MS },
    what: ifDead ? `drill: what if ${node} died now?` : `dry run: what would a recovery of ${node} do?`,
  });
}

/** Runs a workflow that only reads, and waits for it; with nobody who waits any more it ends. */
export async function execute<R>(
  temporal: Temporal,
  asked: { type: string; workflowId: string; input: object; limitMs: number; what: string },
): Promise<R> {
  const { client, config } = temporal;
  const { type, workflowId, input, limitMs, what } = asked;
  await workersThere(
    temporal,
    ['workflow', 'monitoring', 'openstack', 'fencing', 'notification'],
    'nothing can be read',
  );
  const handle = await client.workflow.start(type, {
    workflowId,
    taskQueue: taskQueues(config.cloud).workflow,
    args: [input],
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    // Nobody looks at it after that.
    workflowExecutionTimeout: 2 * limitMs,
    staticSummary: what,
  });
  try {
    return (await client.withDeadline(Date.now() + limitMs, () => handle.result())) as R;
  } catch (error) {
    const open = await waitsFor(handle);
    await handle.terminate('nobody waits for this any more').catch(() => undefined);
    if (open === null) throw error instanceof Error ? (error.cause ?? error) : error;
    throw new Unreachable(`${what} No answer within ${limitMs / 1_000} s: ${open}`);
  }
}

/** Null where it does not run any more. */
async function waitsFor(handle: WorkflowHandle): Promise<string | null> {
  const found = await describe(handle);
  if (found?.status.name !== 'RUNNING') return null;
  const pending = (found.raw.pendingActivities ?? []).map((a) => {
    const why = a.lastFailure?.message ?? 'no worker has taken it (npm run check shows who polls)';
    return `${a.activityType?.name ?? 'an activity'}: ${why}`;
  });
  return pending.join('; ') || 'no workflow worker answers';
}

/** The watch decides by the monitor's file: where that is another one, the preview is not what would happen. */
export async function otherPolicy(temporal: Temporal): Promise<string | null> {
  const { client, config } = temporal;
  const handle = client.workflow.getHandle(watchId(config.cloud));
  const watch = await ask(temporal, handle, watchStateQuery, ANSWER_MS / 2).catch(() => null);
  if (!watch || watch.policyHash === config.policyHash) return null;
  return `note: the watch follows another configuration (${watch.policyHash}, mode ${watch.mode}) than this file (${config.policyHash})`;
}

function lines(p: RecoveryPreview): string[] {
  const would =
    p.gate === 'pass'
      ? paint(process.stdout, 'green', p.mode === 'confirm' ? 'a person would be asked to approve' : 'it would begin')
      : paint(process.stdout, 'yellow', `it would not begin now: ${p.gate}`);
  return [
    paint(process.stdout, 'bold', `Dry run of a recovery of ${p.node}: nothing was touched`),
    `  ${would} (mode ${p.mode})`,
    ...sections(p),
  ];
}

/** What was read, part by part. */
export function sections(p: RecoveryPreview): string[] {
  const title = (text: string): string => paint(process.stdout, 'bold', text);
  const indented = (rows: string[][]): string[] =>
    rows.length > 0 ? table(rows).map((line) => `  ${line}`) : ['  none'];
  const first = (d: string): number => (d === 'keep' ? 1 : 0);
  const instances = [...p.instances].sort(
    (a, b) => first(a.decision) - first(b.decision) || b.priority - a.priority || a.name.localeCompare(b.name),
  );
  const moves = instances.filter((i) => i.decision !== 'keep');
  return [
    title('Evidence'),
    ...indented(p.evidence.map((e) => [e.channel, e.verdict, e.saw])),
    title('Fence, level by level'),
    ...indented(p.levels.map((l) => [l.level, l.devices.join(' and ')])),
    title('Power now'),
    ...indented(p.power.map((d) => [d.level, d.power, d.detail])),
    title(`Instances: ${moves.length} of ${instances.length} would be moved, in this order`),
    ...indented(
      instances.map((i) => [
        i.name || i.id,
        i.decision,
        i.decision === 'keep' ? '' : i.room ? roomOf(p, i.id) : 'no room now',
        [i.reason, i.loses].filter(Boolean).join('; '),
      ]),
    ),
    title(`People who would be told: ${p.tells.length}`),
    ...indented(p.tells.map((t) => [t.audience, t.address, t.name])),
    ...(p.unreachable.length > 0 ? [title('Who cannot be told'), ...p.unreachable.map((u) => `  ${u}`)] : []),
  ];
}

const roomOf = ({ drill }: RecoveryPreview, id: string): string =>
  drill?.seats[id] ? `room on ${drill.seats[id].host}` : 'room now';
