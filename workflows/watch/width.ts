// The overall number of evacuations in flight, shared by the runs that are open. What was begun stays begun: a run that is told
// a smaller share still has more in flight for a while, and only its word that it is down to it gives the rest to others (S9).
import { getExternalWorkflowHandle } from '@temporalio/workflow';
import type { OpenRun } from '../contract.ts';
import type { Policy } from '../defaults.ts';
import { widthOf } from '../policy.ts';
import { turnSignal, widthSignal } from '../verbs.ts';
import type { Watch } from './state.ts';

const grantedRuns = (w: Watch): OpenRun[] => [...w.open.values()].filter((o) => o.grantedAt !== null);

/** The most that a run may have in flight now. */
const boundOf = (o: OpenRun): number => Math.max(o.width, o.bound ?? o.width);

/** Sets every run's new share and answers those whose share changed. Together their bounds stay within the overall width. */
function reshare(e: Policy['evacuation'], runs: OpenRun[]): OpenRun[] {
  const fair = widthOf(e, runs.length);
  // With more runs than evacuations in all each still gets one: a run that waits for a person must not stop the others.
  let free = e.overall < runs.length ? Infinity : e.overall - runs.reduce((sum, o) => sum + boundOf(o), 0);
  const changed: OpenRun[] = [];
  for (const o of runs) {
    const bound = boundOf(o);
    const width = Math.min(fair, bound + Math.max(0, free));
    if (width === o.width) continue;
    free -= Math.max(0, width - bound);
    Object.assign(o, { width, bound: Math.max(bound, width), told: (o.told ?? 0) + 1 });
    changed.push(o);
  }
  return changed;
}

/** Shares anew and tells the runs. One that cannot be told is closed. `except` hears of it in its grant. */
export async function share(w: Watch, except?: OpenRun): Promise<void> {
  const changed = reshare(w.config.policy.evacuation, grantedRuns(w));
  for (const o of changed.filter((r) => r !== except)) {
    const word = { width: o.width, told: o.told };
    await signalRun(w, o, (h) => h.signal(widthSignal, word));
  }
}

/** A run is closed: its share goes to the others, and who waits for a place asks again, on fresh evidence. */
export async function placeFreed(w: Watch): Promise<void> {
  await share(w);
  for (const o of [...w.open.values()].filter((r) => r.grantedAt === null))
    await signalRun(w, o, (h) => h.signal(turnSignal));
}

/** A run says that no more than its share is in flight. An answer to an earlier word is late, and says nothing any more. */
export function widthKept(w: Watch, k: { node: string; runId: string; told: number }): void {
  const o = w.open.get(k.node);
  if (!o || o.runId !== k.runId || o.told !== k.told) return;
  o.bound = o.width;
  void share(w);
}

export async function signalRun(
  w: Watch,
  o: OpenRun,
  send: (h: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<void> {
  try {
    await send(getExternalWorkflowHandle(o.workflowId, o.runId));
  } catch {
    if (w.open.get(o.node)?.runId === o.runId) w.open.delete(o.node);
  }
}
