// The figures, their goals, and what becomes of three measurements. Pure.

export const FIGURES = {
  makespan_100: { unit: '× ideal', goal: 1.2 },
  makespan_500: { unit: '× ideal', goal: 1.4 },
  events_per_try: { unit: 'events', goal: 6 },
  idle_events_per_hour: { unit: 'events/h', goal: 60 },
  calls_per_sweep: { unit: 'calls', goal: 1 },
  crash_tax_worker: { unit: 's', goal: 7 },
  crash_tax_server: { unit: 's', goal: 3 },
  death_to_first_post: { unit: 's', goal: 60 },
} as const;

export type FigureName = keyof typeof FIGURES;
export const isFigure = (name: string): name is FigureName => Object.hasOwn(FIGURES, name);

/** One row of the written file. `value` null: it could not be measured. */
export interface Figure {
  name: FigureName;
  value: number | null;
  unit: string;
  goal: number;
  ok: boolean;
}

/** The middle one; of an even number the mean of the two in the middle. Throws where there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new Error('median of nothing');
  return (low + high) / 2;
}

/** Less is better in all of them. Judged before it is rounded: 1.204 is more than 1.20. */
export function figure(name: FigureName, values: readonly number[]): Figure {
  const { unit, goal } = FIGURES[name];
  const value = values.length > 0 ? median(values) : null;
  const rounded = value === null ? null : Math.round(value * 1_000) / 1_000;
  return { name, value: rounded, unit, goal, ok: value !== null && value <= goal };
}

/** Rows for the table: name, value, goal, verdict, the single measurements. */
export function rowsOf(figures: readonly Figure[], single: ReadonlyMap<FigureName, readonly number[]>): string[][] {
  const short = (n: number): string => (Number.isInteger(n) ? String(n) : n.toFixed(2));
  return figures.map(({ name, value, unit, goal, ok }) => [
    name,
    value === null ? 'not measured' : `${short(value)} ${unit}`,
    `≤ ${short(goal)}`,
    ok ? 'ok' : 'MISSED',
    (single.get(name) ?? []).map(short).join('  '),
  ]);
}
