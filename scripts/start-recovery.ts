// npm run start-recovery -- compute-7
import { nodeWorkflowId, WORKFLOW_TYPES, type RecoverInput } from '../workflows/contract.ts';
import type { RecoveryReport } from '../workflows/domain.ts';
import { joinedSignal, stateQuery } from '../workflows/verbs.ts';
import { COMMON_USAGE, configOf, EXIT, run, UsageError } from './cli/command.ts';
import { detachable, follow } from './cli/follow.ts';
import { preview } from './cli/preview.ts';
import { feedTo, type Feed } from './cli/print.ts';
import { recoveryView } from './cli/recovery-view.ts';
import { lastRun, openRun, type Opened } from './cli/start-run.ts';
import { START_OPTIONS, startWish, type StartWish } from './cli/start-wish.ts';
import { describe, whereOf, withTemporal, workersThere, type Temporal } from './cli/temporal.ts';

const USAGE = `npm run start-recovery -- NODE [--reason TEXT] [--by NAME] [--detach] [--force] [--dry-run] [--json]

  Recovers a failed node: proves it dead, fences it, evacuates its instances, tells people. A recovery that runs already is joined.

  --reason TEXT    kept in the report
  --by NAME        who asks; $USER where it is not given
  --detach         start it and do not follow it
  --force          past the limits (share, at once, per hour); never past proof
  --dry-run        show what would happen and touch nothing
  --json           the report (or the preview) as JSON on standard output, progress on standard error
${COMMON_USAGE}

  Ends with 0 recovered (dry run: it would begin), 1 anything else, 2 wrong usage or configuration, 3 nobody answers, 130 detached`;

const options = { ...START_OPTIONS, 'dry-run': { type: 'boolean', default: false } } as const;

async function recover(temporal: Temporal, wish: StartWish): Promise<number> {
  const { node, by, reason, force } = wish;
  const feed = feedTo(wish.json ? process.stderr : process.stdout);
  await workersThere(temporal, ['workflow', 'monitoring'], 'nothing was started');
  const input: RecoverInput = { node, cloud: temporal.config.cloud, by, force, ...(reason ? { reason } : {}) };
  const opened = await openRun(temporal, {
    ...{ node, type: WORKFLOW_TYPES.recover, input },
    summary: `recovers ${node}, asked by ${by}`,
  });
  if (!isRecovery(opened, feed)) return EXIT.notFine;
  if (opened.started) feed.line(`started the recovery of ${node}: ${whereOf(temporal, opened)}`);
  else await join(temporal, opened, wish, feed);
  if (wish.detach) {
    if (wish.json) print({ workflowId: opened.workflowId, runId: opened.runId, joined: !opened.started });
    return EXIT.fine;
  }
  const report = await followToTheEnd(temporal, opened, wish, feed);
  if (wish.json && report) print(report);
  return report?.outcome === 'recovered' ? EXIT.fine : EXIT.notFine;
}

function isRecovery(opened: Opened, feed: Feed): boolean {
  if (opened.type === WORKFLOW_TYPES.recover) return true;
  const what =
    { [WORKFLOW_TYPES.readmit]: 'a readmission', [WORKFLOW_TYPES.drain]: 'a drain' }[opened.type] ?? opened.type;
  feed.line(
    `${opened.workflowId}: ${what} of this node is open (run ${opened.runId}); a recovery can begin once it has ended. Nothing was started`,
  );
  return false;
}

async function join(temporal: Temporal, opened: Opened, { by, reason, force }: StartWish, feed: Feed): Promise<void> {
  await opened.handle.signal(joinedSignal, { by, ...(reason ? { reason } : {}) });
  feed.line(`a recovery of this node runs already, you have joined it: ${whereOf(temporal, opened)}`);
  if (force) feed.line('--force was not applied: that run has begun without it');
}

/** Null: it led to something that is no recovery. Follows the right run where the node has another name than was typed. */
async function followToTheEnd(
  temporal: Temporal,
  first: Opened,
  wish: StartWish,
  feed: Feed,
): Promise<RecoveryReport | null> {
  const view = recoveryView(feed, wish.json ? process.stderr : process.stdout);
  let opened = first;
  detachable(feed, () => opened.workflowId);
  for (;;) {
    const { handle } = opened;
    const report = await follow<Parameters<typeof view.show>[0], RecoveryReport>({
      ...{ temporal, handle, query: stateQuery, feed, onState: view.show },
    });
    if (report.outcome !== 'joined') {
      view.report(report);
      return report;
    }
    feed.line(report.reason);
    const right = await lastRun(temporal, nodeWorkflowId(report.cloud, report.node));
    if (!right || !isRecovery(right, feed)) return null;
    if (right.running && !(await startedBy(right, opened))) await join(temporal, right, wish, feed);
    opened = right;
  }
}

/** Our own run started it with our name in its input: nobody joins. */
async function startedBy(right: Opened, ours: Opened): Promise<boolean> {
  const found = await describe(right.handle);
  return found?.raw.workflowExecutionInfo?.parentExecution?.runId === ours.runId;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

await run({
  usage: USAGE,
  options,
  words: ['NODE'],
  async main(values, [word]) {
    if (values['dry-run'] && values.detach) throw new UsageError('--detach: a dry run starts nothing to detach from');
    const wish = startWish(values, word!);
    const config = await configOf(values.config);
    return withTemporal(config, (temporal) => (values['dry-run'] ? preview(temporal, wish) : recover(temporal, wish)));
  },
});
