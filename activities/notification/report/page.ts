// The report as one page of HTML that needs nothing else: no script, no font, no picture from anywhere. Pure: the same document
// makes the same page, so that it can be made again from a kept one.
import { chart } from './chart.ts';
import type { ReportDocument } from './document.ts';
import { Markup, markup } from './markup.ts';
import { fenceSection, foot, head, instanceSection, messageSection, peopleSection } from './sections.ts';
import { STYLE } from './style.ts';
import { moment, OUTCOME } from './words.ts';

/** Whatever the document's names contain, the page has no markup but its own. */
export function renderReport(document: ReportDocument): string {
  const { node, cloud, outcome, startedAt } = document;
  const word = outcome === null ? 'open' : OUTCOME[outcome].word;
  const sections = [head, chart, instanceSection, fenceSection, peopleSection, messageSection, foot];
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${node}: ${word} (${cloud}, ${moment(startedAt)})</title>
<style>${new Markup(STYLE)}</style></head>
<body><main>
${sections.map((section) => section(document))}
</main></body></html>
`.text;
}
