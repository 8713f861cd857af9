// A message as JSON, for programs: what `webhook` posts and `command` writes. Keys are only ever added.
import type { Message } from './driver.ts';

/** `to`: null for a room, which has no recipients of its own. */
export function messageJson(message: Message, room: boolean): Record<string, unknown> {
  const { id, to, subject, text, html, attachments = [], brief } = message;
  return {
    version: 1,
    id,
    ...brief,
    to: room ? null : { name: to.name, address: to.address },
    subject,
    text,
    html,
    // The page is for people with a mail program.
    attachments: attachments.filter(({ type }) => !type.startsWith('text/html')),
  };
}
