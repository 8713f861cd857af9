// A recovery laid out along one axis, in percent of its length: its steps one after the other, each instance beside them. Pure.
import type { ReportDocument } from './document.ts';

export interface Bar {
  /** Percent of the axis. */
  left: number;
  width: number;
  kind: 'silent' | 'step' | 'move' | 'idle' | 'trouble';
  /** Milliseconds since the axis begins. */
  from: number;
  to: number;
  open: boolean;
}

export interface Row {
  label: string;
  bars: Bar[];
  /** Said beside it. */
  note: string;
}

export interface Timeline {
  /** ISO 8601: where the axis begins, and what that moment is. */
  zero: string;
  zeroIs: 'the last sign of life' | 'the start of the run';
  lengthMs: number;
  ticks: { left: number; label: string }[];
  steps: Row[];
  /** By instance id. */
  moves: Map<string, Row>;
  /** Where lines go through all rows: proven off, first evacuation. */
  marks: { left: number; label: string }[];
}

/** What happened until a stage was reached, for people. */
const STEPS: Record<string, string> = {
  admitted: 'Gates, on fresh evidence',
  approved: 'Waits for approval',
  fenced: 'Power off, proof',
  marked: 'Disabled and forced down in Nova',
  firstEvacuation: 'Guard, list, room',
  evacuated: 'Evacuations',
  ended: 'Accounts, locks, report',
};

export function timelineOf(document: ReportDocument): Timeline {
  const started = Date.parse(document.startedAt);
  const end = Date.parse(document.endedAt ?? document.madeAt);
  const sign = document.lastSignAt === null ? Infinity : Date.parse(document.lastSignAt);
  const zero = Math.min(sign, started);
  const lengthMs = Math.max(1, end - zero, ...Object.values(document.stages).map((ms) => started + ms - zero));
  const axis: Axis = { zero, lengthMs };
  const silent: Row[] =
    zero < started
      ? [{ label: 'Silent, until its recovery began', note: '', bars: [bar(axis, zero, started, 'silent')] }]
      : [];
  return {
    zero: new Date(zero).toISOString(),
    zeroIs: zero < started ? 'the last sign of life' : 'the start of the run',
    lengthMs,
    ticks: ticksOf(lengthMs),
    steps: [...silent, ...stepsOf(document, axis, started, end)],
    moves: movesOf(document, axis, end),
    marks: marksOf(document.stages, axis, started),
  };
}

interface Axis {
  zero: number;
  lengthMs: number;
}

/** Moments in ms since the epoch; what lies outside the axis (two machines' clocks) ends at its edge. */
function bar({ zero, lengthMs }: Axis, from: number, to: number, kind: Bar['kind'], open = false): Bar {
  const inside = (ms: number): number => Math.min(lengthMs, Math.max(0, ms - zero));
  const [a, b] = [inside(from), Math.max(inside(from), inside(to))];
  return { left: percent(a, lengthMs), width: percent(b - a, lengthMs), kind, from: a, to: b, open };
}

const percent = (part: number, whole: number): number => Math.round((part / whole) * 100_000) / 1_000;

function stepsOf(document: ReportDocument, axis: Axis, started: number, end: number): Row[] {
  const { stages, decisions, now } = document;
  const approved = decisions.find((d) => d.what === 'approved');
  const reached: [string, number][] = Object.entries(stages)
    .filter(([stage]) => stage in STEPS)
    .map(([stage, ms]) => [stage, started + ms]);
  if (approved) reached.push(['approved', Date.parse(approved.at)]);
  reached.sort(([, a], [, b]) => a - b);
  const rows = reached.map(([stage, at], i): Row => {
    const before = reached[i - 1]?.[1] ?? started;
    return { label: STEPS[stage]!, note: '', bars: [bar(axis, before, at, 'step')] };
  });
  const last = reached.at(-1)?.[1] ?? started;
  if (now) rows.push({ label: `Now: ${now.phase}`, note: now.doing, bars: [bar(axis, last, end, 'step', true)] });
  return rows;
}

/** Nothing was sent by these: the next try may come. */
const IDLE = ['notPosted', 'noRoom', 'nodeUp', 'kept', 'gone'];
const TROUBLE = ['failed', 'stuck', 'halt', 'broke'];

function movesOf({ instances }: ReportDocument, axis: Axis, end: number): Map<string, Row> {
  return new Map(
    instances.map((i) => {
      const bars = i.tries.map((t) => {
        const kind = IDLE.includes(t.ended) ? 'idle' : TROUBLE.includes(t.ended) ? 'trouble' : 'move';
        return bar(axis, Date.parse(t.from), t.to === null ? end : Date.parse(t.to), kind, t.to === null);
      });
      return [i.id, { label: i.name || i.id, note: '', bars }];
    }),
  );
}

function marksOf(stages: ReportDocument['stages'], axis: Axis, started: number): Timeline['marks'] {
  const marks = { fenced: 'proven off', firstEvacuation: 'first evacuation' };
  return Object.entries(marks).flatMap(([stage, label]) => {
    const ms = stages[stage];
    return ms === undefined ? [] : [{ label, left: percent(started + ms - axis.zero, axis.lengthMs) }];
  });
}

const s = 1_000;
const min = 60 * s;
const h = 60 * min;
const EVERY = [0.1 * s, 0.2 * s, 0.5 * s, s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s]
  .concat([min, 2 * min, 5 * min, 10 * min, 15 * min, 30 * min])
  .concat([h, 2 * h, 6 * h, 12 * h, 24 * h, 48 * h, 168 * h]);

/** At most seven round moments of the axis, its begin among them. */
export function ticksOf(lengthMs: number): Timeline['ticks'] {
  const every = EVERY.find((step) => lengthMs / step <= 6) ?? Math.ceil(lengthMs / 6 / h) * h;
  const count = Math.floor(lengthMs / every) + 1;
  return Array.from({ length: count }, (_, i) => ({
    left: percent(i * every, lengthMs),
    label: tickLabel(i * every, every),
  }));
}

function tickLabel(ms: number, every: number): string {
  if (ms === 0) return '0';
  if (every >= h) return `${ms / h} h`;
  if (every >= min) return `${ms / min} min`;
  return `${Math.round(ms / 100) / 10} s`;
}
