// npm run status
import type { DeviceState } from '../workflows/contract.ts';
import { COMMON_USAGE, configOf, EXIT, run } from './cli/command.ts';
import { readFleet, type Fleet, type OpenOperation } from './cli/fleet.ts';
import { ago, clock, paint, table } from './cli/print.ts';
import { questionLines } from './cli/recovery-view.ts';
import { withTemporal } from './cli/temporal.ts';

const USAGE = `npm run status -- [--json]

  The fleet as the watch sees it, open recoveries and what they wait for, nodes that are off by us, alarms, workers.

  --json
${COMMON_USAGE}

  Ends with 0 all is well, 1 not (the reasons are listed), 2 wrong usage or configuration, 3 nobody answers`;

const out = process.stdout;

function linesOf(fleet: Fleet): string[] {
  const { cloud, watch, open, workers, reasons } = fleet;
  const headline = fleet.well
    ? paint(out, 'green', `${cloud}: all is well`)
    : paint(out, 'red', `${cloud}: ${reasons.length === 1 ? '1 thing needs' : `${reasons.length} things need`} a look`);
  const polled = workers.map((w) => [w.role, w.queue, w.workers.join(', ') || 'NOBODY']);
  return [
    headline,
    ...reasons.map((reason) => `  - ${reason}`),
    '',
    ...(watch ? table(facts(fleet, watch)) : []),
    ...open.flatMap(operationLines),
    '',
    'workers',
    ...table(polled).map((line) => `  ${line}`),
  ];
}

function facts({ sweep }: Fleet, watch: NonNullable<Fleet['watch']>): string[][] {
  const { sight } = watch;
  const list = (names: readonly string[]): string => names.join(', ') || 'none';
  const size = sweep?.nodes ?? sight?.nodes ?? 0;
  const since = sight
    ? `last change seen at ${clock(sight.readAt)}, ${sight.unknown} unknown then`
    : 'no change so far';
  const acts = {
    observe: 'observe: nothing is fenced or evacuated',
    confirm: 'confirm: a person is asked',
    auto: 'auto',
  };
  return [
    ['nodes', `${size} (${since})`],
    ['sweep', sweep ? `last sign ${ago(sweep.agoMs)} ago, by ${sweep.worker}` : 'none runs'],
    ['degraded', list(sight?.degraded ?? [])],
    ['failed', list(sight?.failed ?? [])],
    ['off by us', list(sight?.ours ?? [])],
    ...(watch.devices ? [['power devices', deviceFacts(watch.devices)]] : []),
    ...(watch.drill ? [['drill', drillFacts(watch.drill)]] : []),
    ['mode', `${acts[watch.mode]} (configuration ${watch.policyHash})`],
    ...Object.entries(watch.maintenance ?? {}).map(([node, m]) => [
      'maintenance',
      `${node} until ${m.until} by ${m.by}${m.reason ? `: ${m.reason}` : ''}`,
    ]),
    ['paused', watch.paused ? `by ${watch.paused.by} since ${watch.paused.at}` : 'no'],
    [
      'recovery',
      `first evacuation at most ${ago(watch.deathToFirstPostMs)} after a node's death, where its power device answers at once`,
    ],
  ];
}

function deviceFacts({ readAt, counts, bare, broken }: DeviceState): string {
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const fine = broken.length === 0 ? `all ${all} answer` : `${broken.length} of ${all} would not serve`;
  return `${fine} (read ${ago(Date.now() - Date.parse(readAt))} ago)${bare > 0 ? `; ${bare} nodes have none` : ''}`;
}

function drillFacts({ readAt, trouble, nodes, works }: NonNullable<NonNullable<Fleet['watch']>['drill']>): string {
  const last = readAt
    ? `${works} of ${nodes} nodes would be recovered if they died (asked ${ago(Date.now() - Date.parse(readAt))} ago)`
    : 'no round yet';
  return trouble ? `${last}; the last round could not be made: ${trouble}` : last;
}

function operationLines(o: OpenOperation): string[] {
  const count = (outcome: string): number => o.instances.filter((i) => i.outcome === outcome).length;
  const moved = o.instances.length > 0 ? ` (${count('recovered')} of ${o.instances.length} instances recovered)` : '';
  return [
    '',
    `${paint(out, 'bold', o.node)}  ${o.phase ?? '?'}: ${o.doing}${moved}`,
    `  ${o.page ?? `workflow ${o.workflowId}, run ${o.runId}`}`,
    ...(o.question ? questionLines(o.question, o.node, out) : []),
  ];
}

await run({
  usage: USAGE,
  options: { json: { type: 'boolean', default: false } },
  words: [],
  async main(values) {
    const fleet = await withTemporal(await configOf(values.config), readFleet);
    const text = values.json ? JSON.stringify(fleet, null, 2) : linesOf(fleet).join('\n');
    out.write(`${text}\n`);
    return fleet.well ? EXIT.fine : EXIT.notFine;
  },
});
