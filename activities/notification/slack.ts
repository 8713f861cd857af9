// A room in Slack, by an incoming webhook. Rich text blocks: what they hold is never read as markup, a link or a mention.
import { z } from 'zod';
import { chatOf, cut, type Line, type Part } from './chat.ts';
import type { Message, NotificationChannel, NotificationDriver } from './driver.ts';
import { Endpoint, refusedForGood } from './endpoint.ts';
import { overHttp, secretAddress } from './options.ts';

export const slackOptions = z.strictObject({
  /** Who knows the address may post: `https://hooks.slack.com/services/…`. */
  url: secretAddress,
  ...overHttp,
});

export const slack: NotificationDriver<typeof slackOptions> = {
  name: 'slack',
  options: slackOptions,
  isRoom: () => true,
  create: ({ url, caFile, proxy, timeout }, context): NotificationChannel => {
    const endpoint = new Endpoint({ driver: 'slack', url, caFile, proxy, timeout, permanent, hint }, context);
    return {
      async deliver(message, signal) {
        const body = JSON.stringify(slackMessage(message));
        await endpoint.post(
          message.to.address,
          async () => ({ headers: { 'content-type': 'application/json' }, body }),
          signal,
        );
      },
      probe: (signal) => endpoint.probe(signal),
      preview: (message) => ({
        head: [['POST', 'https://hooks.slack.com/services/***']],
        kind: 'json',
        body: JSON.stringify(slackMessage(message)),
      }),
    };
  },
};

/** Slack's words for an address that is not (or no longer) one: a person mends it while we try again. */
const OUR_ADDRESS = /^(no_service|no_service_id|no_team|team_disabled|invalid_token|no_active_hooks|action_prohibited)/;
const permanent = (status: number, said: string): boolean => refusedForGood(status) && !OUR_ADDRESS.test(said);
const hint = (_status: number, said: string): string | undefined =>
  OUR_ADDRESS.test(said) ? 'Slack knows no such webhook: check the secret of url' : undefined;

/** Slack refuses more than about 13,000 characters in all blocks, 50 blocks, and a header of more than 150. */
const MOST_TEXT = 9_000;
const MOST_BLOCKS = 45;

/** The body of the request. `block_id` carries the message's id; Slack itself knows no repeats. */
export function slackMessage({ id, subject, brief }: Message): object {
  const chat = chatOf(brief, MOST_TEXT);
  const mark = {
    alarm: ':rotating_light: ',
    attention: ':large_orange_circle: ',
    good: ':white_check_mark: ',
    calm: '',
  };
  const blocks: object[] = [
    {
      type: 'header',
      block_id: id,
      text: { type: 'plain_text', text: `${mark[chat.mood]}${cut(chat.title, 120)}`, emoji: true },
    },
    ...(chat.title.length > 120 ? [rich([{ kind: 'lines', lines: [[{ text: cut(chat.title, 600) }]] }])] : []),
    ...chat.parts.slice(0, MOST_BLOCKS).map((part) => rich([part])),
  ];
  if (chat.link !== null)
    blocks.push(rich([{ kind: 'lines', lines: [[{ text: 'Open the run in the Temporal UI', href: chat.link }]] }]));
  // What a notification on a phone shows.
  return { text: escapeText(subject), blocks };
}

function rich(parts: readonly Part[]): object {
  return { type: 'rich_text', elements: parts.map(elementOf) };
}

function elementOf(part: Part): object {
  const text = (line: Line): object[] => line.map(spanOf);
  switch (part.kind) {
    case 'code':
      return { type: 'rich_text_preformatted', elements: [{ type: 'text', text: part.text }] };
    case 'list':
      return {
        type: 'rich_text_list',
        style: 'bullet',
        elements: part.lines.map((line) => ({ type: 'rich_text_section', elements: text(line) })),
      };
    case 'lines': {
      const elements = part.lines.flatMap((line, i) => [
        ...(i > 0 ? [{ type: 'text', text: '\n' }] : []),
        ...text(line),
      ]);
      return { type: 'rich_text_section', elements };
    }
  }
}

function spanOf({ text, bold, code, href }: Line[number]): object {
  const style = { ...(bold && { bold }), ...(code && { code }) };
  const styled = Object.keys(style).length > 0 ? { style } : {};
  return href === undefined
    ? { type: 'text', text: text || ' ', ...styled }
    : { type: 'link', url: href, text, ...styled };
}

/** `text` is read as markup, unlike the blocks: nobody is mentioned by the name of an instance. */
const escapeText = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!);
