// npm run config-schema
import { writeFile } from 'node:fs/promises';
import { jsonSchema } from '../workers/json-schema.ts';
import { COMMON_USAGE, EXIT, run, UsageError } from './cli/command.ts';

const USAGE = `npm run config-schema -- [--out FILE]

  Writes the JSON Schema of lifeboat.yaml, with the options of every driver that comes along: for completion in an editor.

  --out FILE       where to; without it, to stdout
${COMMON_USAGE}`;

await run({
  usage: USAGE,
  options: { out: { type: 'string' } },
  words: [],
  async main(values) {
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
