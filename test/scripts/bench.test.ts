// The bench without its minutes: what is typed, what becomes of the numbers, and the picture. That it measures: npm run bench.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readArguments, USAGE, UsageError } from '../../scripts/bench/arguments.ts';
import { EXPERIMENTS } from '../../scripts/bench/experiments.ts';
import { figure, FIGURES, median, rowsOf } from '../../scripts/bench/figures.ts';
import { measure, type Move } from '../../scripts/bench/measure.ts';
import { laneRows, lanesOf, picture, PLAIN, sharesOf, stageBars } from '../../scripts/bench/picture.ts';
import type { Account } from '../../workflows/domain.ts';
import { WorldLog, type Entry, type LogEntry } from '../world/log.ts';
import { runScript } from './run-script.ts';

const stages = { seen: 45_000, admitted: 45_500, fenced: 49_000, marked: 49_100, firstPost: 50_000, settled: 70_000 };
const move = (postedAt: number, doneAt: number, settledAt: number): Move => ({ postedAt, doneAt, settledAt });

describe('what is typed', () => {
  test('nothing means every figure, and that nothing is written', () => {
    assert.deepEqual(readArguments([]), { out: null, only: Object.keys(FIGURES), help: false });
  });

  test('figures are named one by one or in a list, and come in the order of the table', () => {
    const { only } = readArguments(['--only', 'crash_tax_server,makespan_500', '--only', 'makespan_100']);
    assert.deepEqual(only, ['makespan_100', 'makespan_500', 'crash_tax_server']);
  });

  test('a file that could not be written is refused before anything is measured', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'lifeboat-bench-test-'));
    t.after(() => rm(dir, { recursive: true }));
    assert.equal(readArguments(['--out', join(dir, 'new.json')]).out, join(dir, 'new.json'));
    for (const out of [dir, join(dir, 'no', 'such.json'), ' '])
      assert.throws(() => readArguments(['--out', out]), UsageError, out);
  });

  test('a mistake is named in one line, with a way out', () => {
    const cases: [string[], RegExp][] = [
      [['--only', 'makespan_10'], /^--only makespan_10: there is no such figure \(did you mean makespan_100\?\)$/],
      [['--only', ''], /^--only "": there is no such figure \(figures: makespan_100, /],
      [['--onyl', 'x'], /^--onyl: there is no such option; did you mean --only\? \(see: /],
      [['--out'], /--out/],
      [['--out', '/no/such/folder/x.json'], /^--out \/no\/such\/folder\/x\.json: it cannot be written \(ENOENT\)$/],
      [['makespan_100'], /makespan_100/],
    ];
    for (const [argv, text] of cases) {
      const isLine = (e: unknown): boolean =>
        e instanceof UsageError && text.test(e.message) && !e.message.includes('\n');
      assert.throws(() => readArguments(argv), isLine, argv.join(' '));
    }
  });

  test('the command says it on stderr alone and ends with 2', async () => {
    const ran = await runScript('bench', ['--only', 'makespan_10']);
    assert.equal(ran.code, 2, ran.stderr);
    assert.match(ran.stderr, /^--only makespan_10: .*\n$/);
    assert.equal(ran.stdout, '');
  });

  test('the usage names every figure', () => {
    for (const name of Object.keys(FIGURES)) assert.match(USAGE, new RegExp(name));
  });
});

describe('figures', () => {
  test('every figure comes out of exactly one experiment', () => {
    assert.deepEqual(EXPERIMENTS.flatMap((e) => e.figures).sort(), Object.keys(FIGURES).sort());
  });

  test('the middle one of three counts, whatever the others are', () => {
    assert.equal(median([9, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]));
  });

  test('a goal is missed by a hair, before the value is rounded', () => {
    const goal = FIGURES.makespan_100.goal;
    assert.equal(figure('makespan_100', [goal]).ok, true);
    const near = figure('makespan_100', [goal + 0.000_1]);
    assert.deepEqual([near.ok, near.value], [false, goal]);
  });

  test('what could not be measured has missed its goal', () => {
    const none = figure('crash_tax_server', []);
    assert.deepEqual([none.value, none.ok], [null, false]);
    assert.deepEqual(rowsOf([none], new Map()), [['crash_tax_server', 'not measured', '≤ 3', 'MISSED', '']]);
  });

  test('a row has its exact five keys, as others read them', () => {
    assert.deepEqual(figure('calls_per_sweep', [1, 1, 1]), {
      ...{ name: 'calls_per_sweep', value: 1, unit: 'calls', goal: 1, ok: true },
    });
  });
});

describe('one recovery as numbers', () => {
  const log = (entries: (LogEntry & { at: number })[]): WorldLog =>
    Object.assign(new WorldLog(), { entries: entries.map((e, seq): Entry => ({ ...e, seq })) });
  const asked = (at: number, instance: string, record: number): LogEntry & { at: number } => {
    return { kind: 'evacuate', at, instance, source: 'a', record, by: 'lifeboat' };
  };
  const done = (at: number, instance: string, record: number): LogEntry & { at: number } => {
    return { kind: 'record', at, record, type: 'evacuation', instance, status: 'done', source: 'a', dest: 'b' };
  };
  const account = (id: string, atMs: number, outcome: Account['outcome'] = 'recovered'): Account => {
    const at = new Date(atMs).toISOString();
    return { id, name: id, projectId: '', userId: '', outcome, reason: '', host: 'b', at };
  };
  const report = (instances: Account[]): Parameters<typeof measure>[3] => ({
    ...{ node: 'a', instances, stages: { admitted: 500, fenced: 4_000 } },
    ...{ startedAt: new Date(1_046_000).toISOString(), endedAt: new Date(1_056_000).toISOString() },
  });
  const entries = [asked(51_000, 'i', 1), asked(51_200, 'k', 2), done(53_000, 'i', 1), done(53_100, 'k', 2)];

  test('counts from the first request to the last instance that Lifeboat saw settled, not to what Nova knew earlier', () => {
    const said = report([account('i', 1_053_300), account('k', 1_054_000)]);
    const m = measure({ log: log(entries) }, 1_000, 1_000_000, said);
    assert.equal(m.makespanMs, 3_000);
    assert.equal(m.lengthMs, 5_000);
    assert.equal(m.stages.firstPost, 50_000);
    assert.equal(m.stages.seen, 45_000);
    assert.deepEqual(m.moves[0], move(51_000, 53_000, 53_300));
  });

  test('another request for the same instance is another try', () => {
    const again = [...entries, asked(53_500, 'i', 3)];
    const said = report([account('i', 1_053_900), account('k', 1_054_000)]);
    assert.equal(measure({ log: log(again) }, 1_000, 1_000_000, said).tries, 3);
  });

  test('a recovery that left an instance behind is no measurement', () => {
    const said = report([account('i', 1_053_300), account('k', 1_054_000, 'failed')]);
    assert.throws(() => measure({ log: log(entries) }, 1_000, 1_000_000, said), /k is failed/);
  });
});

describe('the picture', () => {
  const moves = [move(0, 2_000, 2_200), move(100, 2_100, 2_300), move(2_500, 4_500, 5_000)];

  test('two at a time are two lanes, and the next one takes the lane that has been free for longest', () => {
    assert.deepEqual(lanesOf(moves), [[moves[0], moves[2]], [moves[1]]]);
  });

  test('the shares of the lanes are Nova, unseen and free, and are all of the time', () => {
    const { nova, unseen, free } = sharesOf(moves, 2);
    assert.equal(nova, 0.6);
    assert.equal(unseen, 0.09);
    assert.ok(Math.abs(nova + unseen + free - 1) < 1e-9);
  });

  test('a lane shows what Nova does, what is not seen yet, and where it is free', () => {
    const [first, second] = laneRows(moves, 10, PLAIN);
    assert.equal(first, '  1 ####.####-');
    assert.equal(second, '  2 ####-.....');
  });

  test('the stages follow each other without a gap, and the longest is the longest bar', () => {
    const bars = stageBars({ ...stages, ended: 71_000 }, 71, PLAIN);
    const drawn = bars.map((bar) => bar.indexOf('#'));
    assert.deepEqual(
      drawn,
      drawn.toSorted((a, b) => a - b),
    );
    const length = (i: number): number => bars[i]!.replaceAll(/[^#]/g, '').length;
    assert.deepEqual([length(0), length(5)], [45, 20]);
  });

  test('it is plain ASCII where it is no terminal', () => {
    const text = picture({ stages: { ...stages, ended: 71_000 }, moves }, 2, 40, PLAIN).join('\n');
    assert.match(text, /^[\x20-\x7e\n]*$/);
  });
});
