// The pages tell the truth where a machine can tell: links lead somewhere, tables are the defaults, examples are accepted.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { writeDuration } from '../workers/duration.ts';
import { parseConfig } from '../workers/config.ts';
import { PHASES } from '../workflows/contract.ts';
import { DEFAULT_POLICY, DEFAULT_TIMINGS, FLOORS, type Timings } from '../workflows/defaults.ts';
import { OUTCOMES, RUN_OUTCOMES } from '../workflows/domain.ts';
import { DESCRIPTIONS } from '../workflows/verbs.ts';

const root = join(import.meta.dirname, '..');
const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
/** Its files are those of a package of somebody else. */
const WRITING = 'docs/drivers/writing.md';
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

interface Block {
  language: string;
  text: string;
}
const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((m) => ({ language: m[1]!, text: m[2]! }));
const proseOf = (markdown: string): string => markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');

/** As the usual Markdown viewers make the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
const anchorsOf = (markdown: string): string[] =>
  [...markdown.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map((m) => anchorOf(m[1]!));

/** Why a link leads nowhere; null: it leads somewhere. Links to other hosts are not followed. */
function broken(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [file, anchor] = link.split('#') as [string, string | undefined];
  const target = file ? resolve(root, dirname(page), file) : join(root, page);
  if (!existsSync(target)) return `${page}: ${link}: there is no ${relative(root, target)}`;
  if (!anchor) return null;
  return anchorsOf(readFileSync(target, 'utf8')).includes(anchor) ? null : `${page}: ${link}: no such heading`;
}

/** The cells of the first table below a heading, without its head. */
function tableUnder(page: string, heading: string): string[][] {
  const [, below = ''] = read(page).split(`## ${heading}\n`);
  const table = /(^\|.*\|\n)+/m.exec(below)?.[0] ?? '';
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  return table.trim().split('\n').slice(2).map(cells);
}

test('every link of every page leads to a file and a heading that are there', () => {
  const links = PAGES.flatMap((page) =>
    [...proseOf(read(page)).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map((m) => broken(page, m[1]!)),
  );
  assert.ok(links.length > 30);
  assert.deepEqual(
    links.filter((why) => why !== null),
    [],
  );
});

test('every YAML example of a whole configuration is accepted', () => {
  const examples = PAGES.flatMap((page) =>
    blocksOf(read(page))
      .filter(({ language, text }) => language === 'yaml' && text.startsWith('cloud:'))
      .map(({ text }) => ({ page, text })),
  );
  assert.ok(examples.some(({ page }) => page === 'README.md'));
  for (const { page, text } of examples) assert.doesNotThrow(() => parseConfig(text, page), page);
});

test("the procedure's table of durations is the defaults' and the floors'", () => {
  const write = (value: number | number[]): string => [value].flat().map(writeDuration).join(', ');
  const wanted = Object.entries(DEFAULT_TIMINGS).map(([key, value]: [string, number | number[]]) => {
    const floor = FLOORS[key as keyof Timings];
    return [`\`${key.replace(/Ms$/, '')}\``, write(value), floor === undefined ? '' : write(floor)];
  });
  assert.deepEqual(tableUnder('docs/procedure.md', 'Default durations'), wanted);
});

test("the procedure's table of the policy is the default policy", () => {
  const flat = (value: object, at: string): string[][] =>
    Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? flat(inner, `${at}${key}.`)
        : [[`\`${at}${key}\``, `\`${JSON.stringify(inner)}\``]],
    );
  const { timings: _elsewhere, ...policy } = DEFAULT_POLICY;
  assert.deepEqual(tableUnder('docs/procedure.md', 'Default policy'), flat(policy, ''));
});

test('operating.md knows every phase, outcome and verb', () => {
  const page = read('docs/operating.md');
  const verbs = Object.keys(DESCRIPTIONS).flatMap((name) => /^(\w+?)(?:Watch)?Update$/.exec(name)?.[1] ?? []);
  const people = verbs.filter((verb) => verb !== 'configure' && verb !== 'admit');
  const wanted = [...PHASES, ...RUN_OUTCOMES, ...OUTCOMES, ...people];
  assert.deepEqual(
    wanted.filter((word) => !page.includes(`\`${word}\``)),
    [],
  );
});

test('files that pages name in the tree are there', () => {
  const named = PAGES.filter((page) => page !== WRITING).flatMap((page) =>
    [...read(page).matchAll(/`((?:workflows|activities|workers|scripts|test)\/[\w./-]+\.ts)`/g)].map((m) => ({
      page,
      file: m[1]!,
    })),
  );
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter(({ file }) => !existsSync(join(root, file))),
    [],
  );
});

test('the driver that is explained is the driver that is built and tested', () => {
  const shown = blocksOf(read(WRITING)).map(({ text }) => text);
  const outlet = ['src/index.ts', 'test/strip.ts', 'test/outlet.test.ts'].map((file) => `example-outlet/${file}`);
  for (const file of [...outlet, 'example-share/src/index.ts', 'example-share/test/share.test.ts'])
    assert.ok(shown.includes(read(`docs/drivers/${file}`)), file);
});
