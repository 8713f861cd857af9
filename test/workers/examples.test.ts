// The examples are configurations as an operator would copy them: taken as they stand, by the worker and by an editor, and their
// fence devices can be made.
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { createFencing } from '../../activities/fencing/levels.ts';
import { contextOf } from '../activities/fencing/conformance.ts';
import { loadConfig, type Config } from '../../workers/config.ts';
import { jsonSchema } from '../../workers/json-schema.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const FILES = (await readdir(EXAMPLES)).filter((file) => file.endsWith('.yaml'));

/** /etc/lifeboat, for the inventory. */
let etc: string;
before(async () => {
  etc = await mkdtemp(join(tmpdir(), 'lifeboat-examples-'));
  await cp(EXAMPLES, etc, { recursive: true });
});
after(() => rm(etc, { recursive: true }));

const read = (file: string): Promise<string> => readFile(join(EXAMPLES, file), 'utf8');
const load = async (file: string): Promise<Config> => {
  const at = join(etc, file);
  await writeFile(at, (await read(file)).replaceAll('/etc/lifeboat/', `${etc}/`));
  return loadConfig(at);
};

test('there is a small, a typical and a large one, and one that touches nothing', () => {
  assert.deepEqual([...FILES].sort(), ['large.yaml', 'observe.yaml', 'small.yaml', 'typical.yaml']);
});

test('the schema for editors takes every example', async () => {
  const valid = new Ajv2020({ strict: false, validateFormats: false }).compile(jsonSchema());
  for (const file of FILES) assert.ok(valid(parse(await read(file))), `${file}: ${JSON.stringify(valid.errors)}`);
});

for (const file of FILES) {
  test(`${file} is taken as it stands, says what it is, and its fence devices can be made`, async () => {
    assert.match(await read(file), /^# [A-Z]/);
    const config = await load(file);
    const warnings = config.warnings.filter((warning) => !warning.startsWith('mode observe'));
    assert.deepEqual(warnings, []);
    const fencing = await createFencing(config.fencing, contextOf({ context: {} }), config.file);
    const nodes = ['compute-1', 'compute-2', 'gpu-1', 'gpu-2', 'edge-1'];
    assert.deepEqual(fencing.problems(fencing.nodesWithDevices(nodes)), []);
    await fencing.close();
  });
}

test('the large one has what a large cloud asks for', async () => {
  const { policy, fencing, notification } = await load('large.yaml');
  assert.ok(policy.failedWhen.veto && policy.groups && policy.groups.length > 1);
  const devices = fencing.levels.flatMap((level) => level.devices);
  assert.deepEqual([...new Set(devices.map((d) => d.driver))], ['ipmi', 'redfish', 'ironic', 'fence-agent']);
  assert.ok(devices.some((d) => d.inventory));
  assert.deepEqual(
    fencing.levels.map((level) => level.devices.filter((d) => d.nodes?.includes('gpu-1')).length),
    [0, 2],
    'two strips of one machine',
  );
  assert.deepEqual(
    notification.channels.map((channel) => channel.driver),
    ['email', 'slack', 'pagerduty', 'webhook'],
  );
});
