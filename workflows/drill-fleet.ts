// drill --all: what if any of them died now? Everything is read, once for the whole fleet; nothing here writes, locks or sends.
import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { EvacuationActivities } from '../activities/evacuation/contract.ts';
import { taskQueues, type Notice } from './contract.ts';
import { gateIfDead, unseen } from './drill/hypothesis.ts';
import type { DrillInput, FleetDrill, NodeDrill } from './drill/types.ts';
import type { Evidence } from './domain.ts';
import { brief } from './proxies.ts';

/** Power devices that are read at once: each may take its whole time limit, and a recovery's own reads go beside them. */
const WIDTH = 16;

export async function drillFleet(input: DrillInput): Promise<FleetDrill> {
  const { cloud, policy, ifDead, together } = input;
  const { monitoring, fencing, notification } = brief(cloud);
  const survey = await surveying(cloud).surveyFleet.executeWithOptions({ summary: 'loads, and room for them' }, [
    { policy, together },
  ]);
  const hosts = survey.nodes.map(({ view }) => view.host);
  const [{ sight, looks }, told, power] = await Promise.all([
    monitoring.lookAtFleet({ policy, unmoved: {}, closely: hosts, lastWholeCount: 0 }),
    notification.findRecipients(noticeToAdmins(cloud)),
    inLanes(hosts, (host) => fencing.readPower.executeWithOptions({ summary: `power of ${host}` }, [host])),
  ]);
  const nodes = survey.nodes.map((load, i): NodeDrill => {
    const { view, ...counts } = load;
    const evidence: Evidence[] = looks[view.host]?.evidence ?? [];
    return {
      ...{ node: view.host, zone: view.zone, up: view.state === 'up', power: power[i]!, ...counts },
      unseen: unseen(policy, view.host, evidence),
      gate: gateIfDead(policy, view, sight, ifDead),
    };
  });
  const { destinations, zones } = survey;
  return {
    ...{ nodes, together: survey.together, destinations, zones, sightTrouble: sight.trouble },
    ...{ admins: told.recipients.length, unreachable: told.unreachable, readAt: sight.readAt },
  };
}

/** Four lists a node, of a thousand nodes: minutes. */
const surveying = (cloud: string) =>
  proxyActivities<Pick<EvacuationActivities, 'surveyFleet'>>({
    taskQueue: taskQueues(cloud).openstack,
    startToCloseTimeout: '30m',
    heartbeatTimeout: '5s',
    retry: { maximumAttempts: 3 },
  });

async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  return results;
}

/** Only to find out whom an alarm would reach; it is never delivered. */
function noticeToAdmins(cloud: string): Notice {
  const { workflowId, runId } = workflowInfo();
  return {
    ...{ stage: 'blocked', audience: 'admins', cloud, node: null, key: `${runId}.drill`, headline: 'drill' },
    ...{ observedAt: new Date().toISOString(), since: null, lines: [], question: null, report: null, instances: [] },
    ...{ tellNodeNames: false, run: { workflowId, runId } },
  };
}
