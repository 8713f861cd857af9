// `npm test`: types, lint, then all tests, one line a stage; ends with node's summary and its exit code.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bundleWorkflows } from './bundle-workflows.ts';
import { locateBinary, TEMPORAL_CLI, TEST_SERVER } from './temporal-binaries.ts';

const root = join(import.meta.dirname, '..');

/** Test files under a folder, by the folder they stand in. */
export function testFiles(folder: string, wanted: (path: string) => boolean = () => true): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.filter(wanted).sort()) {
    const group = relative(folder, path).split('/').slice(0, -1).join('/') || '.';
    found.set(group, [...(found.get(group) ?? []), path]);
  }
  return found;
}

/** How many tests a file declares, as it is written: loops declare more at run time. */
const declared = (path: string): number => (readFileSync(path, 'utf8').match(/^\s*(?:test|it)\(/gm) ?? []).length;

function say(line: string): void {
  process.stdout.write(`── ${line}\n`);
}

/** A tool of this repository; the whole run ends where it finds something. */
function stage(what: string, tool: string, args: string[]): void {
  const started = performance.now();
  const { status } = spawnSync(join(root, 'node_modules/.bin', tool), args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  say(`${what}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (status !== 0) process.exit(status ?? 1);
}

/** Slow lanes of their own: `--lab` runs test/lab alone, and `npm test` none of them. */
const LANES = {
  lab: ['test/lab/'],
  crash: ['test/crash/'],
  stories: [
    'test/golden/lane/',
    'test/docs/example-driver.test.ts',
    'test/stories/secrets.test.ts',
    'test/stories/reload.test.ts',
    'test/activities/fencing/beside-a-hung-one.test.ts',
    'test/stories/refused.test.ts',
    'test/stories/probes.test.ts',
    'test/stories/drain.test.ts',
    'test/stories/reserve.test.ts',
    'test/stories/selection.test.ts',
    'test/stories/drill.test.ts',
    'test/stories/rehearse.test.ts',
    'test/stories/takeover.test.ts',
    'test/stories/restored.test.ts',
    'test/stories/false-alarms.test.ts',
    'test/workflows/verbs.test.ts',
    'test/workflows/dump.test.ts',
    'test/stories/kdump.test.ts',
    'test/stories/commands.test.ts',
    'test/workflows/readmission.test.ts',
    'test/scripts/demo.test.ts',
    'test/scripts/arguments.test.ts',
    'test/scripts/inventory.test.ts',
    'test/stories/fencing.test.ts',
    'test/stories/mails.test.ts',
    'test/long/',
    'test/stories/people.test.ts',
    'test/stories/readmit.test.ts',
    'test/stories/room.test.ts',
  ],
  devices: ['test/devices/'],
};
type Lane = keyof typeof LANES;
const NAMES = Object.keys(LANES) as Lane[];

async function main(args: string[]): Promise<void> {
  const lane = NAMES.find((l) => args.includes(`--${l}`)) ?? null;
  const only = args.filter((arg) => !arg.startsWith('--'));
  const laneOf = (path: string): Lane | null =>
    NAMES.find((l) => LANES[l].some((part) => relative(root, path).startsWith(part))) ?? null;
  const wanted = (path: string): boolean =>
    laneOf(path) === lane && (only.length === 0 || only.some((part) => relative(root, path).includes(part)));
  const groups = testFiles(join(root, 'test'), wanted);
  const files = [...groups.values()].flat();
  if (files.length === 0) {
    say(`no test matches ${only.join(' ') || (lane ? LANES[lane].join(' ') : 'test')}`);
    process.exit(1);
  }
  if (only.length === 0 && lane === null) {
    stage('types (tsc)', 'tsc', ['-p', '.']);
    stage('lint (oxlint, type-aware: un-awaited promises are errors)', 'oxlint', ['--type-aware']);
    stage('format (prettier)', 'prettier', ['--check', '--log-level', 'warn', '.']);
  }
  // Before any test, so that no test waits for a download.
  const cli = await locateBinary(TEMPORAL_CLI);
  const testServer = await locateBinary(TEST_SERVER);
  say(`Temporal: ${cli}, ${testServer}`);
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, 'workflows.js');
  writeFileSync(bundle, await bundleWorkflows());
  for (const [group, paths] of groups) {
    const count = paths.reduce((sum, path) => sum + declared(path), 0);
    say(`tests of ${group === '.' ? 'the whole' : group}: ${count} in ${paths.length} files`);
  }
  // There is one lab: its tests come one after the other. The crash lane's files tell several stories at a time by themselves.
  const atOnce = `--test-concurrency=${lane === null ? 2 : 1}`;
  const load = ['--import', 'tsx', '--import', './test/support/quick-assert.mjs'];
  const child = spawn(process.execPath, [...load, '--test', atOnce, '--test-reporter=spec', ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TEMPORAL_CLI: cli, TEMPORAL_TEST_SERVER: testServer, LIFEBOAT_TEST_BUNDLE: bundle },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.once('close', (status) => process.exit(status ?? 1));
}

if (process.argv[1] && existsSync(process.argv[1]) && import.meta.filename === process.argv[1]) {
  await main(process.argv.slice(2));
}
