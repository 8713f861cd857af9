// What the page tells besides the timeline: the instances, what was seen before the fence and how it went, who decided, who was told.
import type { ReportDocument, ReportInstance } from './document.ts';
import { markup, type Markup } from './markup.ts';
import { ACCOUNT, byUrgency, clock, moment, OUTCOME, took, type Tone } from './words.ts';

type Cell = Markup | string | null;

/** `is` stands before the cell where the page is too narrow for columns. */
function table(head: { says: string; is?: string; nowrap?: boolean }[], rows: readonly Cell[][]): Markup {
  const cell = (c: Cell, i: number): Markup =>
    markup`<td${head[i]?.nowrap && markup` class="nowrap"`}${head[i]?.is !== undefined && markup` data-is="${head[i].is}"`}>${c}</td>`;
  return markup`<table><thead><tr>${head.map(({ says }) => markup`<th scope="col">${says}</th>`)}</tr></thead>
<tbody>${rows.map((row) => markup`<tr>${row.map(cell)}</tr>\n`)}</tbody></table>`;
}

const badge = (tone: Tone, word: string): Markup => markup`<span class="badge ${tone}">${word}</span>`;
const toned = (tone: Tone, word: string): Markup => markup`<span class="${tone}"><strong>${word}</strong></span>`;

export function head(d: ReportDocument): Markup {
  const { outcome, now } = d;
  const mark = outcome === null ? badge('calm', 'open') : badge(OUTCOME[outcome].tone, OUTCOME[outcome].word);
  const until = d.endedAt === null ? `as of ${moment(d.madeAt)}` : `ended ${moment(d.endedAt)}`;
  return markup`<header><div class="title"><h1>Recovery of ${d.node}</h1>${mark}</div>
<p>${d.reason}</p>
<p class="faint">Cloud ${d.cloud}. Began ${moment(d.startedAt)}, ${until}.${d.asked && ` ${askedText(d.asked)}`}</p>
${now && markup`<div class="asks"><p><strong>${now.phase}</strong>: ${now.doing}</p>${now.question && markup`<p class="warn"><strong>A person is needed.</strong> ${now.question}</p>`}</div>`}
<dl class="figures">${figures(d).map(([says, is]) => markup`<div><dt>${says}</dt><dd>${is}</dd></div>`)}</dl></header>`;
}

function askedText({ by, reason, automatic, force }: NonNullable<ReportDocument['asked']>): string {
  const who = automatic ? 'Begun by Lifeboat itself' : `Asked for by ${by}${force ? ', past the limits' : ''}`;
  return `${who}${reason ? `: ${reason}` : ''}.`;
}

function figures(d: ReportDocument): [string, string][] {
  const started = Date.parse(d.startedAt);
  const zero = d.lastSignAt === null ? started : Math.min(started, Date.parse(d.lastSignAt));
  const since = d.lastSignAt === null ? 'the start' : 'the last sign of life';
  const after = (stage: string): string | null => {
    const ms = d.stages[stage];
    return ms === undefined ? null : took(started + ms - zero);
  };
  const [off, first, all] = [after('fenced'), after('firstEvacuation'), after('evacuated')];
  const done = d.instances.filter((i) => i.outcome === 'recovered').length;
  return [
    ...(d.instances.length > 0
      ? [['Instances recovered', `${done} of ${d.instances.length}`] as [string, string]]
      : []),
    ...(off === null ? [] : [[`Proven off, after ${since}`, off] as [string, string]]),
    ...(first === null ? [] : [[`First evacuation, after ${since}`, first] as [string, string]]),
    ...(all === null ? [] : [[`Last one settled, after ${since}`, all] as [string, string]]),
    [d.endedAt === null ? 'So far' : 'The run took', took(Date.parse(d.endedAt ?? d.madeAt) - started)],
  ];
}

export function instanceSection({ instances }: ReportDocument): Markup | null {
  if (instances.length === 0) return null;
  const counts = Object.keys(ACCOUNT)
    .map((o) => ({ o: o as ReportInstance['outcome'], n: instances.filter((i) => i.outcome === o).length }))
    .filter(({ n }) => n > 0)
    .map(({ o, n }) => `${n} ${ACCOUNT[o].word}`);
  const rows = byUrgency(instances).map((i): Cell[] => [
    markup`<strong>${i.name || i.id}</strong><small><code>${i.id}</code></small>`,
    toned(ACCOUNT[i.outcome].tone, ACCOUNT[i.outcome].word),
    i.host,
    i.at && clock(i.at),
    why(i),
  ]);
  const columns = [
    { says: 'Instance' },
    { says: 'Outcome', nowrap: true },
    { says: 'Host now', is: 'on' },
    { says: 'Observed', is: 'observed', nowrap: true },
    { says: 'Reason, and what its owner has to know' },
  ];
  return markup`<section><h2>Instances: ${counts.join(', ')}</h2>${table(columns, rows)}</section>`;
}

/** Tries that led nowhere are told where there was more than the one that counts. */
function why(i: ReportInstance): Markup {
  const earlier = i.tries.slice(0, -1).filter((t) => t.ended !== 'notPosted');
  const tries = earlier.map(
    (t) => markup`<small>tried at ${clock(t.from)}: ${t.ended}${t.why && `: ${t.why}`}</small>`,
  );
  return markup`${i.reason}${i.loses && markup`<span class="warn loses">${i.loses}</span>`}${tries}`;
}

export function fenceSection({ evidence, fences, proof, endedAt }: ReportDocument): Markup | null {
  if (evidence.length === 0 && fences.length === 0 && !proof) return null;
  const seen = evidence.map((e): Cell[] => [
    e.channel,
    toned(e.verdict === 'failed' ? 'bad' : 'calm', e.verdict),
    clock(e.readAt),
    e.saw,
  ]);
  const tried = fences.map((f): Cell[] => [
    f.level,
    toned(f.ended === 'proven' ? 'good' : 'warn', f.ended),
    `${clock(f.from)}${f.to === null ? '' : `, ${took(Date.parse(f.to) - Date.parse(f.from))}`}`,
    f.why,
  ]);
  const of = (first: string): Parameters<typeof table>[0] => [
    { says: first },
    { says: 'Said' },
    { says: 'When', is: 'at', nowrap: true },
    { says: 'Seen' },
  ];
  return markup`<section><h2>Before the fence: what was seen</h2>
${seen.length > 0 ? table(of('Channel'), seen) : markup`<p class="faint">Nothing is kept.</p>`}</section>
${(tried.length > 0 || proof) && markup`<section><h2>The fence</h2>${tried.length > 0 && table(of('Level'), tried)}${proof ? proofText(proof) : markup`<p class="warn">${endedAt === null ? 'It is not proven off: nothing is evacuated before it is.' : 'It was never proven off: nothing was evacuated.'}</p>`}</section>`}`;
}

function proofText(p: NonNullable<ReportDocument['proof']>): Markup {
  const whom = { operator: `the word of ${p.by ?? 'a person'}`, assumed: 'assumed, as the configuration allows' }[
    p.kind
  ];
  return markup`<p><strong>Proof:</strong> ${whom ?? `read as off (${p.level})`}, ${moment(p.readAt)}.
${p.devices.length > 0 && `Devices: ${p.devices.join(', ')}. `}${p.reason && `${p.reason}. `}Signs of life meanwhile: ${p.witness || 'none'}.</p>`;
}

export function peopleSection({ decisions }: ReportDocument): Markup | null {
  if (decisions.length === 0) return null;
  const rows = decisions.map((d): Cell[] => [clock(d.at), d.by, d.what, d.reason]);
  const columns = [{ says: 'When', nowrap: true }, { says: 'Who' }, { says: 'What' }, { says: 'Why' }];
  return markup`<section><h2>Who decided what</h2>${table(columns, rows)}</section>`;
}

export function messageSection({ messages }: ReportDocument): Markup | null {
  if (messages.length === 0) return null;
  const rows = messages.map((m): Cell[] => [
    clock(m.at),
    markup`<strong>${m.stage}</strong><small>to ${m.audience === 'both' ? 'users and admins' : m.audience}</small>`,
    m.headline,
    toldText(m.told),
  ]);
  const columns = [{ says: 'When', nowrap: true }, { says: 'Message' }, { says: 'Says' }, { says: 'Told' }];
  return markup`<section><h2>Who was told</h2>${table(columns, rows)}</section>`;
}

function toldText(told: ReportDocument['messages'][number]['told']): Markup {
  if (!told) return markup`<span class="faint">not known any more</span>`;
  const { delivered, refused, unreachable, done } = told;
  const lines = [
    ...refused.map((r) => `not ${r.address}: ${r.why}`),
    ...unreachable.map((who) => `cannot be told: ${who}`),
  ];
  return markup`${delivered.join(', ') || (done ? 'nobody' : 'nobody yet')}${!done && ' (still at it)'}
${lines.map((line) => markup`<small class="warn">${line}</small>`)}`;
}

export function foot(d: ReportDocument): Markup {
  const run = markup`workflow <code>${d.workflowId}</code>, run <code>${d.runId}</code>`;
  return markup`<footer><p>${run}${/^https?:/.test(d.page ?? '') && markup` · <a href="${d.page}">its page in the Temporal UI</a>`}</p>
<p>Made ${moment(d.madeAt)} by Lifeboat, from the run's history. Times are UTC.</p></footer>`;
}
