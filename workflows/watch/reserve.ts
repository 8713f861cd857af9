// Who has which reserved node. Answers are serial, so that no two recoveries get the same one; a recovery that is taken up again gets the one
// that its node had. Given back by the run's own last word only.
import { setHandler } from '@temporalio/workflow';
import { reserveGivenSignal, wantReserveSignal } from '../verbs.ts';
import type { Watch } from './state.ts';
import { signalRun } from './width.ts';

export function installReserve(w: Watch): void {
  setHandler(wantReserveSignal, ({ node, workflowId, runId, candidates }) => {
    const before = w.reserves.get(node);
    const taken = new Set([...w.reserves.values()].map((r) => r.host));
    const mine = before ?? candidates.find((c) => !taken.has(c.host)) ?? null;
    if (mine) w.reserves.set(node, mine);
    const run = { node, workflowId, runId, grantedAt: null, width: 0, byHand: false };
    void signalRun(w, run, (h) => h.signal(reserveGivenSignal, mine));
  });
}
