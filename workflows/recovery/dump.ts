// A node that crashed and writes its memory dump keeps its power until that ends, or until the configured wait is over. It is no proof
// of anything, nothing is evacuated meanwhile, and what comes after is a fence like any other.
import { CancellationScope, condition } from '@temporalio/workflow';
import type { FenceResult } from '../../activities/fencing/contract.ts';
import { awaiting } from '../proxies.ts';
import { freshEvidence, unlessStopped } from './admission.ts';
import { enter, show } from './console.ts';
import { isDetached } from './detach.ts';
import { countDumpWait } from './measure.ts';
import { holdsBack, noteDecision, type Run } from './run.ts';

type Dumping = Extract<FenceResult, { kind: 'dumping' }>;

/** May a fence still be told to wait? All waits of a run together are as long as the configured one. */
export const dumpMayDelay = (run: Run): boolean => run.dump === null || Date.now() < run.dump.until;

/**
 * Returns when the power-off is due, with evidence as fresh as any fence's; throws Ending where the node came back, or a person aborted.
 * A fencing worker that is gone, or hears nothing, ends it early and never later.
 */
export async function waitForDump(run: Run, { saw, agoMs, silenceMs, waitMs }: Dumping): Promise<void> {
  const first = run.dump === null;
  const since = Date.now();
  run.dump ??= { until: since + waitMs, waiting: true };
  run.dump.waiting = true;
  const leftMs = Math.max(1, run.dump.until - since);
  const until = new Date(run.dump.until).toISOString().slice(11, 19);
  enter(run, 'fencing', `${saw}: it is switched off when that ends, at ${until} UTC at the latest`);
  if (first) {
    noteDecision(run, 'lifeboat', 'waits for the memory dump of the node', saw);
    countDumpWait(run);
  }
  const scope = new CancellationScope({ cancellable: true });
  const said = (): boolean => run.confirmed !== null || isDetached(run) || holdsBack(run) !== null;
  try {
    const summary = `${run.node.host} writes its memory dump`;
    const input = { node: run.node.host, hostIp: run.node.hostIp, agoMs, silenceMs, leftMs };
    const ended = scope
      .run(() => awaiting(run.cloud, leftMs).awaitDumpEnd.executeWithOptions({ summary }, [input]))
      .then(({ ended: over, saw: how }) => (over ? `ended: ${how}` : `the wait is over: ${how}`))
      // Whatever became of its worker: the fence goes on.
      .catch(() => 'nobody hears whether it ended');
    const over = scope
      .run(() => condition(said, leftMs, { summary: `at the latest ${run.node.host} is switched off` }))
      .then(() => 'the wait is over')
      .catch(() => '');
    const how = await Promise.race([ended, over]);
    if (!said())
      noteDecision(run, 'lifeboat', `waited ${Math.round((Date.now() - since) / 1_000)} s for the memory dump`, how);
  } finally {
    run.dump.waiting = false;
    scope.cancel();
  }
  show(run);
  if (run.confirmed !== null || isDetached(run)) return;
  unlessStopped(run);
  await freshEvidence(run);
}
