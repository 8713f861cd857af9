// Where the time of a recovery goes: its stages as bars, and its lanes. Text only; blocks in a terminal, ASCII elsewhere. Pure.
import type { Move, Stages } from './measure.ts';

export interface Ink {
  full: string;
  half: string;
  empty: string;
}

export const PLAIN: Ink = { full: '#', half: '-', empty: '.' };
export const BLOCKS: Ink = { full: '█', half: '▒', empty: '·' };

const STAGES: { name: string; from: keyof Stages | null; to: keyof Stages }[] = [
  { name: 'until it is held for failed', from: null, to: 'seen' },
  { name: 'gates, on fresh evidence', from: 'seen', to: 'admitted' },
  { name: 'snapshot, off, proof', from: 'admitted', to: 'fenced' },
  { name: 'disabled and forced down', from: 'fenced', to: 'marked' },
  { name: 'guard, list, room, first look', from: 'marked', to: 'firstPost' },
  { name: 'evacuations', from: 'firstPost', to: 'settled' },
  { name: 'accounts, locks, report', from: 'settled', to: 'ended' },
];

/** One line a stage: where it lies between the loss of power and the end, and how long it took. */
export function stageBars(stages: Stages, columns: number, ink: Ink): string[] {
  const total = Math.max(1, stages.ended);
  const column = (ms: number): number => Math.round((Math.max(0, ms) / total) * columns);
  const widest = Math.max(...STAGES.map((s) => s.name.length));
  return STAGES.map(({ name, from, to }) => {
    const [begin, end] = [from === null ? 0 : stages[from], stages[to]];
    const left = Math.min(column(begin), columns - 1);
    const bar = ink.full.repeat(Math.max(1, column(end) - left));
    return `${name.padEnd(widest)}  ${seconds(end - begin)}  ${' '.repeat(left)}${bar}`;
  });
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`.padStart(7);

/** Which lane each move ran in: the one that has been free for longest, a new one where none is. */
export function lanesOf(moves: readonly Move[]): Move[][] {
  const lanes: Move[][] = [];
  for (const move of moves.toSorted((a, b) => a.postedAt - b.postedAt)) {
    const free = lanes
      .filter((lane) => lane.at(-1)!.settledAt <= move.postedAt)
      .toSorted((a, b) => a.at(-1)!.settledAt - b.at(-1)!.settledAt)[0];
    if (free) free.push(move);
    else lanes.push([move]);
  }
  return lanes;
}

export interface Shares {
  /** Nova works. */
  nova: number;
  /** Nova is done, Lifeboat does not know yet. */
  unseen: number;
  /** Nothing is asked for: the next one is being prepared, or there is none left. */
  free: number;
}

/** Of the time of all lanes, as shares of 1. */
export function sharesOf(moves: readonly Move[], width: number): Shares {
  const begin = Math.min(...moves.map((m) => m.postedAt));
  const total = width * (Math.max(...moves.map((m) => m.settledAt)) - begin);
  const sum = (of: (m: Move) => number): number => moves.reduce((s, m) => s + of(m), 0) / total;
  const nova = sum((m) => m.doneAt - m.postedAt);
  const unseen = sum((m) => m.settledAt - m.doneAt);
  return { nova, unseen, free: 1 - nova - unseen };
}

/** One line a lane, from the first POST to the last one settled. */
export function laneRows(moves: readonly Move[], columns: number, ink: Ink): string[] {
  const begin = Math.min(...moves.map((m) => m.postedAt));
  const span = Math.max(1, Math.max(...moves.map((m) => m.settledAt)) - begin);
  const lanes = lanesOf(moves);
  return lanes.map((lane, i) => {
    const cells = Array.from({ length: columns }, (_, c) => {
      const at = begin + ((c + 0.5) / columns) * span;
      const move = lane.find((m) => m.postedAt <= at && at < m.settledAt);
      return !move ? ink.empty : at < move.doneAt ? ink.full : ink.half;
    });
    return `${String(i + 1).padStart(3)} ${cells.join('')}`;
  });
}

/** All of it, for one recovery. `columns`: of the bars and lanes. */
export function picture(
  { stages, moves }: { stages: Stages; moves: readonly Move[] },
  width: number,
  columns: number,
  ink: Ink,
): string[] {
  const { nova, unseen, free } = sharesOf(moves, width);
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return [
    ...stageBars(stages, columns, ink),
    '',
    `lanes: ${ink.full} Nova works (${percent(nova)})  ${ink.half} done, not seen yet (${percent(unseen)})  ` +
      `${ink.empty} nothing is asked for (${percent(free)})`,
    ...laneRows(moves, columns, ink),
  ];
}
