// From the proof until the last instance is settled somebody looks: a node that comes back stops everything new and is
// fenced again (recovery.md 6 and 18).
import { CancellationScope, condition, isCancellation, log, sleep } from '@temporalio/workflow';
import { marker } from '../contract.ts';
import { brief, guarding } from '../proxies.ts';
import { enter, show } from './console.ts';
import { Ending } from './admission.ts';
import { fence } from './fence.ts';
import { insist } from './insist.ts';
import { granted, heldBefore, noteDecision, nowIso, reached, type Run } from './run.ts';
import { tell } from './tell.ts';

/** One PUT, only after the proof: disabled, our marker, forced_down. Makes Nova accept evacuations at once. */
export async function markOff(run: Run): Promise<void> {
  const input = {
    serviceId: run.node.serviceId,
    node: run.node.host,
    marker: marker(run.runId, undefined, heldBefore(run)),
    forcedDown: true,
    before: { disabledReason: run.snapshot?.node.disabledReason ?? null },
  };
  const row = await insist(run, 'mark', `disable and force down ${run.node.host}`, () =>
    brief(run.cloud).openstack.markNode.executeWithOptions({ summary: 'disable and force down' }, [input]),
  );
  run.updatedAt = row.updatedAt;
  reached(run, 'marked');
}

/** Runs until `scope` is cancelled. Nothing is posted before its first read. */
export async function watchOver(run: Run): Promise<void> {
  for (let again = 1; ; again++) {
    const trouble = await guardOnce(run);
    if (trouble === null) return;
    run.proof = null;
    run.guard = { seeing: 'trouble', at: nowIso(), saw: trouble };
    noteDecision(run, 'lifeboat', 'nothing new is evacuated, and it is fenced again', `it came back: ${trouble}`);
    show(run);
    await tell(run, `returned-${again}`, {
      stage: 'returned',
      audience: 'admins',
      headline: `${run.node.host} came back during its recovery (${trouble}): nothing new is evacuated, and it is fenced again`,
    });
    await fence(run, again);
    if (run.proof === null) return;
    await markOff(run);
    enter(run, 'evacuating', `fenced ${run.node.host} again after it came back`);
  }
}

/** What was seen; null when it is not needed any more. */
async function guardOnce(run: Run, failures = 0): Promise<string | null> {
  run.epoch += 1;
  run.guard = { seeing: 'none', at: null, saw: 'has not read yet' };
  const g = granted(run);
  try {
    const r = await guarding(run.cloud).guardNode.executeWithOptions(
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
    return `${r.kind}: ${r.saw}`;
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
