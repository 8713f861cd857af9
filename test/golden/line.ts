// One line of a story's log: when, who, and what of whom. What is written is also what is compared: a line is read back from its text.

/** Who speaks. `event`: what happens to the data centre; `person`: what somebody does; the others: what the log of the data centre shows. */
export const VOICES = ['event', 'person', 'bmc', 'nova', 'mail', 'lifeboat'] as const;
export type Voice = (typeof VOICES)[number];

export interface Line {
  /** Seconds of the cloud's time since the story's first step. Shown, never compared. */
  seconds: number;
  voice: Voice;
  /** A node, an instance, an address: the first word. */
  subject: string;
  text: string;
}

/** `text` begins with its subject. */
export function lineOf(seconds: number, voice: Voice, text: string): Line {
  const flat = text.replace(/\s+/g, ' ').trim();
  return { seconds, voice, subject: /^[^\s:,]+/.exec(flat)?.[0] ?? '', text: flat };
}

export const writeLine = ({ seconds, voice, text }: Line): string =>
  `+${String(Math.max(0, Math.round(seconds))).padStart(4)} s  ${voice.padEnd(8)}  ${text}`;

/** Throws where the text is no line of a log. */
export function readLine(text: string): Line {
  const [, seconds, voice, rest] = /^\+ *(\d+) s {2}(\w+) +(.+)$/.exec(text) ?? [];
  if (seconds === undefined || rest === undefined || !VOICES.includes(voice as Voice))
    throw new Error(`line "${text}": is no line of a story's log (it reads "+  12 s  nova      compute-2 …")`);
  return lineOf(Number(seconds), voice as Voice, rest);
}

/** A whole expected.log. Empty lines and those that begin with # are for people. */
export const readLog = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map(readLine);

export const writeLog = (lines: readonly Line[]): string => `${lines.map(writeLine).join('\n')}\n`;

/** What no two runs have alike, and names in a list, whose order means nothing. */
export function canonical(text: string): string {
  return (
    text
      // Which sign of life the guard saw first is chance, and a long one cuts the subject.
      .replace(/ \((alive|on): [^)]*\): nothing new (is evacuated, and it is fenced again|[^…]*…)/, '')
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<id>')
      .replace(/\b127\.\d+\.\d+\.\d+(:\s?\d+)?/g, '<address>')
      .replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?/g, '<time>')
      .replace(/\b(records?) \d+/g, '$1 <n>')
      .replace(/"record":\d+/g, '"record":<n>')
      .replace(/\b\d+(\.\d+)? (ms|s|min|h)\b/g, '<n> $2')
      .replace(/[\w.-]+-\d+(?:, [\w.-]+-\d+)+/g, (list) => list.split(', ').sort().join(', '))
  );
}
