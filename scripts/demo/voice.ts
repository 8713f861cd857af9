// How the demo speaks: a clock, who it is, what was seen. Colours only in a terminal; long lines are broken under their own text.
import { paint, type Out } from '../cli/print.ts';

/** Where a line was read: the data centre's own log, Lifeboat's queries, the mailbox; or what a person does. */
export type Who = 'world' | 'lifeboat' | 'bmc' | 'nova' | 'mail' | 'person' | 'demo';
type Colour = Parameters<typeof paint>[1];
const COLOURS: Record<Who, Colour> = {
  world: 'red',
  lifeboat: 'cyan',
  bmc: 'dim',
  nova: 'dim',
  mail: 'dim',
  person: 'yellow',
  demo: 'dim',
};
const WIDEST = 120;

export interface Voice {
  /** A line with the clock: milliseconds since the failure. */
  tell(ms: number, who: Who, text: string, colour?: Colour): void;
  line(text?: string, colour?: Colour): void;
  title(text: string): void;
  /** Text of somebody else's, as it is, set off by a bar. */
  quote(text: string): void;
}

export function voiceOn(out: Out): Voice {
  const write = (text: string): void => void out.write(`${text}\n`);
  const width = (): number => Math.min(out.columns || WIDEST, WIDEST);
  const bar = paint(out, 'dim', '│');
  return {
    tell(ms, who, text, colour) {
      const clock = `${minutes(ms)}  ${who.padEnd(8)}  `;
      const [first = '', ...more] = broken(text, width() - clock.length);
      const dye = (line: string): string => (colour ? paint(out, colour, line) : line);
      write(`${paint(out, 'dim', minutes(ms))}  ${paint(out, COLOURS[who], who.padEnd(8))}  ${dye(first)}`);
      for (const line of more) write(' '.repeat(clock.length) + dye(line));
    },
    line: (text = '', colour) => {
      for (const line of broken(text, width())) write(colour ? paint(out, colour, line) : line);
    },
    title: (text) => write(`\n${paint(out, 'bold', text)}`),
    quote: (text) => {
      for (const line of text.trimEnd().split('\n')) write(`${bar} ${line}`.trimEnd());
    },
  };
}

const minutes = (ms: number): string => {
  const s = Math.max(0, Math.floor(ms / 1_000));
  return `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
};

/** Broken at spaces; a word that is longer than a line (a link, a command) stays whole, to be copied. */
export function broken(text: string, width: number): string[] {
  const indent = /^ */.exec(text)![0];
  const lines: string[] = [];
  let line = indent;
  for (const word of text.trimStart().split(' ')) {
    const empty = line.trim() === '';
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line += empty ? word : ` ${word}`;
  }
  return [...lines, line];
}
