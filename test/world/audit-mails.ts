// S4: the mails that arrived say the truth, to those concerned, once.
import type { Finding, Terms } from './audit.ts';
import type { History } from './audit-history.ts';
import type { EntryOf } from './log.ts';

type Mail = EntryOf<'mail'>['mail'];
type Say = (what: string) => void;

export function auditMails(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  const ids = new Map<string, string>();
  for (const { mail, at } of h.of('mail'))
    for (const to of mail.to) {
      const say: Say = (what) => out.push({ rule: 'S4', at, what: `mail "${mail.subject}" to ${to}: ${what}` });
      const stage = o.stageOf?.(mail) ?? mail.headers['x-lifeboat-stage'] ?? `${mail.subject}\n${mail.text}`;
      repeats(ids, `${to}\n${stage}`, mail.messageId, say);
      tooEarly(h, mail, at, say);
      if (!o.admins?.includes(to)) forUser(h, o, mail, to, at, say);
    }
  return out;
}

function repeats(ids: Map<string, string>, key: string, messageId: string, say: Say): void {
  if (messageId === '') say('has no Message-ID');
  const before = ids.get(key);
  if (before !== undefined && before !== messageId) say(`comes again as ${messageId}, before as ${before}`);
  ids.set(key, messageId);
}

/** The word for an instance that stands by itself: `web-1` is not in `web-10`. */
const names = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w.-])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`).test(text);

function forUser(h: History, o: Terms, mail: Mail, to: string, at: number, say: Say): void {
  const projects = new Set(h.of('person').flatMap((p) => (p.address === to ? p.projects : [])));
  if (projects.size === 0) return say('nobody of this address is concerned');
  const ours = h.nodes().filter((node) => h.oursSince(node, at) !== null);
  const concerned = ours.some((node) =>
    h.oursAt(node, at).some((t) => h.onNode(node, t).some((id) => projects.has(h.instance(id, at)?.project ?? ''))),
  );
  if (!concerned) say('none of their instances was on a failed node');
  const body = `${mail.subject}\n${mail.text}\n${mail.html}`;
  const all = new Map(h.of('instance').map((e) => [e.instance, e]));
  const own = new Set([...all.values()].filter((e) => projects.has(e.project)).map((e) => e.name));
  for (const e of all.values())
    if (!projects.has(e.project) && ((!own.has(e.name) && names(body, e.name)) || body.includes(e.instance)))
      say(`names ${e.name}, which is another tenant's`);
  if (!o.tellNodeNames) for (const node of h.nodes()) if (names(body, node)) say(`names the node ${node}`);
}

const SAYS_RECOVERED = /\b(recovered|running again|is back|was moved|now runs|runs again)\b/i;
const SAYS_NOT = /\b(not|being|will|cannot|could|waiting|failed|until|once|when)\b/i;

/** A line that names an instance and calls it recovered, before it was seen settled elsewhere. */
function tooEarly(h: History, mail: Mail, at: number, say: Say): void {
  const moved = new Set(h.of('evacuate').map((e) => e.instance));
  for (const line of mail.text.split('\n')) {
    if (!SAYS_RECOVERED.test(line) || SAYS_NOT.test(line)) continue;
    for (const id of moved) {
      if (!names(line, h.nameOf(id))) continue;
      const first = h.of('evacuate').findLast((e) => e.instance === id && e.at <= at);
      const now = h.instance(id, at);
      const settled = first && now?.host !== first.source && now?.taskState === null;
      if (!settled) say(`calls ${h.nameOf(id)} recovered, which is not settled`);
    }
  }
}
