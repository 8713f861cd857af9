// The report as files: what the admins' mail carries, and what is kept.
import type { Notice } from '../../../workflows/contract.ts';
import type { RecoveryReport } from '../../../workflows/domain.ts';
import type { Message } from '../driver.ts';
import { runLink, type Telling } from '../models.ts';
import { fromResult, type ReportDocument } from './document.ts';
import { renderReport } from './page.ts';

export type Attachment = NonNullable<Message['attachments']>[number];

/** Bytes of all files of one mail. Encoded it is a third more, and many servers take 10 MB. */
export const MAX_ATTACHED = 5 * 1024 * 1024;
const HTML = 'text/html; charset=utf-8';

export interface Attached {
  attachments: Attachment[];
  /** One sentence for the message: what is attached, or why not and what to type. */
  says: string;
}

/** The document of the run's result alone, made as of what was observed and not of this try. */
export function documentOf(notice: Notice, report: RecoveryReport, telling: Telling): ReportDocument {
  return { ...fromResult(report, notice.observedAt), lastSignAt: notice.since, page: runLink(notice, telling) };
}

/** What is too large is left out, the page first: the message itself names every instance anyway. */
export function attachReport(document: ReportDocument, report: RecoveryReport, most = MAX_ATTACHED): Attached {
  const json = { name: 'report.json', type: 'application/json', content: `${JSON.stringify(report, null, 2)}\n` };
  const html = { name: 'report.html', type: HTML, content: renderReport(document) };
  const [small, large] = [json, html].map(({ content }) => Buffer.byteLength(content)) as [number, number];
  const later = `npm run report -- ${report.runId} makes it${large <= most ? ' again, with who was told' : ''}`;
  if (small + large <= most)
    return {
      attachments: [html, json],
      says: `The whole report is attached: report.html to read, report.json to keep; ${later}.`,
    };
  const size = `${Math.ceil((small + large) / 1024 / 1024)} MB`;
  if (small <= most)
    return {
      attachments: [json],
      says: `The report is attached as report.json; its page would be too large (${size}): ${later}.`,
    };
  return { attachments: [], says: `The report is too large to be attached (${size}): ${later}.` };
}
