// One incident of one node, from the gates to the report. Reads as the procedure in docs/procedure.md; each step has a file
// in recovery/. The workflow id is the node, so no two recoveries of it can be open.
import { ActivityFailure, CancellationScope, condition, patched } from '@temporalio/workflow';
import { DEFAULT_TIMINGS } from './defaults.ts';
import { WORKFLOW_TYPES, type RecoverInput } from './contract.ts';
import type { RecoveryReport } from './domain.ts';
import { brief, readiness } from './proxies.ts';
import { admit, approval, Ending, freshEvidence, unlessStopped } from './recovery/admission.ts';
import { answersGiven, installAnswers, stopRun } from './recovery/answers.ts';
import { close } from './recovery/close.ts';
import { enter } from './recovery/console.ts';
import { evacuateAll } from './recovery/evacuate-all.ts';
import { startGuard } from './recovery/guard.ts';
import { insist } from './recovery/insist.ts';
import { proveAndMark } from './recovery/mark.ts';
import { raise, settle } from './recovery/question.ts';
import { claimReserve } from './recovery/reserve.ts';
import { checkInput, resolve, unresolved } from './recovery/resolve.ts';
import { granted, newRun, noteDecision, reached, type Run } from './recovery/run.ts';
import { tell } from './recovery/tell.ts';

export async function recoverNode(input: RecoverInput): Promise<RecoveryReport> {
  const cloud = checkInput(WORKFLOW_TYPES.recover, input);
  const run = newRun(input, cloud, unresolved(input.node));
  installAnswers(run);
  // A cancel in the console means abort: it sets "nothing new", and shields what runs.
  CancellationScope.current().cancelRequested.catch(() => stopRun(run, 'a cancel in the console', ''));
  return CancellationScope.nonCancellable(async () => {
    let ending: Ending | null = null;
    try {
      await recover(run);
    } catch (e) {
      if (!(e instanceof Ending)) throw e;
      ending = e;
    }
    const report = await close(run, ending);
    await answersGiven();
    return report;
  });
}

async function recover(run: Run): Promise<void> {
  await resolve(run, WORKFLOW_TYPES.recover);
  await admit(run);
  await rolesReady(run);
  await prepare(run);
  await approval(run);
  await snapshotAfterApproval(run);
  await freshEvidence(run);
  await proveAndMark(run);
  const guard = startGuard(run);
  try {
    await tellStarted(run);
    await settleStorage(run);
    await claimReserve(run);
    await evacuateAll(run);
    reached(run, 'evacuated');
  } finally {
    await guard.stop();
  }
}

/** A role without a worker is found before anything is touched. */
async function rolesReady(run: Run): Promise<void> {
  const t = granted(run).policy.timings ?? DEFAULT_TIMINGS;
  const roles = readiness(run.cloud, t.readyMs);
  for (;;) {
    unlessStopped(run);
    const [evacuation, fencing, guard, notification] = await Promise.all([
      answers(roles.evacuation.executeWithOptions({ summary: 'is a worker there: evacuation?' }, [])),
      answers(roles.fencing.executeWithOptions({ summary: 'is a worker there: fencing?' }, [])),
      answers(roles.guard.executeWithOptions({ summary: 'is a worker there: guard?' }, [])),
      answers(roles.notification.executeWithOptions({ summary: 'is a worker there: notification?' }, [])),
    ]);
    if (!notification) noteDecision(run, 'lifeboat', 'no notification worker answers: nobody is told until one runs');
    const missing = [evacuation ? '' : 'evacuation', fencing && guard ? '' : 'fencing'].filter(Boolean);
    if (missing.length === 0) return settle(run, 'workers');
    raise(run, 'workers', {
      what: `no worker polls for the role ${missing.join(' and ')}: nothing was touched`,
      answers: [{ verb: 'abort', json: '{"by":"your name","reason":"…"}', means: 'give up; nothing was touched' }],
      commands: missing.map((role) => `npm start -- --config lifeboat.yaml --role ${role}`),
    });
    const retries = run.retries;
    await condition(() => run.stop !== null || run.retries !== retries, t.judgeAgainMs, {
      summary: `waits for a worker: ${missing.join(', ')}`,
    });
  }
}

const answers = (ready: Promise<string>): Promise<boolean> =>
  ready.then(
    () => true,
    (e: unknown) => {
      if (e instanceof ActivityFailure) return false;
      throw e;
    },
  );

async function takeSnapshot(run: Run, summary: string): Promise<void> {
  const { openstack } = brief(run.cloud);
  const input = { node: run.node.host, serviceId: run.node.serviceId, policy: granted(run).policy };
  const { snapshot } = await insist(run, 'snapshot', `take a snapshot of ${run.node.host}`, () =>
    openstack.takeSnapshot.executeWithOptions({ summary }, [input]),
  );
  run.snapshot = snapshot;
}

/** A person may have taken hours: what left the node meanwhile is not moved, and nobody is told of it. */
async function snapshotAfterApproval(run: Run): Promise<void> {
  if (granted(run).policy.mode !== 'confirm' || !patched('snapshot-after-approval')) return;
  await takeSnapshot(run, 'snapshot, after the approval and before any change');
}

async function prepare(run: Run): Promise<void> {
  enter(run, 'starting', 'takes a snapshot of the node before any change');
  const { fencing } = brief(run.cloud);
  await takeSnapshot(run, 'snapshot, before any change');
  const plan = await insist(run, 'plan', `read the fence devices of ${run.node.host}`, () =>
    fencing.fencingPlan.executeWithOptions({ summary: 'which fence devices?' }, [run.node.host]),
  );
  run.levels = plan.map((l) => `${l.level}: ${l.devices.map((d) => d.label).join(' + ')}`);
}

async function tellStarted(run: Run): Promise<void> {
  const instances = (run.snapshot?.instances ?? []).map((i) => ({
    id: i.id,
    name: i.name,
    projectId: i.projectId,
    userId: i.userId,
    loses: i.loses,
    outcome: i.decision === 'keep' ? ('kept' as const) : ('moving' as const),
    reason: i.reason,
    host: null,
    at: null,
  }));
  reached(run, 'told');
  await tell(run, 'started', {
    stage: 'started',
    audience: instances.length > 0 ? 'both' : 'admins',
    headline: `${run.node.host} is off; ${instances.filter((i) => i.outcome === 'moving').length} of its ${instances.length} instances are being moved`,
    instances,
  });
}

/** Optional: storage locks of the dead node run out first. */
async function settleStorage(run: Run): Promise<void> {
  const { settleMs } = granted(run).policy.timings;
  if (settleMs > 0)
    await condition(() => run.stop !== null, settleMs, { summary: 'waits for storage locks to run out' });
}
