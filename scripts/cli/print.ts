// Lines for people: colours only in a terminal, tables without frames, one live line at the bottom of a terminal.
import { styleText } from 'node:util';

type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
export type Out = NodeJS.WriteStream;

const coloured = (out: Out): boolean => out.isTTY === true && process.env.NO_COLOR === undefined;

export const paint = (out: Out, colour: Colour, text: string): string =>
  coloured(out) ? styleText(colour, text) : text;

/** Rows of texts under each other; the last column is as long as it is. Colours are for the caller to add per row. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) => row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i]!) : cell)).join('  '));
}

/** `0.4 s`, `41 s`, `2 min 5 s`, `1 h 2 min`. */
export function ago(ms: number): string {
  if (ms < 9_950)
    return `${Math.max(0, ms / 1_000)
      .toFixed(1)
      .replace('.0', '')} s`;
  const s = Math.round(ms / 1_000);
  if (s < 120) return `${s} s`;
  if (s < 7_200) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`;
}

/** The time of day of a moment, in UTC as the reports and the logs say it. */
export const clock = (iso: string): string => `${iso.slice(11, 19)} UTC`;

/** A log that a person watches: lines that stay, and in a terminal one below them that is rewritten. */
export interface Feed {
  line(text: string): void;
  live(text: string): void;
  /** Removes the live line. */
  end(): void;
}

export function feedTo(out: Out): Feed {
  const terminal = out.isTTY === true;
  let shown = '';
  const clear = (): void => {
    if (shown) out.write('\r\u001b[2K');
    shown = '';
  };
  const live = (text: string): void => {
    if (!terminal) return;
    clear();
    shown = text.slice(0, (out.columns ?? 80) - 1);
    out.write(paint(out, 'dim', shown));
  };
  return {
    line(text) {
      const below = shown;
      clear();
      out.write(`${text}\n`);
      if (below) live(below);
    },
    live,
    end: clear,
  };
}
