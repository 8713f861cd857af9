// A driver of somebody else is found where its name says, and refused with one line that says what is missing.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fencingKind } from '../../activities/fencing/index.ts';
import { loadModule } from '../../activities/load-driver.ts';
import { ConfigError, loadConfig } from '../../workers/config.ts';

let folder: string;
const root = join(import.meta.dirname, '../..');
const config = (): string => join(folder, 'etc/lifeboat.yaml');
const load = async (name: string): Promise<unknown> => {
  const driver = await loadModule(name, 'fencing.levels[0].devices[0]', fencingKind, config());
  return (driver as { name?: unknown }).name;
};
const source = (name: string): string =>
  `import { z } from 'zod';
export default { name: '${name}', page: 'https://e.org/outlet',
  options: z.strictObject({ outlet: z.int().min(1).meta({ expected: 'an outlet', example: '7' }).optional() }), create() {}, deviceKey() {} };`;
const write = async (path: string, text: string): Promise<void> => {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), text);
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-load-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(join(root, 'node_modules/zod'), join(folder, 'node_modules/zod'));
  await write('etc/outlet.mjs', source('a file'));
  await write('etc/node_modules/@me/outlet/package.json', '{ "type": "module", "exports": "./index.js" }');
  await write('etc/node_modules/@me/outlet/index.js', source('a package'));
  await write('etc/node_modules/lacks/package.json', '{ "type": "module", "exports": "./index.js" }');
  await write('etc/node_modules/lacks/index.js', `import 'nobody-has-this';`);
  await write('etc/no-default.mjs', 'export const driver = {};');
  await write('etc/half.mjs', 'export default { name: "half", options: {}, create() {} };');
  await write('etc/old.mjs', 'export default { options: { safeParse() {} }, create() {}, deviceKey() {} };');
  await write('etc/broken.mjs', 'export default {');
});
after(() => rm(folder, { recursive: true }));

test('a path is taken from the folder of the configuration, a whole one and an address as they are', async () => {
  const whole = join(folder, 'etc/outlet.mjs');
  for (const name of ['./outlet.mjs', '../etc/outlet.mjs', whole, pathToFileURL(whole).href])
    assert.equal(await load(name), 'a file', name);
});

test('a package is found beside the configuration, where Lifeboat itself has none of that name', async () => {
  assert.equal(await load('@me/outlet'), 'a package');
});

test('what cannot be used is refused with its place, why, and what a driver is', async () => {
  const refused: Record<string, RegExp> = {
    'no-such-driver': /cannot be loaded: Cannot find package 'no-such-driver'.*known: .*ipmi.*or a package or file/,
    './none.mjs': /cannot be loaded: Cannot find module/,
    lacks: /cannot be loaded: .*nobody-has-this/,
    './broken.mjs': /cannot be loaded: /,
    './no-default.mjs': /its default export is no driver \(a fencing driver is the default export, with name, options/,
    './half.mjs': /is no fencing driver, deviceKey is missing/,
    './old.mjs': /its options are no schema of zod 4/,
  };
  for (const [name, why] of Object.entries(refused))
    await assert.rejects(load(name), (error: Error) => {
      assert.match(error.message, /^fencing\.levels\[0\]\.devices\[0\]\.driver /);
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
});

test('its options are judged with the file, by line, path, what was expected and its own page', async () => {
  const device = (driver: string, options: string): string =>
    `    - name: x\n      devices:\n        - driver: '${driver}'\n          nodes: [compute-1]\n          options: ${options}\n`;
  const file = (text: string): Promise<void> => write('etc/lifeboat.yaml', `cloud: prod\nfencing:\n  levels:\n${text}`);
  await file(device('./outlet.mjs', '{ outlet: 0 }') + device('@me/outlet', '{ outlte: 1 }').replace('x', 'y'));
  await assert.rejects(loadConfig(config()), (error: Error) => {
    assert.ok(error instanceof ConfigError, String(error));
    const [at, see] = [`fencing.levels`, '; see https://e.org/outlet'];
    assert.deepEqual(
      error.problems.map((line) => line.replace(config(), 'f')),
      [
        `f:8: ${at}[0].devices[0].options.outlet: expected an outlet, got 0 (example: outlet: 7)${see}`,
        `f:13: ${at}[1].devices[0].options.outlte: unknown key (did you mean outlet?)${see}`,
      ],
    );
    return true;
  });
  await file(device('./outlet.mjs', '{ outlet: 7 }'));
  assert.deepEqual((await loadConfig(config())).warnings, [
    'mode observe: failures are reported, nothing is fenced or evacuated',
  ]);
});

test('one that is not on this machine is a warning: the workers of its role need it', async () => {
  await write(
    'etc/lifeboat.yaml',
    'cloud: prod\nmonitoring: { channels: [{ driver: ./none.mjs, name: mine }, { driver: tcp }] }\n',
  );
  const { warnings } = await loadConfig(config());
  assert.match(
    warnings.join('\n'),
    /monitoring\.channels\[0\]\.driver \.\/none\.mjs: cannot be loaded: .*; the workers of the role monitor need it$/,
  );
});
