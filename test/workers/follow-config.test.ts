// A configuration that changes while the worker runs: taken whole, or not at all.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig, type Config } from '../../workers/config.ts';
import { followConfig } from '../../workers/follow-config.ts';

const FIRST =
  'cloud: prod\nmode: confirm\nfencing:\n  levels:\n    - name: bmc\n      devices:\n        - driver: libvirt\n          options: { uri: "qemu:///system", domain: "{node}" }\n';
const HALF = 'cloud: prod\nmode: confirm\n';
const AUTO = FIRST.replace('confirm', 'auto');

interface Told {
  applied: Config[];
  lines: string[];
  inForce: boolean[];
}

/** One look after each step. A step is what the file holds then; null: it is not there; a function does something else. */
async function follow(
  t: TestContext,
  steps: (string | null | ((file: string) => Promise<unknown>))[],
  apply: (next: Config) => Promise<string[]> = () => Promise.resolve(['power devices']),
  first = FIRST,
): Promise<Told> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-follow-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'lifeboat.yaml');
  await writeFile(file, first.replaceAll('FOLDER', folder));
  const stop = new AbortController();
  const told: Told = { applied: [], lines: [], inForce: [] };
  const say = (level: string) => (line: string) => void told.lines.push(`${level} ${line.replaceAll(file, 'f')}`);
  const left = [...steps];
  await followConfig({
    config: await loadConfig(file),
    logger: { info: say('info'), warn: say('warn'), error: say('error') },
    signal: stop.signal,
    apply: async (next) => {
      const what = await apply(next);
      told.applied.push(next);
      return what;
    },
    told: (inForce) => void told.inForce.push(inForce),
    async pause() {
      const step = left.shift();
      if (step === undefined) return stop.abort();
      if (step === null) await rm(file, { force: true });
      else if (typeof step === 'function') await step(file);
      else await writeFile(file, step.replaceAll('FOLDER', folder));
    },
  });
  return told;
}

const modes = ({ applied }: Told): string[] => applied.map(({ policy }) => policy.mode);

test('a changed file is in force once two looks saw the same, and it says what changed', async (t) => {
  const told = await follow(t, [FIRST, AUTO, AUTO, AUTO]);
  assert.deepEqual(modes(told), ['auto']);
  assert.deepEqual(told.lines, ['info configuration f: the changed file is in force: power devices']);
  assert.deepEqual(told.inForce, [true]);
});

test('a file that is half written is never used, though its half is a configuration', async (t) => {
  const told = await follow(t, [HALF, AUTO, AUTO]);
  assert.deepEqual(modes(told), ['auto']);
  assert.deepEqual(
    told.applied.map(({ fencing }) => fencing.levels.length),
    [1],
  );
  assert.deepEqual((await follow(t, ['', FIRST, FIRST])).lines, []);
});

test('a wrong file is refused in one line with all that is wrong, and the old one stays in force', async (t) => {
  const wrong = AUTO.replace('libvirt', 'libvrit').replace('cloud: prod', 'cloud: prod\nmdoe: auto');
  const told = await follow(t, [wrong, wrong, wrong, wrong]);
  assert.deepEqual(told.applied, []);
  assert.equal(told.lines.length, 1);
  assert.match(
    told.lines[0]!,
    /^error configuration f: refused; nothing of it is used, the old one stays in force: f:2: mdoe: [^|]+\| f:8: .*libvrit is no driver/,
  );
  assert.deepEqual(told.inForce, [false]);
});

test('once it is mended, or put back, that is said too', async (t) => {
  const told = await follow(t, ['cloud: [', 'cloud: [', AUTO, AUTO]);
  assert.deepEqual(modes(told), ['auto']);
  assert.deepEqual(told.inForce, [false, true]);
  assert.deepEqual((await follow(t, ['cloud: [', 'cloud: [', FIRST, FIRST])).inForce, [false, true]);
});

test('what cannot be made refuses the whole file', async (t) => {
  const told = await follow(t, [AUTO, AUTO], () => Promise.reject(new Error('fencing.levels[0]: two\nlines')));
  assert.deepEqual(told.applied, []);
  assert.match(told.lines.join('\n'), /^error configuration f: refused; .*: fencing\.levels\[0\]: two \| lines$/);
});

test('another cloud, Temporal or scale needs a restart, and nothing else of the file is used until then', async (t) => {
  for (const [key, text] of Object.entries({
    cloud: AUTO.replace('prod', 'other'),
    openstack: `${AUTO}openstack: { cloud: other }\n`,
    temporal: `${AUTO}temporal: { profile: other }\n`,
    timeScale: `${AUTO}timeScale: 2\n`,
  })) {
    const told = await follow(t, [text, text]);
    assert.deepEqual(told.applied, [], key);
    assert.match(
      told.lines.join('\n'),
      new RegExp(`: ${key} changed, which needs a restart of this worker; nothing of it is used`),
    );
  }
});

test('a file that is gone for a moment is nothing, for longer one line', async (t) => {
  assert.deepEqual((await follow(t, [null, FIRST, FIRST])).lines, []);
  const told = await follow(t, [null, null, null, null, AUTO, AUTO]);
  assert.match(told.lines[0]!, /^error configuration f: cannot be read; what was read before stays in force$/);
  assert.deepEqual(modes(told), ['auto']);
});

test('a changed inventory is a change of the configuration', async (t) => {
  const listed =
    'cloud: prod\nfencing: { levels: [{ name: bmc, devices: [{ driver: ipmi, inventory: FOLDER/a.csv, options: { user: u, password: { env: P } } }] }] }\n';
  const write = (address: string) => (file: string) => writeFile(join(file, '../a.csv'), `node,host\nc1,${address}\n`);
  const told = await follow(t, [write('10.0.0.1'), listed, write('10.0.0.2'), listed], undefined, listed);
  assert.equal(told.applied.length, 2);
});
