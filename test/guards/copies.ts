// Copies of the repository as it stands, in which checks are taken away. The work tree itself is never touched.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { takeAway, type Guard } from './guard.ts';
import type { Said } from './reporter.ts';

const git = promisify(execFile);

export interface Copy {
  dir: string;
  /** Runs these tests of one file; answers those that ran, by name. One that hangs is ended after `LIMIT_MS`. */
  run(
    file: string,
    tests: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<{ said: Map<string, Said>; out: string }>;
  /** With the guard taken away; afterwards it stands there again. Rejects where it cannot be taken away. */
  without<T>(guard: Guard, work: () => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

/** Longer than the slowest test waits for a condition that never comes. */
const LIMIT_MS = 150_000;

/** All that git knows of, and what it does not ignore; installed packages are shared. */
export async function makeCopy(root: string): Promise<Copy> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-guards-'));
  const { stdout } = await git('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const folders = new Set<string>();
  // A link to installed packages is no folder, and .gitignore may name the folder only.
  for (const path of new Set(stdout.split('\0').filter((name) => name !== '' && name !== 'node_modules'))) {
    const to = join(dir, path);
    if (!folders.has(dirname(to))) await mkdir(dirname(to), { recursive: true });
    folders.add(dirname(to));
    // Deleted in the work tree, and not yet in git's list.
    await cp(join(root, path), to).catch((e: NodeJS.ErrnoException) => {
      if (e.code !== 'ENOENT') throw e;
    });
  }
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  return {
    dir,
    run: (file, tests, env) => runTests(dir, file, tests, env),
    async without(guard, work) {
      const path = join(dir, guard.file);
      const text = await readFile(path, 'utf8');
      await writeFile(path, takeAway(guard, text));
      try {
        return await work();
      } finally {
        await writeFile(path, text);
      }
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

const literal = (name: string): string => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

async function runTests(dir: string, file: string, tests: readonly string[], env: NodeJS.ProcessEnv) {
  const patterns = tests.map((name) => `--test-name-pattern=${literal(name)}`);
  const reporter = ['--test-reporter=./test/guards/reporter.ts', '--test-reporter-destination=stdout'];
  const args = [
    '--import',
    'tsx',
    '--import',
    './test/support/quick-assert.mjs',
    ...reporter,
    '--test-force-exit',
    ...patterns,
    file,
  ];
  // A group of its own: a server that a broken test leaves behind ends with it.
  const child = spawn(process.execPath, args, { cwd: dir, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (out += text.toString()));
  const endGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
  };
  const limit = setTimeout(endGroup, LIMIT_MS);
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(limit);
  endGroup();
  const said = new Map<string, Said>();
  for (const [, json] of out.matchAll(/^@said (.*)$/gm)) {
    const one = JSON.parse(json!) as Said;
    said.set(one.test, one);
  }
  return { said, out };
}
