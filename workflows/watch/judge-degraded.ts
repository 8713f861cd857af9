// Nodes that are in trouble and live: never fenced for it. The admins are told once when it begins, and when it is over.
import type { Verdict } from '../domain.ts';
import { alarm, endAlarm } from './alarms.ts';
import { troubled, type Watch } from './state.ts';

export async function judgeDegraded(w: Watch): Promise<void> {
  for (const [node, saw] of troubled(w)) {
    // What is failed, or being recovered, is told of as such.
    if (w.open.has(node) || w.failed.has(node)) continue;
    await alarm(w, `degraded:${node}`, `${node} is in trouble, and alive: ${saw}. Nothing is fenced for it`);
  }
}

/** What was known of its trouble is over, or out of sight. */
export async function outOfTrouble(w: Watch, node: string, verdict: Verdict): Promise<void> {
  w.degraded.delete(node);
  w.known.delete(`degraded:${node}`);
  const over = verdict === 'alive' ? `${node} is well again` : `${node} is held, marked or not listed now`;
  await endAlarm(w, `degraded:${node}`, over);
}
