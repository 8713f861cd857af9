// Started by a schedule: the drill of the whole fleet, and one message to the admins where its answer is another one than the last
// round's, which the watch keeps. Reads only; a round that cannot be made says so once.
import {
  ActivityFailure,
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { DrillActivities } from '../activities/monitoring/drill-contract.ts';
import { taskQueues, watchId, type Notice } from './contract.ts';
import { drillFleet } from './drill-fleet.ts';
import {
  findingsOf,
  newsOf,
  NO_FINDINGS,
  remembered,
  stillThere,
  type DrillFindings,
  type DrillNews,
} from './drill/findings.ts';
import { sendNotice } from './recovery/tell.ts';
import { drilledSignal } from './verbs.ts';

export interface DrillRoundInput {
  cloud: string;
  /** So many nodes at once have to find room on the rest. */
  survive: number;
  /** A round that takes longer is given up. */
  limitMs: number;
}

/** Never fails for the world's sake: what could not be done stands in its result. */
export async function drillRound(input: DrillRoundInput): Promise<DrillFindings> {
  const round = await made(input);
  if (!round) return { ...NO_FINDINGS, trouble: `the watch of ${input.cloud} does not answer: nobody could be told` };
  const { before, now } = round;
  const news = newsOf(before, now);
  if (news) await tellAdmins(input.cloud, news);
  show(now, news);
  return { ...now, trouble: now.trouble || (await remember(input.cloud, now)) };
}

type Round = { before: DrillFindings; now: DrillFindings };

/** Null: not even the watch answered. */
async function made({ cloud, survive, limitMs }: DrillRoundInput): Promise<Round | null> {
  let last: DrillFindings | null = null;
  const without = (trouble: string): Round | null => last && { before: last, now: { ...last, trouble } };
  try {
    return await CancellationScope.withTimeout(limitMs, async () => {
      const basis = await asking(cloud).drillBasis();
      last = basis.last?.format === NO_FINDINGS.format ? basis.last : NO_FINDINGS;
      const together = Array.from({ length: survive }, (_, i) => i + 1);
      const { policy, ifDead, left } = basis;
      const found = await drillFleet({ cloud, policy, ifDead, together });
      if (found.sightTrouble) return without(`the fleet cannot be seen whole: ${found.sightTrouble}`);
      const before = stillThere(last, found);
      return { before, now: findingsOf(found, left, survive, before) };
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    if (isCancellation(error))
      return without('it took too long: somebody does not answer (does a worker of each role run? npm run check)');
    if (error instanceof ActivityFailure) return without(error.cause?.message || error.message);
    throw error;
  }
}

/** The watch keeps it for the next round. Answers why it does not. */
async function remember(cloud: string, now: DrillFindings): Promise<string> {
  try {
    await getExternalWorkflowHandle(watchId(cloud)).signal(drilledSignal, remembered(now));
    return '';
  } catch (error) {
    return `the watch did not hear of it: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const asking = (cloud: string) =>
  proxyActivities<DrillActivities>({
    taskQueue: taskQueues(cloud).monitoring,
    startToCloseTimeout: '30s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
  });

/** No incident: nothing has happened, and a pager calls nobody for it. */
async function tellAdmins(cloud: string, { headline, lines }: DrillNews): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const notice: Notice = {
    ...{ stage: 'alarm', audience: 'admins', cloud, node: null, key: `${runId}.drill`, headline, lines },
    ...{ observedAt: new Date().toISOString(), since: null, question: null, report: null, instances: [] },
    ...{ tellNodeNames: true, run: { workflowId, runId }, incident: null },
  };
  await sendNotice(workflowId, runId, 'drill', notice);
}

function show({ nodes, works, trouble, stopped, fleet }: DrillFindings, news: DrillNews | null): void {
  const rows = Object.entries(stopped)
    .slice(0, 40)
    .map(([node, all]) => `* **${node}**: ${all.map(({ text }) => text).join('; ')}`);
  setCurrentDetails(
    [
      trouble ? `No round: ${trouble}` : `${works} of ${nodes} nodes would be recovered if they died now`,
      news ? `Told: ${news.headline}` : 'Nothing has changed since the last round',
      ...Object.values(fleet),
      ...rows,
    ].join('\n\n'),
  );
}
