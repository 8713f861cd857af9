// The examples of the drivers' pages are configurations that Lifeboat takes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import { fencingDrivers } from '../../../activities/fencing/index.ts';
import { createFencing, fencingConfig } from '../../../activities/fencing/levels.ts';
import { contextOf } from './conformance.ts';

for (const name of Object.keys(fencingDrivers))
  test(`the example of docs/drivers/fencing-${name}.md works as it stands`, async () => {
    const page = await readFile(new URL(`../../../docs/drivers/fencing-${name}.md`, import.meta.url), 'utf8');
    const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
    const { fencing } = parse(example) as { fencing: unknown };
    const made = await createFencing(fencingConfig.parse(fencing), contextOf({ context: {} }));
    assert.equal(made.levelsOf('compute-1').length, 1);
    assert.deepEqual(made.problems(['compute-1', 'compute-2', 'compute-9']), []);
  });
