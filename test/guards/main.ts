// `npm run test:guards`: takes each safety check away, one at a time, in a copy of the repository, and runs the test that is there
// for it. It must turn red; a check that nobody misses is not held by any test. `npm run test:guards -- 'horizon|fence'` tries those that match.
import { cpus, tmpdir } from 'node:os';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflows } from '../../scripts/bundle-workflows.ts';
import { locateBinary, TEMPORAL_CLI, TEST_SERVER } from '../../scripts/temporal-binaries.ts';
import { makeCopy, type Copy } from './copies.ts';
import type { Guard } from './guard.ts';
import { GUARDS } from './list.ts';

const root = join(import.meta.dirname, '../..');
const AT_ONCE = Math.min(2, cpus().length);

type End = { guard: Guard; is: 'caught' | 'survived' | 'broken'; why: string; seconds: number };

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const short = (path: string): string => path.replace(/^test\//, '');

/** What is no answer of a test: the code does not load, or breaks on its way. */
const BROKEN =
  /^(SyntaxError|ReferenceError|TypeError)|Transform failed|Cannot find (module|package)|Module not found|Webpack/;

/** Runs `work` on all, as many at a time as there are copies. */
async function share<T>(copies: readonly Copy[], items: readonly T[], work: (copy: Copy, item: T) => Promise<void>) {
  const rest = [...items];
  const lane = async (copy: Copy): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(copy, item);
  };
  await Promise.all(copies.map(lane));
}

/** Of the repository as it stands all of these tests run and pass; else their red would mean nothing. */
async function standing(copies: readonly Copy[], guards: readonly Guard[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const files = new Map<string, Set<string>>();
  for (const { caughtBy } of guards) {
    const [file, test] = caughtBy;
    files.set(file, (files.get(file) ?? new Set()).add(test));
  }
  const wrong: string[] = [];
  await share(copies, [...files], async (copy, [file, tests]) => {
    const { said, out } = await copy.run(file, [...tests], env);
    for (const test of tests) {
      const one = said.get(test);
      if (!one) wrong.push(`${file}: no test "${test}" ran\n${said.size === 0 ? out.slice(-1_500) : ''}`);
      else if (one.error !== null) wrong.push(`${file}: "${test}" fails with every check in its place: ${one.error}`);
    }
  });
  return wrong;
}

async function tryOne(copy: Copy, guard: Guard, env: NodeJS.ProcessEnv, bundle: string): Promise<End> {
  const started = performance.now();
  const [file, test] = guard.caughtBy;
  const end = (is: End['is'], why: string): End => ({
    ...{ guard, is, why },
    seconds: (performance.now() - started) / 1_000,
  });
  // The workflows of the repository as it stands serve where none of them is changed.
  const bundled = guard.file.startsWith('workflows/') ? env : { ...env, LIFEBOAT_TEST_BUNDLE: bundle };
  try {
    const { said, out } = await copy.without(guard, () => copy.run(file, [test], bundled));
    const one = said.get(test);
    if (!one) return end('broken', `the test did not run or did not end: ${out.slice(-400)}`);
    if (one.error === null) return end('survived', 'its test passes without it');
    return BROKEN.test(one.error) ? end('broken', one.error) : end('caught', one.error);
  } catch (e) {
    return end('broken', (e as Error).message);
  }
}

function tell(ends: readonly End[], total: number, { guard, is, why, seconds }: End): void {
  const mark = { caught: 'caught  ', survived: 'SURVIVED', broken: 'BROKEN  ' }[is];
  say(`${String(ends.length).padStart(3)}/${total} ${mark} ${seconds.toFixed(1).padStart(5)} s  ${guard.promise}`);
  say(`                          ${guard.file} ← ${short(guard.caughtBy[0])}: ${guard.caughtBy[1]}`);
  if (is !== 'caught') say(`                          ${why}`);
}

async function main(words: readonly string[]): Promise<number> {
  const pattern = new RegExp(words.join(' '), 'i');
  const wanted = (g: Guard): boolean => pattern.test(`${g.promise} ${g.file} ${g.caughtBy.join(' ')}`);
  // Those of the workflows take longest: each is bundled anew.
  const guards = GUARDS.filter(wanted).sort((a, b) => b.file.localeCompare(a.file));
  if (guards.length === 0) {
    say(`no guard matches ${words.join(' ')}`);
    return 1;
  }
  const started = performance.now();
  const env = {
    ...process.env,
    TEMPORAL_CLI: await locateBinary(TEMPORAL_CLI),
    TEMPORAL_TEST_SERVER: await locateBinary(TEST_SERVER),
  };
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-guards-'));
  const copies = await Promise.all(Array.from({ length: AT_ONCE }, () => makeCopy(root)));
  try {
    const bundle = join(folder, 'workflows.js');
    await writeFile(bundle, await bundleWorkflows());
    say(`── ${guards.length} guards, ${AT_ONCE} at a time; first their tests, with every check in its place`);
    const wrong = await standing(copies, guards, { ...env, LIFEBOAT_TEST_BUNDLE: bundle });
    for (const line of wrong) say(line);
    if (wrong.length > 0) return 1;
    const ends: End[] = [];
    await share(copies, guards, async (copy, guard) => {
      const end = await tryOne(copy, guard, env, bundle);
      ends.push(end);
      tell(ends, guards.length, end);
    });
    const open = ends.filter((e) => e.is !== 'caught');
    const minutes = ((performance.now() - started) / 60_000).toFixed(1);
    say(`── ${ends.length - open.length} of ${ends.length} guards are held by a test (${minutes} min)`);
    for (const e of open) say(`   ${e.is}: ${e.guard.promise} (${e.guard.file})`);
    return open.length === 0 ? 0 : 1;
  } finally {
    await Promise.all([...copies.map((c) => c.remove()), rm(folder, { recursive: true, force: true })]);
  }
}

process.exit(await main(process.argv.slice(2)));
