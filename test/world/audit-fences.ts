// S3: a power-off hits only what truly failed, seldom, and is never anything but an off.
import type { Finding, Terms } from './audit.ts';
import type { History } from './audit-history.ts';

export function auditFences(h: History, o: Terms): Finding[] {
  const out: Finding[] = [];
  const say = (at: number, what: string) => out.push({ rule: 'S3', at, what });
  const offs = h.of('power-command').filter((e) => e.reset !== 'On');
  const perNode = new Map<string, number>();
  for (const e of offs) {
    if (e.reset !== 'ForceOff') say(e.at, `${e.node} gets ${e.reset}: only ForceOff is fencing`);
    const row = h.service(e.node, e.at);
    const up = h.last('os', e.at, (x) => x.node === e.node && x.os === 'up')?.at ?? -Infinity;
    const again = row?.by === h.user && row.forcedDown;
    if (e.truly === 'on' && e.os === 'up' && e.at - up >= o.exposureMs && !again && !o.mayFence?.includes(e.node))
      say(e.at, `${e.node} is fenced while it lives`);
    const count = (perNode.get(e.node) ?? 0) + 1;
    perNode.set(e.node, count);
    if (o.maxOffsPerNode !== undefined && count > o.maxOffsPerNode) say(e.at, `${e.node} gets its off number ${count}`);
    if (o.atOnce !== undefined) {
      const open = [...perNode.keys()].filter((node) => inRecovery(h, node, e.at));
      if (open.length > o.atOnce) say(e.at, `${open.join(', ')} are in recovery at once, more than ${o.atOnce}`);
    }
  }
  const all = o.maxNodesFenced;
  if (all !== undefined && perNode.size > all)
    say(offs[offs.length - 1]!.at, `${perNode.size} nodes were fenced, more than ${all}`);
  return out;
}

/** From its first off until its marker carries an outcome, or it is enabled. */
function inRecovery(h: History, node: string, t: number): boolean {
  const row = h.service(node, t);
  if (!row || row.by !== h.user) return true;
  return row.status === 'disabled' && !/^lifeboat:[^:]+:.+/.test(row.reason ?? '');
}
