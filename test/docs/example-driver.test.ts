// The driver packages of docs/drivers/example-*, as somebody else would make them: built by their own package.json against what
// Lifeboat exports, held to the promises by plain Node, and named in a configuration as a package and as a file.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createFencing } from '../../activities/fencing/levels.ts';
import { fencingContext } from '../../driver-kit/conformance/index.ts';
import { loadConfig } from '../../workers/config.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** What it finds it says on standard output. */
const tsc = (args: string[], cwd: string): Promise<unknown> =>
  run(join(root, 'node_modules/.bin/tsc'), args, { cwd }).catch((error: { stdout?: string }) =>
    assert.fail(error.stdout),
  );
const readJson = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

let folder: string;
/** Where Lifeboat is built, and where a driver is, beside the configuration. */
const lifeboat = (): string => join(folder, 'lifeboat');
const driver = (name: string): string => join(folder, `etc/node_modules/lifeboat-driver-${name}`);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-kit-'));
  await mkdir(lifeboat());
  await cp(join(root, 'package.json'), join(lifeboat(), 'package.json'));
  await symlink(join(root, 'node_modules'), join(lifeboat(), 'node_modules'));
  // As `npm run build` does it; of the whole only what is exported, and what that imports.
  const project = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: root,
      outDir: join(lifeboat(), 'dist'),
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(root, 'driver-kit')],
    exclude: [],
  };
  await writeFile(join(lifeboat(), 'tsconfig.json'), JSON.stringify(project));
  await tsc([], lifeboat());
  await Promise.all(['outlet', 'share'].map(build));
});
after(() => rm(folder, { recursive: true }));

/** As `npm install` and `npm run build` would, without a network. */
async function build(name: string): Promise<void> {
  await cp(join(root, `docs/drivers/example-${name}`), driver(name), { recursive: true });
  const modules = join(driver(name), 'node_modules');
  await mkdir(modules);
  await symlink(lifeboat(), join(modules, 'lifeboat'));
  const manifest = (await readJson(join(driver(name), 'package.json'))) as Record<string, object>;
  const wanted = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter((n) => n !== 'lifeboat');
  for (const needed of wanted) {
    await mkdir(join(modules, needed, '..'), { recursive: true });
    await symlink(join(root, 'node_modules', needed), join(modules, needed));
  }
  await tsc([], driver(name));
}

test('what package.json exports for authors of drivers is built, with types', async () => {
  const { exports } = (await readJson(join(lifeboat(), 'package.json'))) as { exports: Record<string, unknown> };
  const files = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target as Record<string, string>),
  );
  assert.ok(files.length >= 4);
  assert.deepEqual(
    files.filter((file) => !existsSync(join(lifeboat(), file))),
    [],
  );
});

for (const [name, promises] of Object.entries({ outlet: 20, share: 7 })) {
  test(`the built driver ${name} keeps the promises of its kind, by plain Node`, async () => {
    const args = ['--test', '--test-reporter=tap', `dist/test/${name}.test.js`];
    const { stdout } = await run(process.execPath, args, { cwd: driver(name), env: { PATH: process.env.PATH } });
    assert.match(stdout, /^# fail 0$/m);
    assert.ok(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) >= promises, stdout);
  });

  test(`at run time the driver ${name} needs nothing of Lifeboat`, async () => {
    const built = await readFile(join(driver(name), 'dist/src/index.js'), 'utf8');
    const packages = [...built.matchAll(/from '([^']+)'/g)].map((m) => m[1]!).filter((n) => !n.startsWith('node:'));
    assert.deepEqual(packages, ['zod']);
  });
}

const NAMES = {
  'as a package': 'lifeboat-driver-outlet',
  'as a file, from the folder of the configuration': './node_modules/lifeboat-driver-outlet/dist/src/index.js',
};
for (const [how, name] of Object.entries(NAMES)) {
  const configured = async (options: string): Promise<string> => {
    const file = join(folder, 'etc/lifeboat.yaml');
    const device = `{ driver: ${name}, nodes: [compute-1], options: ${options} }`;
    await writeFile(file, `cloud: prod\nfencing:\n  levels: [{ name: strip, devices: [${device}] }]\n`);
    return file;
  };

  test(`a configuration names it ${how}`, async () => {
    const strip = createServer((_, response) => response.end('{"state":"on","serial":"SN-1"}'));
    await new Promise<void>((done) => strip.listen(0, '127.0.0.1', done));
    const { port } = strip.address() as AddressInfo;
    const options = `{ url: 'http://127.0.0.1:${port}', outlet: 1, token: { env: T }, serial: SN-1 }`;
    const config = await loadConfig(await configured(options));
    const fencing = await createFencing(config.fencing, fencingContext({ context: {} }), config.file);
    const reading = await fencing.levelsOf('compute-1')[0]!.devices[0]!.status(new AbortController().signal);
    strip.close();
    assert.deepEqual([reading.power, reading.identityConfirmed], ['on', true]);
  });
}
