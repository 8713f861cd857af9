// S8 no collateral, S5 the way back.
import type { Finding, Terms } from './audit.ts';
import type { History } from './audit-history.ts';

export function auditCollateral(h: History, o: Terms): Finding[] {
  return [...deletions(h), ...strangers(h, o), ...marks(h, o), ...locks(h, o)];
}

function deletions(h: History): Finding[] {
  return h
    .mutations()
    .filter((c) => c.method === 'DELETE')
    .map((c) => ({ rule: 'S8', at: c.startedAt, what: `DELETE ${c.path}: nothing is ever deleted` }));
}

/** Actions on instances that were on no node of ours. */
function strangers(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  for (const c of h.mutations()) {
    if (!c.instance) continue;
    const id = c.instance;
    if (c.action === 'os-migrateLive' && o.mayDrain?.includes(h.host(id, c.startedAt) ?? '')) continue;
    const affected = h.nodes().some((node) => {
      const ours = h.oursAt(node, c.startedAt);
      return ours.length > 0 && [...ours, c.startedAt].some((t) => h.host(id, t) === node);
    });
    if (!affected)
      out.push({ rule: 'S8', at: c.startedAt, what: `${c.action} of ${h.nameOf(id)}, which was on no failed node` });
  }
  return out;
}

/** Rows written of nodes that never failed. */
function marks(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  for (const e of h.of('service').filter((s) => s.by === h.user)) {
    const failed = h.of('os').some((s) => s.node === e.node && s.at <= e.at && s.os !== 'up');
    const word = h.of('note').some((n) => n.node === e.node && n.at <= e.at && n.what === 'operator-confirmed');
    const drained = [...(o.mayDrain ?? []), ...(o.reserved ?? [])].includes(e.node) && !e.forcedDown;
    if (!failed && !word && !drained && !o.mayFence?.includes(e.node))
      out.push({ rule: 'S8', at: e.at, what: `the row of ${e.node} is written, which never failed` });
  }
  return out;
}

function locks(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  const holder = new Map<string, string>();
  const foreign = new Set(
    h
      .of('instance')
      .filter((e) => e.what === 'added locked')
      .map((e) => e.instance),
  );
  for (const id of foreign) holder.set(id, 'owner');
  for (const e of h.of('lock')) {
    const held = holder.get(e.instance);
    if (e.by === h.user && held !== undefined && held !== h.user) {
      const what = e.locked ? 'taken over' : 'lifted';
      out.push({ rule: 'S8', at: e.at, what: `the lock of ${h.nameOf(e.instance)}, set by ${held}, is ${what}` });
    }
    if (e.locked) holder.set(e.instance, e.by);
    else holder.delete(e.instance);
  }
  if (!o.ended) return out;
  for (const [id, by] of holder)
    if (by === h.user && h.instance(id, h.endedAt)?.vmState !== 'deleted')
      out.push({ rule: 'S8', at: h.endedAt, what: `our lock of ${h.nameOf(id)} was never lifted` });
  return out;
}

export function auditReturn(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  for (const e of h.of('service').filter((s) => s.by === h.user && s.status === 'enabled')) {
    const say = (what: string) => out.push({ rule: 'S5', at: e.at, what: `${e.node} is enabled ${what}` });
    const before = h.of('service').findLast((s) => s.node === e.node && s.seq < e.seq);
    if (before?.status === 'enabled' || o.reserved?.includes(e.node)) continue;
    // Also before it was ours: what a person disabled stays theirs until they enable it.
    const word = h.of('service').findLast((s) => s.node === e.node && s.seq < e.seq && s.by !== h.user);
    if (word?.status === 'disabled') say(`although ${word.by} disabled it`);
    const records = new Set(
      h
        .of('record')
        .filter((r) => r.type === 'evacuation' && r.source === e.node)
        .map((r) => r.record),
    );
    for (const record of records) {
      const status = h.recordStatus(record, e.at);
      if (status !== null && ['accepted', 'pre-migrating', 'done'].includes(status))
        say(`while record ${record} is ${status}`);
    }
    for (const id of h.onNode(e.node, e.at))
      if (h.instance(id, e.at)?.taskState?.startsWith('rebuild')) say(`while ${h.nameOf(id)} is in limbo`);
  }
  return out;
}
