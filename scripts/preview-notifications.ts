// npm run preview-notifications -- --config lifeboat.yaml --out DIR
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMON_USAGE, configOf, EXIT, run, UsageError } from './cli/command.ts';
import { compose } from './preview-notifications/compose.ts';
import { pagesOf } from './preview-notifications/pages.ts';

const USAGE = `npm run preview-notifications -- [--out DIR]

  What would be sent: each stage by each channel of the configuration to each kind of reader, from a made-up incident, with your own
  templates. Writes pages that a browser opens, with an index, and beside each what is sent as it stands (HTML, text, JSON). Sends
  nothing, connects to nothing, reads no secret.

  --out DIR        where to write; ./notification-preview without it. Files of the same names are replaced
${COMMON_USAGE}

  Ends with 0 written, 1 the configuration tells nobody, 2 wrong usage or configuration`;

await run({
  usage: USAGE,
  options: { out: { type: 'string' } },
  words: [],
  async main({ config: file, out: folder = 'notification-preview' }) {
    const config = await configOf(file);
    const sent = await compose(config);
    if (sent.length === 0) {
      process.stderr.write(`${config.file}: no channel tells anybody anything (notification.channels)\n`);
      return EXIT.notFine;
    }
    const pages = pagesOf(config.cloud, sent);
    try {
      await mkdir(folder, { recursive: true });
      for (const { file: name, content } of pages) await writeFile(join(folder, name), content);
    } catch (error) {
      throw new UsageError(`Cannot write to ${folder}: ${(error as Error).message}`);
    }
    process.stdout.write(`wrote ${sent.length} messages: ${join(folder, 'index.html')}\n`);
    return EXIT.fine;
  },
});
