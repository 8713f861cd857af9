// The report of a recovery: the page that nothing in it can break, the axis that is true to scale, what a history tells.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultPayloadConverter } from '@temporalio/common';
import fc from 'fast-check';
import { fromResult, readDocument, type ReportDocument } from '../../activities/notification/report/document.ts';
import { factsOf, type History } from '../../activities/notification/report/history.ts';
import { renderReport } from '../../activities/notification/report/page.ts';
import { ticksOf, timelineOf } from '../../activities/notification/report/timeline.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { fromHistoryJson, type HistoryJson } from '../workflows/history-json.ts';

const BEGAN = Date.parse('2026-08-02T14:03:22.400Z');
const at = (ms: number): string => new Date(BEGAN + ms).toISOString();

/** Every text that somebody else chose is `x`. */
function documentWith(x: string): ReportDocument {
  const instance = { id: x, name: x, projectId: x, userId: x, reason: x, host: x, at: at(60_000), loses: x };
  const tries = [
    { from: at(21_000), to: at(40_000), ended: 'failed', why: x },
    { from: at(41_000), to: at(60_000), ended: 'recovered', why: x },
  ];
  return {
    ...{ format: 'lifeboat-report-1', madeAt: at(90_000), cloud: x, node: x, workflowId: x, runId: x },
    ...{ page: `https://temporal.example/${x}`, outcome: 'partial', reason: x, startedAt: at(0), endedAt: at(80_000) },
    now: { phase: x, doing: x, question: x },
    asked: { by: x, reason: x, automatic: false, force: true },
    lastSignAt: at(-41_000),
    evidence: [{ channel: x, verdict: 'failed', saw: x, readAt: at(-1_000) }],
    fences: [{ level: x, from: at(600), to: at(5_000), ended: 'unproven', why: x }],
    proof: { kind: 'operator', level: x, devices: [x, x], readAt: at(20_000), witness: x, by: x, reason: x },
    stages: {
      admitted: 500,
      fenced: 20_000,
      marked: 20_500,
      firstEvacuation: 21_000,
      evacuated: 61_000,
      ended: 80_000,
    },
    instances: [
      { ...instance, outcome: 'recovered', tries },
      { ...instance, outcome: 'failed', id: `${x}2`, tries: [] },
    ],
    decisions: [{ at: at(10_000), by: x, what: x, reason: x }],
    messages: [
      {
        ...{ stage: x, audience: x, headline: x, at: at(20_000) },
        told: { done: true, delivered: [x], refused: [{ address: x, why: x }], unreachable: [x] },
      },
    ],
  };
}

/** The page's markup alone: tags with the names of their attributes, without what stands between and in them. */
const skeleton = (page: string): string =>
  [...page.replace(/<style>.*?<\/style>/s, '').matchAll(/<[^>]*>/g)]
    .map(([tag]) => tag.replace(/"[^"]*"/g, '""'))
    .join('');

test('no name, reason or address makes markup: the page of hostile texts has the tags of the page of harmless ones', () => {
  const harmless = skeleton(renderReport(documentWith('web-1')));
  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    `' onload='alert(1)`,
    '</title></style></table><b>',
    '<!-- ',
    ']]>&lt;',
    'javascript:alert(1)',
  ];
  for (const text of hostile) assert.equal(skeleton(renderReport(documentWith(text))), harmless, text);
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1 }),
      (text) => skeleton(renderReport(documentWith(`a${text}`))) === harmless,
    ),
    { numRuns: 200 },
  );
});

test('marks that turn the direction of writing or hide in a name are not in the page', () => {
  const page = renderReport(documentWith('web\u202e1-\u200bbd\u0000\n'));
  assert.doesNotMatch(page.replaceAll('\n', ''), /[\u202e\u200b\u0000]/);
  assert.match(page, /web 1- bd /);
});

test('the page needs nothing from elsewhere and runs nothing', () => {
  const page = renderReport(documentWith('web-1'));
  assert.doesNotMatch(page, /<(script|link|img|iframe|object|embed|form)|@import|url\(|\ssrc=|\son\w+=/i);
  assert.deepEqual(
    page.match(/https?:\/\/[^"<]*/g),
    ['https://temporal.example/web-1'],
    'the one link that was asked for',
  );
  assert.match(page, /Content-Security-Policy" content="default-src 'none'/);
});

test('a link that is not http is not made', () => {
  const page = renderReport({ ...documentWith('web-1'), page: 'javascript:alert(1)' });
  assert.doesNotMatch(page, /href|javascript/);
});

const stage = fc.integer({ min: 0, max: 3_600_000 });
const someDocument = fc
  .record({
    stages: fc.dictionary(
      fc.constantFrom('admitted', 'fenced', 'marked', 'told', 'firstEvacuation', 'evacuated', 'ended'),
      stage,
    ),
    silent: fc.option(fc.integer({ min: -5_000, max: 600_000 })),
    length: stage,
    tries: fc.array(fc.tuple(stage, stage)),
    open: fc.boolean(),
  })
  .map(({ stages, silent, length, tries, open }): ReportDocument => {
    const base = documentWith('web-1');
    const [first] = base.instances;
    return {
      ...base,
      stages,
      ...{ madeAt: at(length), endedAt: open ? null : at(length), outcome: open ? null : 'recovered' },
      now: open ? { phase: 'evacuating', doing: '', question: null } : null,
      lastSignAt: silent === null ? null : at(-silent),
      instances: [
        {
          ...first!,
          tries: tries.map(([a, b]) => ({ from: at(a), to: open ? null : at(b), ended: 'recovered', why: '' })),
        },
      ],
    };
  });

test('whatever the clocks said, every bar lies on the axis, and the steps follow each other without a gap', () => {
  fc.assert(
    fc.property(someDocument, (document) => {
      const line = timelineOf(document);
      const bars = [...line.steps, ...line.moves.values()].flatMap((row) => row.bars);
      for (const { left, width, from, to } of bars) {
        assert.ok(left >= 0 && width >= 0 && left + width <= 100.01, `${left} + ${width}`);
        assert.ok(Math.abs(width - ((to - from) / line.lengthMs) * 100) < 0.01, 'to scale');
      }
      const steps = line.steps.flatMap((row) => row.bars);
      for (const [i, step] of steps.entries()) if (i > 0) assert.equal(step.from, steps[i - 1]!.to);
    }),
  );
});

test('the axis has two to seven marks at round moments, the first at its begin', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 60 * 86_400_000 }), (lengthMs) => {
      const ticks = ticksOf(lengthMs);
      assert.ok(ticks.length >= 2 && ticks.length <= 7, `${lengthMs}: ${ticks.length}`);
      assert.deepEqual(ticks[0], { left: 0, label: '0' });
      assert.ok(ticks.every(({ left }) => left <= 100));
      assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length);
    }),
  );
});

test('a kept document makes the same page again; a bare result makes one too; what is neither is refused in one line', () => {
  const document = documentWith('web-1');
  const again = readDocument(JSON.stringify(document), 'kept.json');
  assert.equal(renderReport(again), renderReport(document));
  const { result } = recorded().find(({ name }) => name === 'recover-partial')!;
  const bare = readDocument(JSON.stringify(result), 'result.json');
  assert.deepEqual(bare, fromResult(result!, result!.endedAt));
  assert.match(renderReport(bare), /partly recovered/);
  const wrong: [string, RegExp][] = [
    ['{', /^Cannot read x\.json: it is not JSON/],
    ['[]', /^Cannot read x\.json: it is no report of a recovery: .+/],
    [JSON.stringify({ ...document, page: 'javascript:alert(1)' }), /no report of a recovery: page: /],
    [JSON.stringify({ ...document, startedAt: 'soon' }), /no report of a recovery: startedAt: /],
    [JSON.stringify({ ...document, instances: [{}] }), /no report of a recovery: instances\.0\./],
  ];
  for (const [text, why] of wrong) assert.throws(() => readDocument(text, 'x.json'), { message: why });
});

const HISTORIES = join(import.meta.dirname, '../workflows/histories');

function recorded(): { name: string; history: History; result: RecoveryReport | null }[] {
  return readdirSync(HISTORIES)
    .filter((file) => file.startsWith('recover-'))
    .map((file) => {
      const history = fromHistoryJson(
        JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')) as HistoryJson,
      ) as History;
      const payload = history.events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
      const result = payload ? defaultPayloadConverter.fromPayload<RecoveryReport>(payload) : null;
      return { name: file.replace('.json', ''), history, result };
    });
}

test('a history tells each try on an instance and on a level, with its times, and whom the run told', () => {
  for (const { name, history, result } of recorded()) {
    const facts = factsOf(history);
    assert.ok(facts.input?.node, name);
    for (const i of result!.instances.filter((one) => one.outcome === 'recovered')) {
      const last = facts.moves.get(i.id)?.at(-1);
      assert.equal(last?.ended, 'recovered', `${name}: ${i.name}`);
      assert.equal(last.why, `on ${i.host}`);
      assert.ok(last.to !== null && last.from < last.to && last.to <= facts.endedAt, name);
    }
    if (result!.proof?.kind === 'power')
      assert.equal(facts.fences.findLast((f) => f.ended === 'proven')?.level, result!.proof.level);
    if (result!.stages['admitted'] !== undefined) {
      assert.ok(facts.lastSignAt !== null && facts.lastSignAt <= result!.startedAt, `${name}: silent before it began`);
      assert.equal(facts.notices.at(-1)?.notice.stage, 'finished', name);
    }
  }
});

test('a history without its end is read as far as it goes', () => {
  const { history } = recorded().find(({ name }) => name === 'recover-recovered')!;
  const events = history.events!;
  const posted = events.findIndex(
    (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'evacuateInstance',
  );
  const { moves } = factsOf({ ...history, events: events.slice(0, posted + 1) } as History);
  assert.deepEqual(
    [...moves.values()].flat().map(({ to, ended }) => [to, ended]),
    [[null, 'under way']],
  );
});
