// npm run config-schema
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { driverPages } from '../workers/config-checks.ts';
import { jsonSchema } from '../workers/json-schema.ts';
import { withOptionTable } from '../workers/option-table.ts';
import { COMMON_USAGE, EXIT, run, UsageError } from './cli/command.ts';

const USAGE = `npm run config-schema -- [--out FILE | --pages]

  Writes the JSON Schema of lifeboat.yaml, with the options of every driver that comes along: for completion in an editor.

  --out FILE       where to; without it, to stdout
  --pages          instead: writes the tables of options in docs/drivers/ anew, from the drivers' schemas
${COMMON_USAGE}`;

async function writePages(): Promise<number> {
  for (const { page, options } of driverPages()) {
    const path = join(import.meta.dirname, '..', page);
    const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`cannot read ${page}: ${error.message} (pages stand beside the sources)`);
    });
    const after = withOptionTable(before, options);
    if (after === before) continue;
    await writeFile(path, after);
    process.stdout.write(`${page}: written anew\n`);
  }
  return EXIT.fine;
}

await run({
  usage: USAGE,
  options: { out: { type: 'string' }, pages: { type: 'boolean', default: false } },
  words: [],
  async main(values) {
    if (values.pages) return writePages();
    const text = `${JSON.stringify(jsonSchema(), null, 2)}\n`;
    if (values.out === undefined) {
      process.stdout.write(text);
      return EXIT.fine;
    }
    await writeFile(values.out, text).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`cannot write --out ${values.out}: ${error.message}`);
    });
    process.stdout.write(`${values.out}: begin lifeboat.yaml with\n# yaml-language-server: $schema=${values.out}\n`);
    return EXIT.fine;
  },
});
