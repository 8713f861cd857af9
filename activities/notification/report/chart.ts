// The timeline as HTML: a row for each step and instance, with its bar as a small SVG. All rows have one axis in percent, so that
// bars are true to scale at every width, text stays text, and paper breaks between rows.
import type { ReportDocument } from './document.ts';
import { markup, type Markup } from './markup.ts';
import { timelineOf, type Bar, type Row, type Timeline } from './timeline.ts';
import { byUrgency, moment, took } from './words.ts';

export function chart(document: ReportDocument): Markup | null {
  const line = timelineOf(document);
  if (line.steps.length < 2 && document.instances.length === 0) return null;
  const moved = byUrgency(document.instances)
    .map((i) => line.moves.get(i.id))
    .filter((row) => row !== undefined && row.bars.length > 0)
    .toSorted((a, b) => a!.bars[0]!.from - b!.bars[0]!.from);
  return markup`<section><h2>Timeline</h2>
<p class="faint">To scale. 0 is ${line.zeroIs}: ${moment(line.zero)}.</p>
<div class="chart">
${axis(line)}${line.steps.map((r) => row(r, line))}
${moved.length > 0 && markup`<div class="group">Instances</div>`}
${moved.map((r) => row(r!, line))}
</div>${key(document, moved.length > 0)}</section>`;
}

const at = (percent: number): string => `${percent}%`;

function axis({ ticks }: Timeline): Markup {
  const labels = ticks.map(({ left, label }) => {
    const anchor = left < 2 ? 'start' : left > 94 ? 'end' : 'middle';
    return markup`<text x="${at(left)}" y="11" text-anchor="${anchor}">${label}</text>`;
  });
  return markup`<div class="row axis"><span></span><svg aria-hidden="true">${labels}</svg><span></span></div>
`;
}

function row({ label, bars, note }: Row, line: Timeline): Markup {
  const spent = bars.reduce((sum, b) => sum + b.to - b.from, 0);
  const open = bars.some((b) => b.open);
  const said = bars.map((b) => `${took(b.from)} to ${open && b.open ? 'now' : took(b.to)}`).join(', ');
  return markup`<div class="row"><span class="what" title="${[label, note].filter(Boolean).join(': ')}">${label}</span>
<svg role="img" aria-label="${`${label}: ${said}`}"><title>${said}</title>${grid(line)}${bars.map(rect)}</svg>
<span class="took">${took(spent)}${open && ' …'}</span></div>
`;
}

const grid = ({ ticks, marks }: Timeline): Markup[] => [
  ...ticks.map(({ left }) => markup`<line class="grid" x1="${at(left)}" x2="${at(left)}" y1="0" y2="100%"/>`),
  ...marks.map(({ left }) => markup`<line class="mark" x1="${at(left)}" x2="${at(left)}" y1="0" y2="100%"/>`),
];

/** What took no time to speak of is still seen: a line of two pixels. */
function rect({ left, width, kind, open }: Bar): Markup {
  const name = open ? `${kind} open` : kind;
  const hair = markup`<rect class="${name}" x="${at(Math.min(left, 99.7))}" y="25%" width="2" height="50%"/>`;
  return markup`${hair}<rect class="${name}" x="${at(left)}" y="25%" width="${at(width)}" height="50%" rx="2"/>`;
}

function key({ stages }: ReportDocument, moved: boolean): Markup {
  const square = (name: string, says: string): Markup =>
    markup`<span><svg aria-hidden="true"><rect class="${name}" width="100%" height="100%" rx="2"/></svg>${says}</span>`;
  const dashed = markup`<span><svg aria-hidden="true"><line class="mark" x1="50%" x2="50%" y1="0" y2="100%"/></svg>proven off, first evacuation</span>`;
  return markup`<div class="key">${square('silent', 'nothing heard of the node')}${square('step', 'a step of the recovery')}
${moved && [square('move', 'an evacuation'), square('idle', 'looked, nothing sent'), square('trouble', 'failed')]}
${(stages['fenced'] ?? stages['firstEvacuation']) !== undefined && dashed}</div>`;
}
