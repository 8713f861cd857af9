import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { HEALTHS, PHASES } from '../../workflows/contract.ts';
import { OUTCOMES, RUN_OUTCOMES, VERDICTS } from '../../workflows/domain.ts';
import { DEPLOY, expressionsOf, METRIC, recordedOf, rules } from './expressions.ts';

const run = promisify(execFile);

test('every recorded series is used, and every alert says what it means and how urgent it is', () => {
  const used = new Set(expressionsOf().flatMap(({ expr }) => [...expr.matchAll(METRIC)].map(([name]) => name)));
  assert.deepEqual(
    [...recordedOf()].filter((name) => !used.has(name)),
    [],
  );
  const alerts = rules().filter((rule) => rule.alert) as {
    alert: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  }[];
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels?.severity ?? '', /^(critical|warning|info)$/, alert);
    assert.ok(annotations?.summary, alert);
  }
  const page = readFileSync(path.join(DEPLOY, '../docs/metrics.md'), 'utf8');
  assert.deepEqual(
    alerts.map(({ alert }) => alert).filter((alert) => !page.includes(`\`${alert}\``)),
    [],
  );
});

test('alerts and dashboard ask for words that a worker says', () => {
  const words: Record<string, readonly string[]> = {
    verdict: [...VERDICTS],
    phase: [...PHASES, 'unknown'],
    outcome: [...RUN_OUTCOMES, ...OUTCOMES],
    seeing: ['off', 'blind', 'trouble', 'none'],
    health: HEALTHS,
  };
  const asked = expressionsOf().flatMap(({ expr }) =>
    [...expr.matchAll(/(\w+)(?:=|!=|=~|!~)"([^"]*)"/g)].flatMap(([, label, value]) =>
      value!.split('|').map((v) => [label!, v] as const),
    ),
  );
  const wrong = asked.filter(([label, value]) => words[label] && !words[label].includes(value));
  assert.deepEqual(wrong, []);
});

// Where Prometheus is installed; its own tests of the rules are the better ones.
const promtool = [
  process.env.PROMTOOL ?? '',
  ...(process.env.PATH ?? '').split(':').map((dir) => path.join(dir, 'promtool')),
].find((file) => file !== '' && existsSync(file));

if (promtool !== undefined) {
  test('promtool accepts the rules, and they fire and stay quiet as their tests say', async () => {
    const folder = path.join(DEPLOY, 'prometheus');
    await run(promtool, ['check', 'rules', 'lifeboat.rules.yml'], { cwd: folder });
    await run(promtool, ['test', 'rules', 'lifeboat.rules.test.yml'], { cwd: folder });
  });
}
