// One recovery, from the loss of power to the last mail. Who measures it asks little while it runs: the machine is the same.
import { setTimeout as sleep } from 'node:timers/promises';
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
  /** Of the data centre's log: from its failure until everybody was told. */
  from: number;
  to: number;
  instances: RecoveryReport['instances'];
}

export interface Blow {
  what: 'worker' | 'server';
  /** So long after Nova was asked for half of the instances. */
  lateMs: number;
}

/** Long enough for a horizon and a half (135 s) on top of what a recovery needs. */
const PATIENCE_S = 400;

/** Fails the node right after it reported, the worst moment, and follows its recovery. A blow falls in its middle. */
export async function recover(s: SetUp, node: string, blow: Blow | null): Promise<Recovery> {
  const { world } = s;
  const count = Object.values(world.truth().instances).filter((i) => i.host === node).length;
  s.say(
    `${node} with ${count} instances loses its power${blow ? `; a ${blow.what} will be killed in the middle` : ''}`,
  );
  await itsReport(s, node);
  const from = world.log.now();
  const epoch = Date.now() - from;
  await world.powerLoss(node);
  const posts = countPosts(world, node);
  await s.until(`the first evacuation of ${node}`, 180, () => posts() > 0, 50);
  let downMs = 0;
  if (blow) {
    await s.until(`half of ${node} is asked for`, PATIENCE_S, () => posts() >= count / 2, 5);
    await sleep(blow.lateMs, undefined, { signal: s.signal });
    downMs = await strike(s, node, blow.what);
  }
  const { report, historyEvents } = await itsEnd(s, node);
  const found = measure(world, from, epoch, report);
  s.say(`${node}: ${report.reason}; ${summary(found)}`);
  return { ...found, historyEvents, downMs, from, to: world.log.now(), instances: report.instances };
}

async function itsReport(s: SetUp, node: string): Promise<void> {
  const row = s.world.centre.nodes.get(node)!.service;
  const { updatedAt } = row;
  await s.until(`${node} reports`, 30, () => row.updatedAt !== updatedAt, 10);
}

async function itsEnd(s: SetUp, node: string): Promise<{ report: RecoveryReport; historyEvents: number }> {
  const handle = s.client.workflow.getHandle(nodeWorkflowId(CLOUD, node));
  const closed = async (): Promise<Awaited<ReturnType<typeof handle.describe>> | null> => {
    const now = await handle.describe();
    return now.status.name === 'RUNNING' ? null : now;
  };
  const end = await s.until(`the recovery of ${node} ends`, PATIENCE_S, closed, 1_000);
  const report: RecoveryReport = await handle.result();
  if (report.outcome !== 'recovered')
    throw new Error(`recovery of ${node}: it ended as ${report.outcome}: ${report.reason}`);
  const told = s.client.workflow.getHandle(noticeId(end.workflowId, end.runId, 'finished'));
  await s.until('everybody is told', 120, async () => (await told.describe()).status.name !== 'RUNNING', 500);
  return { report, historyEvents: end.historyLength };
}

/** Enough to see what disturbed it. */
function summary({ stages, makespanMs, lengthMs }: Measured): string {
  const { seen, admitted, fenced, marked, firstPost } = stages;
  const until = `seen ${seconds(seen)}, admitted ${seconds(admitted)}, proven off ${seconds(fenced)}, marked ${seconds(marked)}`;
  return `${until}, first evacuation ${seconds(firstPost)} s; then ${seconds(makespanMs)} s to the last, ${seconds(lengthMs)} s to the end`;
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

async function strike(s: SetUp, node: string, blow: Blow['what']): Promise<number> {
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

/**
 * A fast recovery that is wrong is no figure. Judged once nothing is measured any more: it takes the data centre's own process for
 * seconds. Each by what it found and the time that it took: what came before would only cost more.
 */
export function refuseWrong({ world, limits }: SetUp, recoveries: readonly Recovery[]): void {
  const { entries } = world.log;
  for (const { node, instances, from, to } of recoveries) {
    const founding = entries.findIndex((e) => e.kind === 'call');
    const its = entries.filter((e, i) => i < founding || (e.at >= from && e.at <= to));
    const options = { admins: [ADMIN], runs: [{ node, instances }], limits, ended: true };
    const findings = audit({ log: { entries: its }, settings: world.settings }, options);
    if (findings.length > 0) throw new Error(`the data centre noticed:\n${tellFindings(findings)}`);
  }
}
