// The report of each recovery in a folder, for longer than Temporal keeps histories: JSON and the page, each whole or not there.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readDocument, type ReportDocument } from './document.ts';
import { renderReport } from './page.ts';

/** `compute-7-20261123T140300Z-0198f2aa-77cd-…`: nothing of a name can lead elsewhere. */
export function nameOf({ node, startedAt, runId }: Pick<ReportDocument, 'node' | 'startedAt' | 'runId'>): string {
  return `${stemOf({ node, startedAt })}-${safe(runId)}`;
}

/** `compute-7-20261123T140300Z` */
export const stemOf = ({ node, startedAt }: Pick<ReportDocument, 'node' | 'startedAt'>): string =>
  `${safe(node)}-${startedAt.slice(0, 19).replace(/[-:]/g, '')}Z`;

export const safe = (text: string): string => text.replace(/[^\w.-]/g, '_').replace(/^\.+/, '');

/** Writes both files; the same run again replaces them. Answers the path without its ending. Rejects where the folder cannot be written. */
export async function keepReport(folder: string, document: ReportDocument): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const file = path.join(folder, nameOf(document));
  // The page last: who finds it finds the JSON, too.
  await put(`${file}.json`, `${JSON.stringify(document, null, 2)}\n`);
  await put(`${file}.html`, renderReport(document));
  return file;
}

/** Beside it and then renamed: a reader, or a worker that dies here, never leaves half a file under the name. */
async function put(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await writeFile(beside, text, { mode: 0o640 });
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** The document kept of a run id, or the last one of a node (`compute-7`, `prod/compute-7`); null: there is none. */
export async function findKept(folder: string, cloud: string, word: string): Promise<ReportDocument | null> {
  const node = safe(word.startsWith(`${cloud}/`) ? word.slice(cloud.length + 1) : word);
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`Cannot read reports.keep ${folder}: ${error.message}`);
  });
  const fits = (name: string): boolean =>
    name.endsWith(`-${safe(word)}.json`) || new RegExp(`^-\\d{8}T\\d{6}Z-[\\w.-]+\\.json$`).test(after(name, node));
  const when = (name: string): string => /-(\d{8}T\d{6}Z)-[^-].*$/.exec(name)?.[1] ?? '';
  const last = files
    .filter(fits)
    .toSorted((a, b) => (when(a) < when(b) ? -1 : 1))
    .at(-1);
  return last === undefined ? null : readDocument(await readFile(path.join(folder, last), 'utf8'), last);
}

const after = (name: string, start: string): string => (name.startsWith(start) ? name.slice(start.length) : '');
