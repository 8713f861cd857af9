// What is on the node, and what of it can be live-migrated.
import { readiness } from '../proxies.ts';
import { enter, show } from '../recovery/console.ts';
import { settleAs } from '../recovery/evacuate-all.ts';
import { insist } from '../recovery/insist.ts';
import { granted, nowIso, type Run } from '../recovery/run.ts';
import { drains } from './proxies.ts';

/** Found before anything is touched. */
export const drainWorker = (run: Run): Promise<string> =>
  insist(run, 'workers', 'reach a worker of the role evacuation (npm start -- --role evacuation)', () =>
    readiness(run.cloud, granted(run).policy.timings.readyMs).evacuation.executeWithOptions(
      { summary: 'is a worker there: evacuation?' },
      [],
    ),
  );

export async function planDrain(run: Run): Promise<void> {
  enter(run, 'starting', 'lists what is on the node');
  const { node, instances, lastMigrationId } = await readPlan(run, 'what is on it?');
  // No evacuation is counted from here: `lastEvacuationId` is a recovery's.
  run.snapshot = { node, instances, lastEvacuationId: 0, takenAt: nowIso() };
  run.lastMigrationId = lastMigrationId;
}

/** Takes in what is to be moved, and accounts for what stays. */
export function take(run: Run, instances: NonNullable<Run['snapshot']>['instances']): void {
  for (const plan of instances) {
    if (plan.decision === 'keep') {
      const { reason } = plan;
      settleAs(run, plan, { outcome: 'kept', reason, host: run.node.host, at: nowIso() });
      continue;
    }
    run.pending.set(plan.id, {
      ...{ plan, need: { vcpus: 0, ram: 0, disk: 0 }, posts: 0, tries: 0, held: null, record: null, notBefore: 0 },
    });
  }
  show(run);
}

export function readPlan(run: Run, summary: string) {
  const input = { node: run.node.host, serviceId: run.node.serviceId, policy: granted(run).policy };
  return insist(run, 'plan', `list the instances of ${run.node.host}`, () =>
    drains(run.cloud).planDrain.executeWithOptions({ summary }, [input]),
  );
}
