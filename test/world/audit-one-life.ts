// S1: no instance runs twice; nothing is evacuated without a proof that is fresh, true, and marked in Nova.
import type { Finding, Terms } from './audit.ts';
import type { History } from './audit-history.ts';

export function auditOneLife(h: History, o: Terms): Finding[] {
  return [...twice(h), ...posts(h, o), ...switchedOn(h)];
}

function twice(h: History): Finding[] {
  const out: Finding[] = [];
  const at = new Map<string, Set<string>>();
  for (const e of h.of('guest')) {
    const nodes = at.get(e.instance) ?? new Set<string>();
    at.set(e.instance, nodes);
    if (e.runs) nodes.add(e.node);
    else nodes.delete(e.node);
    if (e.runs && nodes.size > 1)
      out.push({ rule: 'S1', at: e.at, what: `${h.nameOf(e.instance)} runs on ${[...nodes].join(' and ')}` });
  }
  return out;
}

function posts(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  for (const post of h.posts()) {
    // Judged as of when it was requested: the caller must know by then.
    const t = post.startedAt;
    const id = post.instance ?? /\/servers\/([^/]+)\/action/.exec(post.path)?.[1] ?? '';
    const node = h.host(id, t);
    if (!node) continue;
    const say = (what: string) => out.push({ rule: 'S1', at: t, what: `evacuate ${h.nameOf(id)}: ${what}` });
    const on = h.last('power', t, (e) => e.node === node && e.power === 'on')?.at ?? -Infinity;
    // As it was before nobody could know yet.
    const known = t - on < o.exposureMs ? on - 1 : t;
    if (h.power(node, known) !== 'off') say(`${node} is truly on`);
    const proof = h.proof(node, known, o.holdMs);
    if (!proof) {
      say(`no proof that ${node} is off (two reads of off ≥ ${Math.round(o.holdMs)} ms apart, or a person's word)`);
      continue;
    }
    const age = t - proof.lastAt;
    if (proof.kind === 'power' && age > o.guardMs) say(`${node} was last read ${Math.round(age)} ms before`);
    const row = h.service(node, t);
    if (!row || row.status !== 'disabled' || !row.forcedDown) say(`${node} is not disabled and forced down in Nova`);
    const mark = firstMark(h, node, t);
    if (mark !== null && !h.proof(node, mark, o.holdMs)) say(`${node} was marked before it was proven off`);
  }
  return out;
}

/** When the user forced this node down, in this incident: a fence that was needed again later does not count against it. */
function firstMark(h: History, node: string, t: number): number | null {
  const rows = h.of('service').filter((e) => e.node === node && e.at <= t);
  const free = rows.findLastIndex((e) => !e.forcedDown);
  return rows.slice(free + 1).find((e) => e.by === h.user)?.at ?? null;
}

/** A node of ours is switched on by command while one of its evacuations is open. */
function switchedOn(h: History): Finding[] {
  const out: Finding[] = [];
  for (const e of h.of('power-command').filter((c) => c.reset === 'On')) {
    const open = h
      .of('evacuate')
      .filter((v) => v.source === e.node && v.at < e.at)
      .filter((v) => (h.settledAt(v.record) ?? Infinity) > e.at);
    for (const v of open)
      out.push({
        rule: 'S1',
        at: e.at,
        what: `${e.node} is switched on while ${h.nameOf(v.instance)} is being evacuated`,
      });
  }
  return out;
}
