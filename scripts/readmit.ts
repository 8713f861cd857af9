// npm run readmit -- compute-7
import {
  moveCommand,
  nodeWorkflowId,
  WORKFLOW_TYPES,
  type ReadmitInput,
  type ReadmitReport,
} from '../workflows/contract.ts';
import { readmitStateQuery } from '../workflows/verbs.ts';
import { byOf, COMMON_USAGE, configOf, EXIT, nodeOf, run } from './cli/command.ts';
import { detachable, follow } from './cli/follow.ts';
import { feedTo, paint, type Feed, type Out } from './cli/print.ts';
import { readmissionView } from './cli/readmission-view.ts';
import { lastRun, openRun, type Opened } from './cli/start-run.ts';
import { whereOf, withTemporal, workersThere, type Temporal } from './cli/temporal.ts';

const USAGE = `npm run readmit -- NODE [--dead] [--by NAME] [--reason TEXT] [--json]

  Brings a repaired node back: power on, wait for its nova-compute, lift forced_down, watch it for a while, enable. A second call
  changes nothing. Refused while a recovery of the node is open.

  --dead           it never comes back: nothing is switched on or deleted; says whether its service may be deleted, and how
  --by NAME        who asks; $USER where it is not given
  --reason TEXT    kept in the history
  --json           the report as JSON on standard output, progress on standard error
${COMMON_USAGE}

  Ends with 0 readmitted, enabled already or left to the person who had disabled it (--dead: only where it may be deleted), 1 anything
  else, 2 wrong usage or configuration, 3 nobody answers, 130 detached`;

const options = {
  dead: { type: 'boolean', default: false },
  by: { type: 'string' },
  reason: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

async function readmit(temporal: Temporal, input: ReadmitInput, json: boolean): Promise<number> {
  const { node, by } = input;
  const out = json ? process.stderr : process.stdout;
  const feed = feedTo(out);
  await workersThere(temporal, ['workflow', 'monitoring'], 'nothing was started');
  const type = WORKFLOW_TYPES.readmit;
  const opened = await openRun(temporal, { node, type, input, summary: `readmits ${node}, asked by ${by}` });
  if (!isReadmission(temporal, opened, feed)) return EXIT.notFine;
  const begun = opened.started ? 'started the readmission of' : 'a readmission runs already of';
  feed.line(`${begun} ${node}: ${whereOf(temporal, opened)}`);
  const report = await followToTheEnd(temporal, opened, feed, out);
  if (!report) return EXIT.notFine;
  for (const line of reportLines(report, out)) feed.line(line);
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  // Whoever says that it is dead may delete it after a 0: nothing but that answer is one, also where another one's readmission was joined.
  const wanted = input.dead ? report.outcome === 'mayBeDeleted' : isBack(report);
  return wanted ? EXIT.fine : EXIT.notFine;
}

/** Null: it led to something else. Follows the right run where the node has another name than was typed. */
async function followToTheEnd(temporal: Temporal, first: Opened, feed: Feed, out: Out): Promise<ReadmitReport | null> {
  let opened = first;
  detachable(feed, () => opened.workflowId);
  const onState = readmissionView(feed, out);
  for (;;) {
    const { handle } = opened;
    const report = await follow<{ node: string; doing: string }, ReadmitReport>({
      ...{ temporal, handle, feed, query: readmitStateQuery, onState },
    });
    if (report.outcome !== 'joined') return report;
    feed.line(report.reason);
    const right = await lastRun(temporal, nodeWorkflowId(temporal.config.cloud, report.node));
    if (!right || !isReadmission(temporal, right, feed)) return null;
    opened = right;
  }
}

function isReadmission(temporal: Temporal, opened: Opened, feed: Feed): boolean {
  if (opened.type === WORKFLOW_TYPES.readmit) return true;
  const node = opened.workflowId.slice(opened.workflowId.indexOf('/') + 1);
  feed.line(`${node} cannot be readmitted while its recovery is open: ${whereOf(temporal, opened)} (npm run status)`);
  return false;
}

const isBack = ({ outcome }: ReadmitReport): boolean =>
  ['readmitted', 'leftDisabled', 'alreadyEnabled', 'mayBeDeleted'].includes(outcome);

function reportLines(report: ReadmitReport, out: Out): string[] {
  const headline = `${report.node}: ${report.outcome} — ${report.reason}`;
  const removed = isBack(report) ? 'removed' : 'removes at its start';
  const destroys =
    report.destroys.length > 0
      ? [`  its nova-compute ${removed} the old copies of what was evacuated: ${report.destroys.join(', ')}`]
      : [];
  const moves = (report.proposes ?? []).map((m) => `    ${moveCommand(report.node, m)}   # now on ${m.from}`);
  const proposes = moves.length > 0 ? ['  could be moved back (nobody does it for you):', ...moves] : [];
  return [paint(out, isBack(report) ? 'green' : 'red', headline), ...destroys, ...proposes];
}

await run({
  usage: USAGE,
  options,
  words: ['NODE'],
  async main(values, [word]) {
    const node = nodeOf(word!);
    const by = byOf(values.by);
    const config = await configOf(values.config);
    const { reason } = values;
    const input: ReadmitInput = {
      ...{ node, cloud: config.cloud, by, timings: config.policy.timings },
      ...(reason ? { reason } : {}),
      ...(values.dead ? { dead: true } : {}),
    };
    return withTemporal(config, (temporal) => readmit(temporal, input, values.json));
  },
});
