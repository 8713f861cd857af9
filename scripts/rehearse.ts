// npm run rehearse -- compute-7 --project 4f1c… --by ann
import { setTimeout as sleep } from 'node:timers/promises';
import {
  WORKFLOW_TYPES,
  type ReadmitInput,
  type ReadmitReport,
  type RecoverInput,
  type RecoveryPreview,
} from '../workflows/contract.ts';
import type { RecoveryReport } from '../workflows/domain.ts';
import { readmitStateQuery, stateQuery } from '../workflows/verbs.ts';
import { byOf, COMMON_USAGE, configOf, EXIT, nodeOf, run, UsageError } from './cli/command.ts';
import { readFleet } from './cli/fleet.ts';
import { detachable, follow } from './cli/follow.ts';
import { readPreview, unknownNode } from './cli/preview.ts';
import { feedTo, paint, table, type Feed, type Out } from './cli/print.ts';
import { readmissionView } from './cli/readmission-view.ts';
import { recoveryView } from './cli/recovery-view.ts';
import { openRun } from './cli/start-run.ts';
import { withTemporal, type Temporal } from './cli/temporal.ts';
import { stageSeconds, whyNot } from './rehearse/may.ts';

const USAGE = `npm run rehearse -- NODE --by NAME [--project ID]... [--within MIN] [--leave-off] [--check] [--json]

  A recovery for real, on a node that was set aside: disabled by a person with "rehearsal" in the reason, and with no instance on it but
  those of the projects that are named. You make the node fail (a recovery never fences what lives); it is fenced, evacuated and
  readmitted by the same runs, gates and proofs as ever, and each stage is timed.

  --by NAME        who rehearses; $USER where it is not given
  --project ID     instances of this project may be moved; may be given again
  --within MIN     wait so many minutes for the node to fail (30)
  --leave-off      do not readmit it
  --check          only say whether it may be rehearsed on; nothing is started
  --json           the result as JSON on standard output, progress on standard error
${COMMON_USAGE}

  Ends with 0 recovered (and back), 1 refused or anything else, 2 wrong usage or configuration, 3 nobody answers, 130 detached`;

const options = {
  by: { type: 'string' },
  project: { type: 'string', multiple: true, default: [] as string[] },
  within: { type: 'string', default: '30' },
  'leave-off': { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

interface Wish {
  by: string;
  projects: readonly string[];
  withinMs: number;
  leaveOff: boolean;
  checkOnly: boolean;
  json: boolean;
}

/** Between two looks at a node that is to fail; of the cloud's time. */
const LOOK_MS = 10_000;

async function rehearse(temporal: Temporal, typed: string, wish: Wish): Promise<number> {
  const out = wish.json ? process.stderr : process.stdout;
  const feed = feedTo(out);
  const seen = await look(temporal, typed, wish);
  if (!seen.may) return refuse(feed, out, typed, seen.why);
  const { node } = seen.preview;
  feed.line(
    `${node} may be rehearsed on: ${seen.preview.instances.length} instances, all of the projects that you named`,
  );
  if (wish.checkOnly) return EXIT.fine;
  if (!(await failed(temporal, seen.preview, wish, feed, out))) return EXIT.notFine;
  const report = await recover(temporal, node, wish, feed, out);
  if (!report) return EXIT.notFine;
  const back = report.outcome === 'recovered' && !wish.leaveOff ? await readmit(temporal, node, wish, feed, out) : null;
  return tell(report, back, wish, feed, out);
}

type Look = { may: true; preview: RecoveryPreview } | { may: false; why: string[] };

/** Everything is read anew each time: nobody may come in between. */
async function look(temporal: Temporal, node: string, { projects }: Wish, waiting = false): Promise<Look> {
  const [preview, fleet] = await Promise.all([readPreview(temporal, { node, force: false }), readFleet(temporal)]);
  if (!preview.found) return { may: false, why: [unknownNode(preview)] };
  const why = whyNot(preview, fleet, projects, waiting);
  return why.length > 0 ? { may: false, why } : { may: true, preview };
}

function refuse(feed: Feed, out: Out, node: string, why: readonly string[]): number {
  feed.line(paint(out, 'red', `no rehearsal on ${node}; nothing was started`));
  for (const line of why) feed.line(`  ! ${line}`);
  return EXIT.notFine;
}

/** True once the evidence calls it failed and a gate would let its recovery pass. */
async function failed(temporal: Temporal, first: RecoveryPreview, wish: Wish, feed: Feed, out: Out): Promise<boolean> {
  const { node } = first;
  const everyMs = Math.max(500, LOOK_MS * temporal.config.timeScale);
  const until = performance.now() + wish.withinMs;
  feed.line(paint(out, 'bold', `Now make ${node} fail: pull its plug, or on it: echo c > /proc/sysrq-trigger`));
  feed.line('It takes up to a minute until it is seen. Ctrl-C ends this; nothing was started yet');
  for (let preview = first; ;) {
    if (preview.gate === 'pass') return true;
    feed.live(`${node}: ${preview.gate}`);
    if (performance.now() > until) {
      feed.end();
      refuse(feed, out, node, [`it did not fail within the time: ${preview.gate}`]);
      return false;
    }
    await sleep(everyMs);
    const seen = await look(temporal, node, wish, true);
    if (!seen.may) {
      feed.end();
      const hint = `if you have made it fail already: npm run start-recovery -- ${node}, once nothing else is going on`;
      refuse(feed, out, node, [...seen.why, hint]);
      return false;
    }
    preview = seen.preview;
  }
}

/** Without force: a limit that holds means that something else has failed meanwhile, and that goes first. */
async function recover(
  temporal: Temporal,
  node: string,
  { by, json }: Wish,
  feed: Feed,
  out: Out,
): Promise<RecoveryReport | null> {
  const input: RecoverInput = { node, cloud: temporal.config.cloud, by, reason: 'rehearsal' };
  const type = WORKFLOW_TYPES.recover;
  const opened = await openRun(temporal, {
    node,
    type,
    input,
    summary: `rehearses a recovery of ${node}, asked by ${by}`,
  });
  if (!opened.started) {
    refuse(feed, out, node, [`something else is open on it: ${opened.workflowId}, run ${opened.runId}`]);
    return null;
  }
  feed.line(`started the recovery of ${node}: run ${opened.runId}`);
  detachable(feed, () => opened.workflowId);
  const view = recoveryView(feed, json ? process.stderr : process.stdout);
  const report = await follow<Parameters<typeof view.show>[0], RecoveryReport>({
    ...{ temporal, handle: opened.handle, query: stateQuery, feed, onState: view.show },
  });
  view.report(report);
  return report;
}

async function readmit(
  temporal: Temporal,
  node: string,
  { by }: Wish,
  feed: Feed,
  out: Out,
): Promise<ReadmitReport | null> {
  const { cloud, policy } = temporal.config;
  const input: ReadmitInput = { node, cloud, by, reason: 'rehearsal', timings: policy.timings };
  const type = WORKFLOW_TYPES.readmit;
  const opened = await openRun(temporal, {
    node,
    type,
    input,
    summary: `readmits ${node} after a rehearsal, asked by ${by}`,
  });
  if (opened.type !== type) return null;
  feed.line(`started the readmission of ${node}`);
  return follow<{ doing: string }, ReadmitReport>({
    temporal,
    handle: opened.handle,
    query: readmitStateQuery,
    feed,
    onState: readmissionView(feed, out),
  });
}

/** A person had disabled it: that is how readmission leaves it. */
const isBack = (back: ReadmitReport | null): boolean =>
  back?.outcome === 'leftDisabled' || back?.outcome === 'readmitted';

function tell(report: RecoveryReport, back: ReadmitReport | null, wish: Wish, feed: Feed, out: Out): number {
  const fine = report.outcome === 'recovered' && (wish.leaveOff || isBack(back));
  const stages = stageSeconds(report.stages);
  feed.line(paint(out, 'bold', 'Seconds from the start of the run'));
  const rows = stages.map(({ stage, seconds, atSeconds }) => [stage, `+${seconds}`, `at ${atSeconds}`]);
  for (const row of table(rows)) feed.line(`  ${row}`);
  if (back) feed.line(`${back.node}: ${back.outcome} — ${back.reason}`);
  feed.line(paint(out, fine ? 'green' : 'red', fine ? 'rehearsed: it works' : 'rehearsed: it did not work'));
  feed.line(`  the report: npm run report -- ${report.runId}`);
  if (wish.json)
    process.stdout.write(`${JSON.stringify({ works: fine, stages, report, readmission: back }, null, 2)}\n`);
  return fine ? EXIT.fine : EXIT.notFine;
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && minutes <= 1_440))
    throw new UsageError(`--within ${text}: minutes, more than 0 and at most 1440`);
  return minutes * 60_000;
}

await run({
  usage: USAGE,
  options,
  words: ['NODE'],
  async main(values, [word]) {
    const { project: projects, check: checkOnly, json } = values;
    const wish = {
      by: byOf(values.by),
      projects,
      withinMs: minutesOf(values.within),
      leaveOff: values['leave-off'],
      checkOnly,
      json,
    };
    const node = nodeOf(word!);
    return withTemporal(await configOf(values.config), (temporal) => rehearse(temporal, node, wish));
  },
});
