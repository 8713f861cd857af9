// One instance's evacuation as its own activity, and what its result means for the run.
import { ActivityFailure } from '@temporalio/workflow';
import type { EvacuateResult } from '../../activities/evacuation/contract.ts';
import { evacuating } from '../proxies.ts';
import { settleAs } from './account.ts';
import { whyFailed } from './insist.ts';
import { refused } from './refused.ts';
import { granted, nowIso, type Pending, type Run } from './run.ts';

/** `lockedAhead`: its lock was asked for. `ahead`: it has no lane yet. */
export interface Begins {
  lockedAhead: boolean;
  ahead: boolean;
}

/** Resolves when it has its account, or its reason to wait. Never rejects for the activity's failure. */
export async function moveOne(run: Run, p: Pending, begins: Begins): Promise<void> {
  await evacuate(run, p, begins).catch((e: unknown) => broke(p, e));
}

/** The activity itself broke: what Nova does with the instance is not known, so a person looks before anything is repeated. */
function broke(p: Pending, e: unknown): void {
  if (!(e instanceof ActivityFailure)) throw e;
  p.held = `its evacuation could not be followed: ${whyFailed(e)}`;
}

async function evacuate(run: Run, p: Pending, { lockedAhead, ahead }: Begins): Promise<void> {
  const g = granted(run);
  const result = await evacuating(run.cloud).evacuateInstance.executeWithOptions(
    { summary: `${p.plan.decision} ${p.plan.name}`.slice(0, 180) },
    [
      {
        cloud: run.cloud,
        node: run.node.host,
        serviceId: run.node.serviceId,
        marker: run.marker,
        updatedAt: run.updatedAt,
        workflowId: run.workflowId,
        runId: run.runId,
        instance: p.plan,
        lockedAhead,
        ...(ahead ? { ahead } : {}),
        anyHost: p.tries > 0,
        lastEvacuationId: run.snapshot?.lastEvacuationId ?? 0,
        ignoreRecord: p.ignoreRecord,
        ...(run.reserve ? { reserve: run.reserve.host } : {}),
        policy: g.policy,
      },
    ],
  );
  digest(run, p, result);
}

function digest(run: Run, p: Pending, r: EvacuateResult): void {
  const t = granted(run).policy.timings;
  const later = (ms: number): void => {
    p.notBefore = Date.now() + ms;
  };
  if (r.kind !== 'notPosted') p.refused = undefined;
  switch (r.kind) {
    case 'recovered':
      p.posts += r.posts;
      return settleAs(run, p.plan, { outcome: 'recovered', reason: r.note ?? '', host: r.host, at: r.at });
    case 'gone':
      return settleAs(run, p.plan, { outcome: 'gone', reason: r.reason, host: r.host, at: r.at });
    case 'kept':
      return settleAs(run, p.plan, { outcome: 'kept', reason: r.reason, host: null, at: nowIso() });
    case 'notPosted':
      return refused(run, p, r);
    case 'noRoom':
    case 'nodeUp':
      return later(r.kind === 'nodeUp' ? t.guardEveryMs : t.permissionMs);
    case 'failed':
      p.posts += r.posts;
      p.tries += 1;
      if (r.retryable && p.tries < granted(run).policy.evacuation.tries) return later(t.roomEveryMs);
      p.held = r.reason;
      return;
    case 'stuck':
      p.held = r.reason;
      p.record = r.record;
      return;
    case 'halt':
      run.halted = `Nova refused our credentials: ${r.reason}`;
  }
}
