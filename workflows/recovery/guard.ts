// From the proof until the last instance is settled somebody looks: a node that comes back stops everything new and is
// fenced again (recovery.md 6 and 18).
import { CancellationScope, condition, isCancellation, log, sleep } from '@temporalio/workflow';
import type { GuardResult } from '../../activities/fencing/contract.ts';
import { guarding } from '../proxies.ts';
import { enter, show } from './console.ts';
import { Ending } from './admission.ts';
import { fence } from './fence.ts';
import { fenceAnew, markOff } from './mark.ts';
import { granted, noteDecision, nowIso, type Run } from './run.ts';
import { tell } from './tell.ts';

/** Runs until `scope` is cancelled. Nothing is posted before its first read. */
export async function watchOver(run: Run): Promise<void> {
  for (let again = 1; ; again++) {
    const seen = await guardOnce(run);
    if (seen === null) return;
    const trouble = `${seen.kind}: ${seen.saw}`;
    run.markSeenAt = seen.marked ? seen.readAt : null;
    run.proof = null;
    run.guard = { seeing: 'trouble', at: nowIso(), saw: trouble };
    noteDecision(run, 'lifeboat', 'nothing new is evacuated, and it is fenced again', `it came back: ${trouble}`);
    show(run);
    await tell(run, `returned-${again}`, {
      stage: 'returned',
      audience: 'admins',
      headline: `${run.node.host} came back during its recovery (${trouble}): nothing new is evacuated, and it is fenced again`,
    });
    const lost = (await fence(run, again)) ?? (await markOff(run, again));
    if (lost) await fenceAnew(run, lost);
    if (run.proof === null) return;
    enter(run, 'evacuating', `fenced ${run.node.host} again after it came back`);
  }
}

/** What was seen; null when it is not needed any more. */
async function guardOnce(run: Run, failures = 0): Promise<GuardResult | null> {
  run.epoch += 1;
  run.guard = { seeing: 'none', at: null, saw: 'has not read yet' };
  const g = granted(run);
  try {
    return await guarding(run.cloud).guardNode.executeWithOptions(
      { summary: `watches that ${run.node.host} stays off` },
      [
        {
          cloud: run.cloud,
          node: run.node.host,
          serviceId: run.node.serviceId,
          hostIp: run.node.hostIp,
          level: run.proof?.kind === 'power' ? run.proof.level : null,
          updatedAt: run.updatedAt,
          workflowId: run.workflowId,
          runId: run.runId,
          epoch: run.epoch,
          timings: g.policy.timings,
        },
      ],
    );
  } catch (e) {
    if (isCancellation(e)) return null;
    log.error('the guard failed; nothing is posted until it reads again', { error: String(e) });
    await sleep(Math.min(g.policy.timings.guardEveryMs * 2 ** Math.min(failures, 16), g.policy.timings.judgeAgainMs), {
      summary: 'the guard failed; it begins again',
    });
    return guardOnce(run, failures + 1);
  }
}

/** The guard as a scope of its own: started after the mark, cancelled when the last instance is settled. */
export function startGuard(run: Run): { stop: () => Promise<void> } {
  const scope = new CancellationScope({ cancellable: true });
  let done = false;
  const watching = scope
    .run(() => watchOver(run))
    .catch((e: unknown) => {
      // An abort while it is fenced again: the run ends anyway.
      if (!isCancellation(e) && !(e instanceof Ending)) throw e;
    })
    .finally(() => {
      done = true;
    });
  return {
    stop: async () => {
      scope.cancel();
      await condition(() => done);
      await watching;
    },
  };
}
