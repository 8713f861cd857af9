// npm run drill -- compute-7
import { COMMON_USAGE, configOf, EXIT, nodeOf, run, UsageError } from './cli/command.ts';
import { otherPolicy, sections, unknownNode } from './cli/preview.ts';
import { ago, paint, table } from './cli/print.ts';
import { withTemporal, type Temporal } from './cli/temporal.ts';
import { answerOfFleet, answerOfNode, type FleetAnswer, type NodeAnswer } from './drill/answer.ts';
import { togetherText } from '../workflows/drill/judge.ts';
import { drillAll, drillNode, type Around } from './drill/read.ts';

const USAGE = `npm run drill -- NODE | --all [--survive K] [--json]

  What if it died now? Everything is read, nothing is touched: would it be noticed, would a gate hold it, can it be fenced (each power
  device is asked), who would be moved in which order and where is room, who would be told, how long would it take at most.

  --all            every node, worst first; and whether everything on the biggest one, two … nodes at once finds room on the rest
  --survive K      with --all: so many at once have to find room (1); one more is looked at, and only noted
  --json
${COMMON_USAGE}

  Ends with 0 it would work, 1 something would not, 2 wrong usage or configuration, 3 nobody answers`;

const options = {
  all: { type: 'boolean', default: false },
  survive: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

const out = process.stdout;
const say = (lines: readonly string[]): void => void out.write(`${lines.join('\n')}\n`);
const given = (temporal: Temporal, { fleet, pace, problems }: Around) => ({
  ...{ policy: temporal.config.policy, pace, problems },
  open: fleet.watch?.open.length ?? 0,
});

async function one(temporal: Temporal, node: string, json: boolean): Promise<number> {
  const around = await drillNode(temporal, node);
  const { found } = around;
  if (!found.found) {
    say([json ? JSON.stringify({ works: false, problems: [unknownNode(found)] }, null, 2) : unknownNode(found)]);
    return EXIT.notFine;
  }
  const answer = answerOfNode(found, given(temporal, around));
  if (json) say([JSON.stringify({ ...answer, preview: found }, null, 2)]);
  else say([...nodeLines(answer), ...sections(found), ...(await noteOfPolicy(temporal))]);
  return answer.works ? EXIT.fine : EXIT.notFine;
}

async function all(temporal: Temporal, survive: number, json: boolean): Promise<number> {
  const together = Array.from({ length: survive + 1 }, (_, i) => i + 1);
  const around = await drillAll(temporal, together);
  const answer = answerOfFleet(around.found, given(temporal, around), survive);
  if (json) say([JSON.stringify({ ...answer, fleet: around.found }, null, 2)]);
  else say([...fleetLines(temporal.config.cloud, answer), ...(await noteOfPolicy(temporal))]);
  return answer.works ? EXIT.fine : EXIT.notFine;
}

const noteOfPolicy = async (temporal: Temporal): Promise<string[]> => {
  const other = await otherPolicy(temporal);
  return other ? [paint(out, 'yellow', other)] : [];
};

function nodeLines({ node, works, problems, notes, time }: NodeAnswer): string[] {
  const verdict = works ? paint(out, 'green', 'it would work') : paint(out, 'red', 'it would not work');
  const rest = time.allMs === null ? time.how : `all settled within about ${ago(time.allMs)} (${time.how})`;
  return [
    `${paint(out, 'bold', `If ${node} died now`)}: ${verdict}; nothing was touched`,
    ...problems.map((text) => paint(out, 'red', `  ! ${text}`)),
    ...notes.map((text) => paint(out, 'yellow', `  - ${text}`)),
    paint(out, 'bold', 'How long at most'),
    `  first evacuation within ${ago(time.firstMs)} of its death, where its power device answers at once`,
    `  ${rest}`,
  ];
}

function fleetLines(cloud: string, { works, problems, notes, nodes, together }: FleetAnswer): string[] {
  const good = nodes.filter((n) => n.works).length;
  const headline = `${cloud}: ${good} of ${nodes.length} nodes would be recovered if they died now, one at a time; nothing was touched`;
  const rows = table(
    nodes.map((n) => [n.works ? 'ok' : 'NOT', n.node, moved(n), within(n), [...n.problems, ...n.notes].join('; ')]),
  );
  return [
    paint(out, works ? 'green' : 'red', headline),
    ...problems.map((text) => paint(out, 'red', `  ! ${text}`)),
    ...together.filter((t) => t.works).map((t) => `  ${togetherText(t)}`),
    ...notes.map((text) => paint(out, 'yellow', `  - ${text}`)),
    '',
    ...rows.map(
      (row, i) =>
        paint(out, !nodes[i]!.works ? 'red' : nodes[i]!.notes.length > 0 ? 'yellow' : 'green', row.slice(0, 3)) +
        row.slice(3),
    ),
  ];
}

const moved = ({ moves, fits }: NodeAnswer): string => (fits === moves ? `${moves}` : `${fits} of ${moves}`);
const within = ({ time }: NodeAnswer): string => ago(time.allMs ?? time.firstMs);

function surviveOf(text: string | undefined): number {
  const k = Number(text ?? 1);
  if (!Number.isInteger(k) || k < 1 || k > 10)
    throw new UsageError(`--survive ${text}: how many nodes at once, 1 to 10`);
  return k;
}

await run({
  usage: USAGE,
  options,
  words: ['[NODE]'],
  async main(values, [word]) {
    if (values.all === (word !== undefined)) throw new UsageError('drill what? a NODE, or --all');
    if (values.survive !== undefined && !values.all) throw new UsageError('--survive: goes with --all');
    const survive = surviveOf(values.survive);
    const node = word === undefined ? null : nodeOf(word);
    const config = await configOf(values.config);
    return withTemporal(config, (temporal) =>
      node === null ? all(temporal, survive, values.json) : one(temporal, node, values.json),
    );
  },
});
