// One recovery, from the loss of power to the last mail. Who measures it asks little while it runs: the machine is the same.
import { audit, tellFindings } from '../../test/world/audit.ts';
import type { World } from '../../test/world/world.ts';
import { nodeWorkflowId, noticeId } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { measure, type Measured } from './measure.ts';
import { ADMIN, CLOUD, type SetUp } from './set-up.ts';

export interface Recovery extends Measured {
  /** Of the run, whole. */
  historyEvents: number;
  /** Of its length, without a Temporal server. */
  downMs: number;
}

export type Blow = 'worker' | 'server';

/** Long enough for a horizon and a half (135 s) on top of what a recovery needs. */
const PATIENCE_S = 400;

/** Fails the node right after it reported, the worst moment, and follows its recovery. A blow falls when Nova was asked for half of them. */
export async function recover(s: SetUp, node: string, blow: Blow | null): Promise<Recovery> {
  const { world, client } = s;
  const instances = Object.values(world.truth().instances).filter((i) => i.host === node).length;
  s.say(`${node} with ${instances} instances loses its power${blow ? `; a ${blow} will be killed in the middle` : ''}`);
  const row = world.centre.nodes.get(node)!.service;
  const { updatedAt } = row;
  await s.until(`${node} reports`, 30, () => row.updatedAt !== updatedAt, 10);
  const failedAt = world.log.now();
  const epoch = Date.now() - failedAt;
  await world.powerLoss(node);
  const posts = countPosts(world, node);
  await s.until(`the first evacuation of ${node}`, 120, () => posts() > 0, 50);
  s.say(`${node}: the first evacuation after ${seconds(world.log.now() - failedAt)} s`);
  let downMs = 0;
  if (blow) {
    await s.until(`half of ${node} is asked for`, PATIENCE_S, () => posts() >= instances / 2, 5);
    downMs = await strike(s, node, blow);
  }
  const handle = client.workflow.getHandle(nodeWorkflowId(CLOUD, node));
  const end = await s.until(
    `the recovery of ${node} ends`,
    PATIENCE_S,
    async () => {
      const now = await handle.describe();
      return now.status.name === 'RUNNING' ? null : now;
    },
    1_000,
  );
  const report: RecoveryReport = await handle.result();
  const told = client.workflow.getHandle(noticeId(end.workflowId, end.runId, 'finished'));
  await s.until('everybody is told', 120, async () => (await told.describe()).status.name !== 'RUNNING', 500);
  const found = measure(world, failedAt, epoch, report);
  refuseWrong(s, report);
  s.say(`${node}: ${report.reason}, ${seconds(found.makespanMs)} s from the first evacuation to the last one settled`);
  return { ...found, historyEvents: end.historyLength, downMs };
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);

/** Without reading the whole log again and again while time is measured. */
function countPosts(world: World, node: string): () => number {
  let count = 0;
  world.on((e) => {
    if (e.kind === 'evacuate' && e.source === node) count += 1;
  });
  return () => count;
}

async function strike(s: SetUp, node: string, blow: Blow): Promise<number> {
  if (blow === 'server') {
    const downMs = await s.restartServer();
    s.say(`the Temporal server was killed and answers again after ${seconds(downMs)} s`);
    return downMs;
  }
  const { raw } = await s.client.workflow.getHandle(nodeWorkflowId(CLOUD, node)).describe();
  const busy = (raw.pendingActivities ?? [])
    .filter((a) => a.activityType?.name === 'evacuateInstance')
    .map((a) => Number.parseInt(a.lastWorkerIdentity ?? '', 10));
  const count = (pid: number): number => busy.filter((b) => b === pid).length;
  const [worker] = s.workers.toSorted((a, b) => count(b.pid) - count(a.pid));
  if (!worker) throw new Error('kill a worker: there is none');
  const its = count(worker.pid);
  await s.killWorker(worker.pid);
  s.say(`${worker.name} was killed in the middle of ${its} of ${busy.length} evacuations`);
  return 0;
}

/** A fast recovery that is wrong is no figure. */
function refuseWrong({ world, limits }: SetUp, { node, outcome, reason, instances }: RecoveryReport): void {
  if (outcome !== 'recovered') throw new Error(`recovery of ${node}: it ended as ${outcome}: ${reason}`);
  const findings = audit(world, { admins: [ADMIN], runs: [{ node, instances }], limits });
  if (findings.length > 0) throw new Error(`the data centre noticed:\n${tellFindings(findings)}`);
}
