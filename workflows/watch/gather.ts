// notification.perHour: what the watch says beyond it is gathered and said in one message, at the latest within the hour. Nothing is
// dropped, and what a pager opens and closes is never held back: that goes out at once, to pagers and programs alone.
import { sleep } from '@temporalio/workflow';
import type { Gathered, WatchKept } from '../contract.ts';
import type { Watch } from './state.ts';

/** Of one node, or of the fleet: a storm must not wait behind a hundred nodes that are excluded. */
export const KINDS = ['node', 'fleet'] as const;
type Kind = (typeof KINDS)[number];

export type Told = NonNullable<WatchKept['told']>;

/** So many are listed in one message; each stands in the history of its own workflow, too. */
const LISTED = 200;
const MAX_TEXT = 300;

/** Says the gathered ones; given by alarms.ts, which knows how. */
export type Say = (w: Watch, headline: string, lines: string[]) => Promise<void>;

/** True: people read it later, in the gathered message, for which this has seen to it. */
export function heldBack(w: Watch, about: string, headline: string, say: Say): boolean {
  const limit = w.config.policy.messages;
  const kind: Kind = about.includes(':') ? 'node' : 'fleet';
  const told = (w.told[kind] ??= { sent: [], held: [] });
  if (!limit) return false;
  const at = new Date().toISOString();
  const hourAgo = Date.parse(at) - limit.hourMs;
  told.sent = told.sent.filter((moment) => Date.parse(moment) > hourAgo);
  if (told.held.length === 0 && told.sent.length < limit.perHour) {
    told.sent.push(at);
    return false;
  }
  told.held.push({ at, headline: headline.slice(0, MAX_TEXT) });
  if (told.held.length === 1) {
    told.due = new Date(Date.parse(told.sent[0] ?? at) + limit.hourMs).toISOString();
    void sayLater(w, told, say);
  }
  return true;
}

/** What an earlier run of the watch held back. */
export function resumeGathering(w: Watch, say: Say): void {
  for (const kind of KINDS) {
    const told = w.told[kind];
    if (told && told.held.length > 0) void sayLater(w, told, say);
  }
}

async function sayLater(w: Watch, told: Gathered, say: Say): Promise<void> {
  const waits = Math.max(1, Date.parse(told.due ?? '') - Date.now() || 1);
  await sleep(waits, { summary: 'gathers messages: more than notification.perHour' });
  const held = told.held.splice(0);
  const at = new Date().toISOString();
  told.sent = [...told.sent.slice(1), at];
  const lines = held.slice(0, LISTED).map((h) => `${h.at.slice(11, 19)} UTC: ${h.headline}`);
  const more = held.length - lines.length;
  if (more > 0) lines.push(`and ${more} more: in the Temporal UI, the workflows ${w.cloud}/tell/alarm-… of that time`);
  // A watch that continued as new right now would never have begun the message.
  w.saying++;
  await say(
    w,
    `${held.length} more ${held.length === 1 ? 'message' : 'messages'} of the last hour (notification.perHour)`,
    lines,
  );
  w.saying--;
}
