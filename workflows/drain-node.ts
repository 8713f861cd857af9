// A node that is in trouble and lives: disabled in Nova, and live-migrated empty. No fence, no evacuation: nobody is away. Where the node
// is held for failed meanwhile this run makes way, and goes on as its recovery under the same id.
import { CancellationScope, condition, makeContinueAsNewFunc, setHandler } from '@temporalio/workflow';
import { DRAINING, marker, WORKFLOW_TYPES, type DrainInput, type RecoverInput } from './contract.ts';
import type { RecoveryReport } from './domain.ts';
import { announceDrain, closeDrain } from './drain/close-drain.ts';
import { drainWorker, planDrain } from './drain/plan.ts';
import { moveAll } from './drain/move-all.ts';
import { drains } from './drain/proxies.ts';
import { admit, approval, Ending, unlessHeld } from './recovery/admission.ts';
import { answersGiven, installAnswers, stopRun } from './recovery/answers.ts';
import { enter, show } from './recovery/console.ts';
import { insist } from './recovery/insist.ts';
import { checkInput, resolve, unresolved } from './recovery/resolve.ts';
import { heldBefore, holdsBack, newRun, noteDecision, reached, type Run } from './recovery/run.ts';
import { makeWaySignal, mayPostQuery } from './verbs.ts';

export async function drainNode(input: DrainInput): Promise<RecoveryReport> {
  const cloud = checkInput(WORKFLOW_TYPES.drain, input);
  const run = newRun(input, cloud, unresolved(input.node), 'drain');
  installAnswers(run);
  setHandler(mayPostQuery, (q: { instance: string; also?: string[] }) => ({
    ...mayMigrate(run, q.instance),
    ...(q.also ? { also: q.also.map((other) => mayMigrate(run, other)) } : {}),
  }));
  setHandler(makeWaySignal, ({ why }) => makeWay(run, why));
  CancellationScope.current().cancelRequested.catch(() => stopRun(run, 'a cancel in the console', ''));
  return CancellationScope.nonCancellable(async () => {
    let ending: Ending | null = null;
    try {
      await drain(run);
    } catch (e) {
      if (!(e instanceof Ending)) throw e;
      ending = e;
    }
    if (run.makeWay !== null) return becomeRecovery(run, run.makeWay);
    const report = await closeDrain(run, ending);
    await answersGiven();
    return report;
  });
}

async function drain(run: Run): Promise<void> {
  await resolve(run, WORKFLOW_TYPES.drain);
  await admit(run);
  await drainWorker(run);
  await planDrain(run);
  // Who starts it by hand has decided.
  if (!run.byHand) await approval(run);
  await unlessHeld(run);
  await disable(run);
  await announceDrain(run);
  await moveAll(run);
}

function mayMigrate(run: Run, instance: string): { ok: boolean; why: string } {
  const held = holdsBack(run) ?? run.halted;
  if (held) return { ok: false, why: held };
  return run.moving.has(instance) ? { ok: true, why: '' } : { ok: false, why: 'the run does not move it now' };
}

/** Nothing new begins, and nobody watches any more what Nova still works on: the recovery does. */
function makeWay(run: Run, why: string): void {
  if (run.makeWay !== null || run.report) return;
  run.makeWay = why;
  noteDecision(run, 'lifeboat', 'makes way for a recovery', why);
  run.stop ??= { by: 'lifeboat', reason: `${run.node.host} failed while it was drained: ${why}` };
  show(run);
}

/** Its instances are not placed there any more. A marker of its own: it is never taken for a node that is off. */
async function disable(run: Run): Promise<void> {
  enter(run, 'marking', 'disables the node in Nova, so that nothing new is placed there');
  const input = {
    ...{ node: run.node.host, serviceId: run.node.serviceId },
    marker: marker(run.runId, DRAINING, heldBefore(run)),
    before: { disabledReason: run.snapshot?.node.disabledReason ?? null },
  };
  const row = await insist(run, 'mark', `disable ${run.node.host}`, () =>
    drains(run.cloud).markDrained.executeWithOptions({ summary: `disable ${run.node.host}` }, [input]),
  );
  run.updatedAt = row.updatedAt;
  reached(run, 'marked');
}

/** The same id, so that no other operation can come between; the gates and the evidence are the recovery's own. */
async function becomeRecovery(run: Run, why: string): Promise<never> {
  await condition(() => run.moving.size === 0);
  enter(run, 'closing', 'makes way for the recovery of the node');
  await announceDrain(run);
  await answersGiven();
  const input: RecoverInput = {
    ...{ node: run.node.host, cloud: run.cloud, automatic: true, by: 'the monitor' },
    reason: `it failed while it was drained: ${why}`,
  };
  const recover = makeContinueAsNewFunc<(input: RecoverInput) => Promise<RecoveryReport>>({
    workflowType: WORKFLOW_TYPES.recover,
    workflowTaskTimeout: '5s',
  });
  return recover(input);
}
