// What the page calls things.
import type { ReportDocument, ReportInstance } from './document.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'calm';

export const OUTCOME: Record<NonNullable<ReportDocument['outcome']>, { word: string; tone: Tone }> = {
  recovered: { word: 'recovered', tone: 'good' },
  drained: { word: 'drained', tone: 'good' },
  partial: { word: 'partly recovered', tone: 'warn' },
  falseAlarm: { word: 'false alarm', tone: 'calm' },
  stoodDown: { word: 'stood down', tone: 'warn' },
  denied: { word: 'denied', tone: 'calm' },
  joined: { word: 'joined another run', tone: 'calm' },
  aborted: { word: 'aborted', tone: 'warn' },
  detached: { word: 'detached', tone: 'warn' },
  ended: { word: 'ended without a report', tone: 'bad' },
};

export const ACCOUNT: Record<ReportInstance['outcome'], { word: string; tone: Tone }> = {
  failed: { word: 'failed', tone: 'bad' },
  waiting: { word: 'waiting', tone: 'warn' },
  moving: { word: 'on its way', tone: 'calm' },
  pending: { word: 'not begun', tone: 'calm' },
  gone: { word: 'gone', tone: 'calm' },
  kept: { word: 'kept', tone: 'calm' },
  recovered: { word: 'recovered', tone: 'good' },
  moved: { word: 'moved', tone: 'good' },
};

/** ISO 8601 → `2026-08-02 14:03:22 UTC`. */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${clock(iso)}`;
/** ISO 8601 → `14:03:22 UTC`. */
export const clock = (iso: string): string => `${iso.slice(11, 19)} UTC`;

/** Milliseconds → `0.4 s`, `41 s`, `2 min 5 s`, `1 h 2 min`, `3 d 4 h`. */
export function took(ms: number): string {
  if (ms < 9_950) return `${Math.round(Math.max(0, ms) / 100) / 10} s`;
  const s = Math.round(ms / 1_000);
  if (s < 60) return `${s} s`;
  const two = (big: number, word: string, small: number, less: string): string =>
    `${big} ${word}${small > 0 ? ` ${small} ${less}` : ''}`;
  if (s < 3_600) return two(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return two(Math.floor(s / 3_600), 'h', Math.floor((s % 3_600) / 60), 'min');
  return two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3_600), 'h');
}

/** What most needs a look first. */
const ORDER = Object.keys(ACCOUNT);

export const byUrgency = (instances: readonly ReportInstance[]): ReportInstance[] =>
  instances.toSorted(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome) || a.name.localeCompare(b.name, 'en'),
  );
