// The page of every driver: its table of options is the schema's, and it has a whole example that is taken as it stands.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { driverPages } from '../../workers/config-checks.ts';
import { parseConfig } from '../../workers/config.ts';
import { withOptionTable } from '../../workers/option-table.ts';

const read = (page: string): string => readFileSync(join(import.meta.dirname, '../..', page), 'utf8');

for (const { kind, name, page, options } of driverPages()) {
  test(`${page} has the options of the schema (npm run config-schema -- --pages)`, () => {
    assert.equal(withOptionTable(read(page), options), read(page));
  });

  test(`${page} has a whole example that is taken`, () => {
    const example = /```yaml\n(.*?)```/s.exec(read(page))?.[1] ?? '';
    assert.match(example, new RegExp(`^${kind}:`, 'm'));
    assert.match(example, new RegExp(`driver: ${name}$`, 'm'));
    assert.doesNotThrow(() => parseConfig(`cloud: prod\n${example}`, page));
  });
}

const table = (lines: string): string => `| option | default | |\n| --- | --- | --- |\n${lines}`;

test('a table keeps what people wrote, drops what is gone, adds what is new, and says what the schema says', () => {
  const schema = z.strictObject({
    old: z.string().default('a b'),
    list: z.array(z.int().min(1).max(9)).default([]),
    mode: z.enum(['x', 'y']).optional(),
    block: z.strictObject({ in: z.string() }),
    fresh: z.number().meta({ expected: 'a share', example: '0.5' }),
  });
  const before = table(
    '| `gone` | 1 | x |\n| `old`, `mode` | the usual | why |\n| `list` | all | of them |\n| `block.in` | | inside |\n',
  );
  const after = withOptionTable(`text\n\n${before}\nmore\n`, schema);
  assert.equal(
    after,
    `text

| option | takes | default | |
| --- | --- | --- | --- |
| \`old\` | a text | \`a b\` | why |
| \`list\` | a list: a whole number, 1 to 9 | all | of them |
| \`mode\` | \`x\`, \`y\` | the usual | why |
| \`block\` | \`{ in }\` | required | |
| \`block.in\` | | | inside |
| \`fresh\` | a share | required | |

more
`,
  );
  assert.equal(withOptionTable(after, schema), after);
});
