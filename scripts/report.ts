// npm run report -- compute-7
import { readFile, writeFile } from 'node:fs/promises';
import { findKept, stemOf } from '../activities/notification/report/keep.ts';
import { COMMON_USAGE, configOf, EXIT, run, UsageError } from './cli/command.ts';
import { withTemporal } from './cli/temporal.ts';
import { readDocument, type ReportDocument } from '../activities/notification/report/document.ts';
import { renderReport } from '../activities/notification/report/page.ts';
import { readRun } from './report/read-run.ts';

const USAGE = `npm run report -- RUN_OR_NODE [--json] [--out FILE]

  One document of a recovery, from its history: the timeline, every instance, what was seen before the fence, who decided, who was
  told. Of a node the last one; of a run that is open, as it stands. A page of HTML that needs nothing else, or JSON. Of what
  Temporal has forgotten: from the folder reports.keep, where this machine has it.

  RUN_OR_NODE      a node, a workflow id, a run id; or FILE.json: makes the page of a document that was kept
  --json           the document as JSON, on standard output where no FILE is given
  --out FILE       where to write it (JSON where its name ends so); the page of compute-7 without it: ./compute-7-<when it began>.html
${COMMON_USAGE}

  Ends with 0 written, 1 there is no such recovery, 2 wrong usage or configuration, 3 nobody answers`;

const options = { json: { type: 'boolean', default: false }, out: { type: 'string' } } as const;

const isJson = (name: string): boolean => /\.json$/i.test(name);

async function find(word: string, config: string | undefined): Promise<ReportDocument | null> {
  if (!isJson(word)) {
    const given = await configOf(config);
    const found = await withTemporal(given, (temporal) => readRun(temporal, word));
    // Temporal has forgotten it: the folder may remember.
    return found ?? (given.reports.keep ? findKept(given.reports.keep, given.cloud, word) : null);
  }
  const text = await readFile(word, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`Cannot read ${word}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`);
  });
  return readDocument(text, word);
}

await run({
  usage: USAGE,
  options,
  words: ['RUN_OR_NODE'],
  async main(values, [given]) {
    const word = given!.trim();
    if (!/^[\w./:-]+$/.test(word) && !isJson(word))
      throw new UsageError(`RUN_OR_NODE ${JSON.stringify(word)}: neither a node nor a run`);
    const document = await find(word, values.config);
    if (!document) {
      process.stderr.write(`there is no recovery of ${word} in the history (Temporal keeps them for its retention)\n`);
      return EXIT.notFine;
    }
    const json = values.json || (values.out !== undefined && isJson(values.out));
    const text = json ? `${JSON.stringify(document, null, 2)}\n` : renderReport(document);
    if (json && values.out === undefined) {
      process.stdout.write(text);
      return EXIT.fine;
    }
    const file = values.out ?? `${stemOf(document)}.html`;
    await writeFile(file, text).catch((error: Error) => {
      throw new UsageError(`Cannot write ${file}: ${error.message}`);
    });
    process.stderr.write(`wrote ${file}\n`);
    return EXIT.fine;
  },
});
