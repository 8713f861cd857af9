// An admins' message as a chat shows it: what matters first, short enough for a room, and no markup, so that no name or reason that
// somebody else wrote is taken for any.
import type { Brief, BriefInstance } from './brief.ts';
import { ORDER, OUTCOME_WORDS } from './instance-lines.ts';
import { moment } from './words.ts';

export interface Span {
  text: string;
  bold?: true;
  code?: true;
  quiet?: true;
  href?: string;
}
export type Line = readonly Span[];

/** `lines`: a paragraph each. `list`: with bullets. `code`: to be copied as it stands. */
export type Part = { kind: 'lines'; lines: Line[] } | { kind: 'list'; lines: Line[] } | { kind: 'code'; text: string };

export interface Chat {
  title: string;
  /** How urgent it looks. */
  mood: 'alarm' | 'attention' | 'good' | 'calm';
  parts: Part[];
  link: string | null;
}

/** Of each outcome; the mail and the run have all. */
const MOST_INSTANCES = 8;
const MOST_PEOPLE = 8;
const LONGEST_LINE = 400;

const bold = (text: string): Span => ({ text, bold: true });
const plain = (text: string): Span => ({ text: cut(text, LONGEST_LINE) });
const quiet = (text: string): Span => ({ text, quiet: true });

/** At most `limit` characters in all parts; what was left out is said. */
export function chatOf(brief: Brief, limit: number): Chat {
  const { cloud, headline, link } = brief;
  const parts = [
    about(brief),
    ...questionParts(brief),
    ...reportParts(brief),
    ...instanceParts(brief),
    ...untold(brief),
  ];
  return { title: `[${cloud}] ${headline}`, mood: moodOf(brief), parts: fit(parts, limit), link };
}

export function moodOf({ stage, report, instances }: Pick<Brief, 'stage' | 'report' | 'instances'>): Chat['mood'] {
  if (stage === 'blocked' || stage === 'approval' || stage === 'alarm' || stage === 'returned') return 'alarm';
  if (stage === 'started') return 'attention';
  if (stage !== 'finished') return 'calm';
  const left = instances.some((i) => i.outcome === 'failed' || i.outcome === 'waiting');
  if (left) return 'alarm';
  return report?.outcome === 'recovered' ? 'good' : 'attention';
}

function about({ node, counts, observedAt, late, lines, run, link }: Brief): Part {
  const row = (name: string, value: string): Line => [quiet(`${name}: `), plain(value)];
  return {
    kind: 'lines',
    lines: [
      ...(late === null ? [] : [[bold(`Sent late: this tells how things stood ${late} ago.`)]]),
      ...(node === null ? [] : [row('Node', node)]),
      ...(counts === '' ? [] : [row('Instances', counts)]),
      row('Seen at', moment(observedAt)),
      ...(link === null && run ? [row('Run', `${run.workflowId}, ${run.runId}`)] : []),
      ...lines.map((line): Line => [plain(line)]),
    ],
  };
}

function questionParts({ question: q, headline }: Brief): Part[] {
  if (!q) return [];
  const asked: Line = [bold('A person has to decide'), quiet(`, asked since ${moment(q.since)}`)];
  return [
    { kind: 'lines', lines: [asked, ...(headline.includes(q.what) ? [] : [[plain(q.what)]])] },
    ...(q.commands.length === 0 ? [] : [said('To look:'), { kind: 'code' as const, text: q.commands.join('\n') }]),
    ...q.answers.flatMap((a): Part[] => [
      { kind: 'lines', lines: [[bold(a.verb), plain(`: ${a.means}`)]] },
      { kind: 'code', text: a.command ?? a.json },
    ]),
  ];
}

const said = (text: string): Part => ({ kind: 'lines', lines: [[plain(text)]] });

function reportParts({ report, headline }: Brief): Part[] {
  if (!report) return [];
  const took = report.took === null ? '' : `, after ${report.took}`;
  const reason = headline.includes(report.reason) ? '' : `: ${report.reason}`;
  return [{ kind: 'lines', lines: [[quiet('Ended: '), bold(report.outcome), plain(`${took}${reason}`)]] }];
}

function instanceParts({ instances }: Brief): Part[] {
  return ORDER.flatMap((outcome): Part[] => {
    const these = instances.filter((i) => i.outcome === outcome);
    if (these.length === 0) return [];
    const shown = these.slice(0, MOST_INSTANCES).map(instanceLine);
    if (these.length > shown.length) shown.push([quiet(`and ${these.length - shown.length} more`)]);
    const title = `${OUTCOME_WORDS[outcome].title.split(':')[0]!} (${these.length})`;
    return [
      { kind: 'lines', lines: [[bold(title)]] },
      { kind: 'list', lines: shown },
    ];
  });
}

function instanceLine(i: BriefInstance): Line {
  const where = i.outcome === 'recovered' && i.host !== null ? ` on ${i.host}` : '';
  const away = i.away === null ? '' : `, away for ${i.away}`;
  const reason = i.reason === '' ? '' : `: ${i.reason}`;
  const loses = i.loses === null ? [] : [bold(' Lost: '), plain(i.loses)];
  return [
    bold(cut(i.name, 80)),
    plain(`${where}${away}${reason}`),
    ...loses,
    quiet(` (project ${shortId(i.project)})`),
  ];
}

/** A room has no use for 32 digits; the mail has them. */
const shortId = (id: string): string => (/^[0-9a-f-]{32,36}$/.test(id) ? `${id.slice(0, 8)}…` : cut(id, 60));

function untold({ unreachable }: Brief): Part[] {
  if (unreachable.length === 0) return [];
  const shown = unreachable.slice(0, MOST_PEOPLE).map((who): Line => [plain(who)]);
  if (unreachable.length > shown.length) shown.push([quiet(`and ${unreachable.length - shown.length} more`)]);
  return [
    { kind: 'lines', lines: [[bold('Not told: no address, or nobody there')]] },
    { kind: 'list', lines: shown },
  ];
}

const sizeOf = (part: Part): number =>
  part.kind === 'code' ? part.text.length : part.lines.flat().reduce((sum, s) => sum + s.text.length + 1, 0);

/** Whole parts from the beginning: a command that is cut is worse than none. */
function fit(parts: Part[], limit: number): Part[] {
  let left = limit;
  const kept: Part[] = [];
  for (const part of parts) {
    left -= sizeOf(part);
    if (left < 0)
      return [...kept, { kind: 'lines', lines: [[quiet('… more stands in the run and in the admins’ mail.')]] }];
    kept.push(part);
  }
  return kept;
}

export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
