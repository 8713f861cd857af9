// What a message says of one instance, and which of it a tenant may read.
import type { Notice } from '../../workflows/contract.ts';
import type { Recipient } from './contract.ts';
import type { Model } from './template.ts';
import { between, duration, moment } from './words.ts';

export type Told = Notice['instances'][number];
export type Outcome = Told['outcome'];

/** Middle tones: white text on them is readable on a light and on a dark page. */
const GREEN = '#1a7f37';
const AMBER = '#9a6700';
const RED = '#cf222e';
const GREY = '#57606a';

/** In the order in which an admin wants to read them. */
export const OUTCOME_WORDS: Record<Outcome, { title: string; word: string; colour: string }> = {
  failed: { title: 'Failed', word: 'failed', colour: RED },
  waiting: { title: 'Waiting for room', word: 'waiting', colour: AMBER },
  kept: { title: 'Left where they are', word: 'not moved', colour: GREY },
  moving: { title: 'Being moved', word: 'moving', colour: AMBER },
  gone: { title: 'Gone: deleted, or moved by somebody else', word: 'gone', colour: GREY },
  recovered: { title: 'Recovered', word: 'back', colour: GREEN },
  moved: { title: 'Moved, and never away', word: 'moved', colour: GREEN },
};
export const ORDER = Object.keys(OUTCOME_WORDS) as Outcome[];

/** A list under its outcome, for {{#failed}}{{count}} {{> instances}}{{/failed}}. */
export function group(instances: Told[], outcome: Outcome, line: (i: Told) => Model): Model | null {
  const these = instances.filter((i) => i.outcome === outcome);
  const { title, colour } = OUTCOME_WORDS[outcome];
  return these.length === 0 ? null : { title, colour, count: these.length, instances: these.map(line) };
}

export function adminLine(notice: Notice): (i: Told) => Model {
  return (i) => ({
    ...common(i, notice),
    project: i.projectId,
    host: i.host,
    reason: i.reason,
    loses: i.loses ?? null,
  });
}

/**
 * Reasons of failed, waiting and gone ones may quote Nova, which names nodes: a tenant reads the template's sentence instead.
 * The others are Lifeboat's own words; from these the nodes that this notice knows are taken out.
 */
export function userLine(notice: Notice, recipient: Recipient): (i: Told) => Model {
  const tellAll = notice.tellNodeNames;
  const hide = tellAll ? (text: string) => text : hider(notice);
  return (i) => ({
    ...common(i, notice),
    project: recipient.projectNames?.[i.projectId] ?? i.projectId,
    host: tellAll && i.outcome === 'recovered' ? i.host : null,
    reason: tellAll || i.outcome === 'kept' || i.outcome === 'moving' ? hide(i.reason) : '',
    loses: i.loses ? hide(i.loses) : null,
  });
}

function common(i: Told, notice: Notice): Model {
  const { word, colour } = OUTCOME_WORDS[i.outcome];
  const away = i.outcome === 'recovered' ? between(notice.since, i.at) : null;
  return {
    id: i.id,
    name: i.name,
    word,
    colour,
    seenAt: i.at && moment(i.at),
    away: away === null ? null : duration(away),
  };
}

/** Replaces the names of all nodes that the notice knows, also without their domain, by `a host`. */
function hider(notice: Notice): (text: string) => string {
  const known = [notice.node, ...notice.instances.map((i) => i.host)].filter((h): h is string => !!h);
  const names = [...new Set(known.flatMap((h) => [h, h.split('.')[0]!]))].sort((a, b) => b.length - a.length);
  if (names.length === 0) return (text) => text;
  const escaped = names.map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`(?<![\\w-])(?:${escaped.join('|')})(?![\\w-])`, 'gi');
  return (text) => text.replace(pattern, 'a host');
}
