// S2 one recovery, S6 nothing lost, S9 bounded.
import type { Finding, Terms } from './audit.ts';
import type { History } from './audit-history.ts';
import type { EntryOf } from './log.ts';

export function auditOneRecovery(h: History): Finding[] {
  return [...secondPosts(h), ...overlaps(h)];
}

/** A second POST needs the first one's record to be over, or a person who named it (note `operator-retry`, text: the instance). */
function secondPosts(h: History): Finding[] {
  const out: Finding[] = [];
  const ours = h.of('evacuate').filter((e) => e.by === h.user);
  for (const [i, second] of ours.entries()) {
    const first = ours.slice(0, i).findLast((e) => e.instance === second.instance);
    if (!first) continue;
    const settled = h.settledAt(first.record);
    if (settled !== null && settled <= second.at) continue;
    const asked = h.last('note', second.at, (n) => n.what === 'operator-retry' && n.text === second.instance);
    if (asked && asked.at > first.at) continue;
    const what = `${h.nameOf(second.instance)} is evacuated again while record ${first.record} is open`;
    out.push({ rule: 'S2', at: second.at, what });
  }
  return out;
}

function overlaps(h: History): Finding[] {
  const out: Finding[] = [];
  const byInstance = new Map<string, EntryOf<'call'>[]>();
  for (const call of h.mutations()) {
    if (!call.instance) continue;
    const before = byInstance.get(call.instance) ?? [];
    for (const other of before)
      if (other.startedAt < call.at && call.startedAt < other.at)
        out.push({
          rule: 'S2',
          at: Math.max(call.startedAt, other.startedAt),
          what: `${h.nameOf(call.instance)}: ${other.action} and ${call.action} are in flight at once`,
        });
    byInstance.set(call.instance, [...before, call]);
  }
  return out;
}

export function auditAccounts(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  for (const e of h.of('lost'))
    if (!o.mayLose?.includes(e.instance))
      out.push({ rule: 'S6', at: e.at, what: `the data of ${h.nameOf(e.instance)} is lost: ${e.why}` });
  for (const run of o.runs ?? []) out.push(...accounted(h, run));
  return out;
}

function accounted(h: History, run: NonNullable<Terms['runs']>[number]): Finding[] {
  const out: Finding[] = [];
  const since = run.since ?? h.oursSince(run.node) ?? h.endedAt;
  const say = (what: string) => out.push({ rule: 'S6', at: h.endedAt, what: `report of ${run.node}: ${what}` });
  for (const id of h.onNode(run.node, since)) {
    const times = run.instances.filter((a) => a.id === id).length;
    if (times !== 1) say(`${h.nameOf(id)} is accounted for ${times} times`);
  }
  for (const a of run.instances) {
    if (a.outcome !== 'recovered') {
      if (a.reason === '') say(`${h.nameOf(a.id)} is ${a.outcome} without a reason`);
      continue;
    }
    // Its host moves when a person moves it afterwards; it must have been there once, with nothing going on.
    const was = h.of('instance').some((e) => e.instance === a.id && e.host === a.host && e.taskState === null);
    if (!was || a.host === run.node)
      say(`${h.nameOf(a.id)} is called recovered on ${a.host}, and was never settled there`);
  }
  return out;
}

export function auditWidth(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  const ours = h.of('evacuate').filter((e) => e.by === h.user);
  const limits = o.limits ?? {};
  const over = (at: number, what: string, count: number, limit: number | undefined) => {
    if (limit !== undefined && count > limit)
      out.push({ rule: 'S9', at, what: `${count} evacuations in flight ${what}, more than ${limit}` });
  };
  for (const e of ours) {
    const open = ours.filter((x) => x.at <= e.at && (h.settledAt(x.record) ?? Infinity) > e.at);
    over(e.at, 'overall', open.length, limits.overall);
    over(e.at, `from ${e.source}`, open.filter((x) => x.source === e.source).length, limits.perNode);
    const dest = h.destination(e.record);
    if (dest !== null)
      over(e.at, `to ${dest}`, open.filter((x) => h.destination(x.record) === dest).length, limits.perDestination);
  }
  return out;
}
