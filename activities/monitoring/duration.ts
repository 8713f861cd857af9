// Durations as people write them: `500ms`, `30s`, `10m`, `1h`, `1d`, or a number of milliseconds.
import { z } from 'zod';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; null when the text is not a duration. */
export function parseDuration(text: string | number): number | null {
  if (typeof text === 'number') return Number.isFinite(text) && text >= 0 ? Math.round(text) : null;
  const m = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)$/.exec(text.trim());
  return m ? Math.round(Number(m[1]) * UNITS[m[2]!]!) : null;
}

/** The shortest way to write it: `90s`, `10m`. */
export function writeDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= UNITS[unit]! && ms % UNITS[unit]! === 0) return `${ms / UNITS[unit]!}${unit}`;
  }
  return `${ms}ms`;
}

/** A duration in the configuration; its output is milliseconds. A shorter one than `floor` is refused. */
export function duration(example: string, floor = 0) {
  const expected = 'a duration like 500ms, 30s, 10m or 1h';
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const ms = parseDuration(value);
      if (ms === null)
        context.addIssue({ code: 'custom', message: `expected ${expected}, got ${JSON.stringify(value)}` });
      else if (ms < floor) {
        const message = `expected at least ${writeDuration(floor)}, got ${value} (a shorter one makes Lifeboat unsafe or useless)`;
        context.addIssue({ code: 'custom', message });
      }
      return ms ?? 0;
    })
    .meta({ expected, example });
}
