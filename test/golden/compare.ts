// Is what happened what was expected? Times are not compared. What is causally ordered is compared in its order, what runs
// concurrently as a set: every line must be there as often, and each of the views below must read the same.
import { canonical, type Line } from './line.ts';

export interface CompareOptions {
  /** Instances that nobody can tell apart: which of them comes first is chance. Any exchange of their names is the same story. */
  alike?: readonly (readonly string[])[];
  /** Mails to one person may come in any order: two runs write them, or the mail server was down. */
  mailsInAnyOrder?: boolean;
  /** Where an instance ends is part of the story; else it is the scheduler's affair. */
  destinations?: boolean;
}

/** More than so many names that are alike would take too many comparisons. */
export const MOST_ALIKE = 5;

interface Row {
  line: Line;
  /** What is compared. */
  key: string;
}

/** Every difference, in words; empty: the same story. */
export function compare(expected: readonly Line[], actual: readonly Line[], options: CompareOptions = {}): string[] {
  const wanted = rows(expected, options);
  const blurred = (lines: readonly Line[]): Row[] =>
    rows(
      lines.map((line) => blur(line, options)),
      options,
    );
  const inVain = without(blurred(expected), blurred(actual)).length > 0 || expected.length !== actual.length;
  // Whatever they are called: a line is missing.
  if (inVain) return differences(wanted, rows(actual, options), options);
  let best: string[] | null = null;
  for (const exchange of exchanges(options.alike ?? [])) {
    const found = differences(
      wanted,
      rows(
        actual.map((line) => renamed(line, exchange)),
        options,
      ),
      options,
    );
    if (found.length === 0) return [];
    if (best === null || found.length < best.length) best = found;
  }
  return best ?? [];
}

function rows(lines: readonly Line[], { destinations = false }: CompareOptions): Row[] {
  return lines.map((line) => {
    const text = destinations ? line.text : line.text.replace(/ is on \S+/, ' is on another node');
    return { line, key: `${line.voice} ${canonical(text)}` };
  });
}

function differences(expected: Row[], actual: Row[], options: CompareOptions): string[] {
  const missing = without(expected, actual).map((row) => `is missing: ${row.key}`);
  const surplus = without(actual, expected).map((row) => `was not expected: ${row.key}`);
  if (missing.length + surplus.length > 0) return [...missing, ...surplus];
  const named = [...new Map([...views(expected, options), ...views(actual, options)])].map(([name]) => name);
  const [left, right] = [views(expected, options), views(actual, options)];
  return named.flatMap((name) => {
    const [a, b] = [left.get(name) ?? [], right.get(name) ?? []];
    const at = a.findIndex((key, i) => key !== b[i]);
    return at < 0 ? [] : [`in another order, of ${name}: expected ${a[at]}; it was ${b[at] ?? 'nothing'}`];
  });
}

/** Rows of `a` that `b` does not have as often. */
function without(a: Row[], b: Row[]): Row[] {
  const left = new Map<string, number>();
  for (const { key } of b) left.set(key, (left.get(key) ?? 0) + 1);
  return a.filter(({ key }) => {
    const n = left.get(key) ?? 0;
    left.set(key, n - 1);
    return n <= 0;
  });
}

const isScript = ({ line }: Row): boolean => line.voice === 'event' || line.voice === 'person';
const isLock = ({ line }: Row): boolean => /\bis (un)?locked\b/.test(line.text);
const leaves = (text: string): string | undefined => /\bis asked to leave (\S+)/.exec(text)?.[1];

/**
 * What is causally ordered: all that is done to the data centre, with one node's power, row and words; the same with one instance of
 * that node; all of one instance, its locks too (which ones are locked ahead is chance); and the mails to one person.
 */
function views(all: Row[], options: CompareOptions): Map<string, string[]> {
  const out = new Map<string, string[]>();
  const add = (name: string, is: (row: Row) => boolean): void =>
    void out.set(
      name,
      all.filter(is).map((row) => row.key),
    );
  const home = new Map<string, string>();
  for (const { line } of all) {
    const node = leaves(line.text);
    if (node && !home.has(line.subject)) home.set(line.subject, node);
  }
  const from = (voices: string[]) => [
    ...new Set(all.flatMap(({ line }) => (voices.includes(line.voice) ? line.subject : []))),
  ];
  for (const subject of from(['bmc', 'nova', 'lifeboat'])) {
    const node = home.get(subject);
    const isIts = ({ line }: Row): boolean => line.voice !== 'mail' && line.subject === subject;
    add(node ? `${subject}, its locks too` : subject, (row) => isIts(row) || (!node && isScript(row)));
    if (!node) continue;
    const ofNode = ({ line }: Row): boolean => ['bmc', 'nova'].includes(line.voice) && line.subject === node;
    add(`${subject} of ${node}`, (row) => (isIts(row) && !isLock(row)) || ofNode(row) || isScript(row));
  }
  if (!options.mailsInAnyOrder)
    for (const address of from(['mail']))
      add(`the mails to ${address}`, ({ line }) => line.voice === 'mail' && line.subject === address);
  return out;
}

/** Without the names that nobody can tell apart; in a list they stand in any order. */
function blur(line: Line, { alike = [] }: CompareOptions): Line {
  const names = new Map(alike.flatMap((group) => group.map((name) => [name, `${group[0]}`] as const)));
  return renamed(line, names);
}

type Exchange = ReadonlyMap<string, string>;

function renamed(line: Line, exchange: Exchange): Line {
  if (exchange.size === 0) return line;
  const swap = (text: string): string => text.replace(/[\w.-]*\w/g, (word) => exchange.get(word) ?? word);
  return { ...line, subject: swap(line.subject), text: swap(line.text) };
}

/** Every way to exchange the names within each group; the first changes nothing. */
function exchanges(groups: readonly (readonly string[])[]): Exchange[] {
  return groups.reduce<Exchange[]>(
    (before, group) =>
      before.flatMap((exchange) =>
        orders([...group]).map(
          (order) => new Map([...exchange, ...group.map((name, i) => [name, order[i]!] as const)]),
        ),
      ),
    [new Map()],
  );
}

const orders = (names: string[]): string[][] =>
  names.length <= 1
    ? [names]
    : names.flatMap((name) => orders(names.filter((n) => n !== name)).map((rest) => [name, ...rest]));
