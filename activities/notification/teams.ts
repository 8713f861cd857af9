// A channel in Microsoft Teams, by a webhook of Workflows ("when a Teams webhook request is received"). An Adaptive Card of rich
// text: unlike a TextBlock it reads no Markdown, so that no name or reason is taken for a link.
import { z } from 'zod';
import { chatOf, cut, type Chat, type Line, type Part, type Span } from './chat.ts';
import type { Message, NotificationChannel, NotificationDriver } from './driver.ts';
import { Endpoint, refusedForGood } from './endpoint.ts';
import { overHttp, secretAddress } from './options.ts';

export const teamsOptions = z.strictObject({
  /** Who knows the address may post. */
  url: secretAddress,
  ...overHttp,
});

export const teams: NotificationDriver<typeof teamsOptions> = {
  name: 'teams',
  options: teamsOptions,
  isRoom: () => true,
  create: ({ url, caFile, proxy, timeout }, context): NotificationChannel => {
    const endpoint = new Endpoint({ driver: 'teams', url, caFile, proxy, timeout, permanent, hint }, context);
    return {
      async deliver(message, signal) {
        const body = JSON.stringify(teamsMessage(message));
        await endpoint.post(
          message.to.address,
          async () => ({ headers: { 'content-type': 'application/json' }, body }),
          signal,
        );
      },
      probe: (signal) => endpoint.probe(signal),
      preview: (message) => ({
        head: [['POST', 'the address of the workflow, ***']],
        kind: 'json',
        body: JSON.stringify(teamsMessage(message)),
      }),
    };
  },
};

/** A workflow that was deleted or turned off answers 404: a person mends it while we try again. */
const permanent = (status: number): boolean => refusedForGood(status) && status !== 404;
const hint = (status: number): string | undefined =>
  status === 404 ? 'there is no such workflow, or it is turned off: check the secret of url' : undefined;

/** Teams takes 28 KB a message and says 202 before it looks. */
const MOST_BYTES = 26_000;
const MOST_TEXT = 9_000;

/** The body of the request. The first element carries the message's id; Teams itself knows no repeats. */
export function teamsMessage(message: Message): object {
  for (let limit = MOST_TEXT; ; limit = Math.floor(limit * 0.7)) {
    const whole = cardMessage(message, chatOf(message.brief, limit));
    if (Buffer.byteLength(JSON.stringify(whole)) <= MOST_BYTES || limit < 200) return whole;
  }
}

const STYLE = { alarm: 'attention', attention: 'warning', good: 'good', calm: 'emphasis' } as const;

function cardMessage({ id, subject }: Message, chat: Chat): object {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    fallbackText: cut(subject, 200),
    msteams: { width: 'Full' },
    body: [
      {
        type: 'Container',
        id,
        style: STYLE[chat.mood],
        bleed: true,
        items: [richText([{ text: cut(chat.title, 600), bold: true }], { size: 'Large' })],
      },
      ...chat.parts.flatMap(elementsOf),
    ],
    ...(chat.link !== null && {
      actions: [{ type: 'Action.OpenUrl', title: 'Open the run in the Temporal UI', url: chat.link }],
    }),
  };
  return {
    type: 'message',
    summary: cut(subject, 200),
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

function elementsOf(part: Part): object[] {
  if (part.kind === 'code') {
    const lines = part.text.split('\n').map((text): Line => [{ text, code: true }]);
    const items = lines.map((line, i) => ({ ...richText(line), spacing: i === 0 ? 'Small' : 'None' }));
    return [{ type: 'Container', style: 'emphasis', spacing: 'Small', items }];
  }
  const mark: Line = part.kind === 'list' ? [{ text: '•  ' }] : [];
  return part.lines.map((line, i) => ({
    ...richText([...mark, ...line]),
    spacing: i > 0 || part.kind === 'list' ? 'Small' : 'Medium',
  }));
}

const richText = (line: Line, more: object = {}): object => ({
  type: 'RichTextBlock',
  inlines: line.map((span) => runOf(span, more)),
});

const runOf = ({ text, bold, code, quiet }: Span, more: object): object => ({
  type: 'TextRun',
  text: text || ' ',
  ...(bold && { weight: 'Bolder' }),
  ...(code && { fontType: 'Monospace' }),
  ...(quiet && { isSubtle: true }),
  ...more,
});
