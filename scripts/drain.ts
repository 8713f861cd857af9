// npm run drain -- compute-7
import { nodeWorkflowId, WORKFLOW_TYPES, type DrainInput, type RunState } from '../workflows/contract.ts';
import type { RecoveryReport } from '../workflows/domain.ts';
import { joinedSignal, stateQuery } from '../workflows/verbs.ts';
import { COMMON_USAGE, configOf, EXIT, run } from './cli/command.ts';
import { detachable, follow } from './cli/follow.ts';
import { feedTo, type Feed } from './cli/print.ts';
import { recoveryView } from './cli/recovery-view.ts';
import { lastRun, openRun, type Opened } from './cli/start-run.ts';
import { START_OPTIONS, startWish, type StartWish } from './cli/start-wish.ts';
import { whereOf, withTemporal, workersThere, type Temporal } from './cli/temporal.ts';

const USAGE = `npm run drain -- NODE [--reason TEXT] [--by NAME] [--detach] [--force] [--json]

  Empties a node that lives: disables it in Nova and live-migrates what runs on it. Nothing is fenced; what cannot be live-migrated stays
  where it runs, and is named. Where the node fails meanwhile, its recovery takes over. Back into service: npm run readmit -- NODE

  --reason TEXT    kept in the report
  --by NAME        who asks; $USER where it is not given
  --detach         start it and do not follow it
  --force          also beside other drains (limits.drains)
  --json           the report as JSON on standard output, progress on standard error
${COMMON_USAGE}

  Ends with 0 drained, 1 anything else, 2 wrong usage or configuration, 3 nobody answers, 130 detached`;

async function drain(temporal: Temporal, wish: StartWish): Promise<number> {
  const { node, by, reason, force } = wish;
  const out = wish.json ? process.stderr : process.stdout;
  const feed = feedTo(out);
  await workersThere(temporal, ['workflow', 'monitoring', 'openstack'], 'nothing was started');
  const input: DrainInput = { node, cloud: temporal.config.cloud, by, force, ...(reason ? { reason } : {}) };
  const opened = await openRun(temporal, {
    ...{ node, type: WORKFLOW_TYPES.drain, input },
    summary: `drains ${node}, asked by ${by}`,
  });
  if (opened.type !== WORKFLOW_TYPES.drain) {
    feed.line(`${opened.workflowId}: another operation on this node is open (${opened.type}). Nothing was started`);
    return EXIT.notFine;
  }
  if (!opened.started) await opened.handle.signal(joinedSignal, { by, ...(reason ? { reason } : {}) });
  feed.line(
    `${opened.started ? 'started the drain' : 'you have joined the drain'} of ${node}: ${whereOf(temporal, opened)}`,
  );
  if (wish.detach) return EXIT.fine;
  const view = recoveryView(feed, out);
  const report = await toTheEnd(temporal, opened, feed, view.show);
  view.report(report);
  if (wish.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  return report.outcome === 'drained' ? EXIT.fine : EXIT.notFine;
}

/** Follows the right run where the node has another name than was typed, and its recovery where it failed meanwhile. */
async function toTheEnd(
  temporal: Temporal,
  first: Opened,
  feed: Feed,
  onState: (state: RunState) => void,
): Promise<RecoveryReport> {
  let opened = first;
  detachable(feed, () => opened.workflowId);
  for (;;) {
    const { handle } = opened;
    const report = await follow<RunState, RecoveryReport>({ temporal, handle, query: stateQuery, feed, onState });
    if (report.outcome !== 'joined') return report;
    feed.line(report.reason);
    const right = await lastRun(temporal, nodeWorkflowId(report.cloud, report.node));
    if (!right) return report;
    opened = right;
  }
}

await run({
  usage: USAGE,
  options: START_OPTIONS,
  words: ['NODE'],
  async main(values, [word]) {
    const wish = startWish(values, word!);
    return withTemporal(await configOf(values.config), (temporal) => drain(temporal, wish));
  },
});
