// The way back (docs/readmit.md): power on → nova-compute cleans up → un-force → healthy for a while → enable. Every step looks
// first, so a second call changes nothing. Lifeboat never deletes a service: for dead hardware it names the command.
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  moveCommand,
  nodeWorkflowId,
  readMarker,
  WORKFLOW_TYPES,
  type MoveBack,
  type Notice,
  type ReadmitInput,
  type ReadmitReport,
} from './contract.ts';
import { DEFAULT_TIMINGS } from './defaults.ts';
import type { MigrationRecord, NodeView } from './domain.ts';
import { brief } from './proxies.ts';
import { powerOn, unforce, untilHealthy, untilReports } from './readmission/come-up.ts';
import { mayBeDeleted } from './readmission/dead-hardware.ts';
import { proposeMoves } from './readmission/propose.ts';
import { Halt, step, type Way } from './readmission/way.ts';
import { whyFailed } from './recovery/insist.ts';
import { sendNotice } from './recovery/tell.ts';
import { startOnNode } from './start-on-node.ts';
import { readmitStateQuery } from './verbs.ts';

export async function readmitNode(input: ReadmitInput): Promise<ReadmitReport> {
  const cloud = input?.cloud ?? workflowInfo().workflowId.split('/')[0] ?? '';
  if (!input?.node || !input.by?.trim())
    throw ApplicationFailure.nonRetryable('readmitNode: needs {"node":"compute-7","by":"your name"}', 'BadInput');
  const way: Way = { input, cloud, node: input.node, timings: input.timings ?? DEFAULT_TIMINGS, doing: '' };
  setHandler(readmitStateQuery, () => ({ node: way.node, doing: way.doing }));
  const destroys: string[] = [];
  const proposes: MoveBack[] = [];
  let end: Halt;
  try {
    end = await walk(way, destroys, proposes);
  } catch (e) {
    end = halted(e);
  }
  const report: ReadmitReport = { node: way.node, outcome: end.outcome, reason: end.reason, destroys, proposes };
  step(way, `${end.outcome}: ${end.reason}`);
  if (end.outcome !== 'alreadyEnabled' && end.outcome !== 'joined') await tellAdmins(way, report);
  return report;
}

/** What no repetition mends ends it in order: every step is safe to stand. */
function halted(e: unknown): Halt {
  if (e instanceof Halt) return e;
  if (!(e instanceof ActivityFailure) || isCancellation(e)) throw e;
  const byPerson = e.cause instanceof ApplicationFailure && e.cause.type === 'NotOurs';
  return new Halt(byPerson ? 'refused' : 'gaveUp', whyFailed(e));
}

async function walk(way: Way, destroys: string[], proposes: MoveBack[]): Promise<Halt> {
  const row = await mayReadmit(way);
  const records = await recordsAllow(way);
  if (way.input.dead) return mayBeDeleted(way, row);
  destroys.push(...records.map((r) => r.instanceId));
  await powerOn(way);
  await untilReports(way, row);
  await unforce(way);
  await untilHealthy(way);
  step(way, 'enables it');
  const after = await brief(way.cloud).openstack.enable.executeWithOptions({ summary: `enable ${way.node}` }, [
    { serviceId: row.serviceId, node: way.node },
  ]);
  if (after.status === 'enabled' && patched('propose-moves')) proposes.push(...(await proposeMoves(way, records)));
  if (after.status === 'enabled') return new Halt('readmitted', `${way.node} takes instances again`);
  const was = after.disabledReason ?? 'no reason given';
  return new Halt('leftDisabled', `${way.node} works again, and stays disabled as a person had left it: ${was}`);
}

/** Only what Lifeboat switched off, and only after its recovery has ended. */
async function mayReadmit(way: Way): Promise<NodeView> {
  step(way, 'looks whether it may come back');
  const r = await brief(way.cloud).monitoring.resolveNode(way.input.node);
  if (!r.found) {
    const near = r.near.length > 0 ? ` (near: ${r.near.join(', ')})` : '';
    throw new Halt('refused', `there is no compute node ${way.input.node}${near}`);
  }
  const { found } = r;
  way.node = found.host;
  const right = nodeWorkflowId(way.cloud, found.host);
  if (right !== workflowInfo().workflowId) await join(way, right);
  const ours = readMarker(found.disabledReason);
  if (found.status === 'enabled' && !found.forcedDown)
    throw new Halt('alreadyEnabled', `${found.host} is enabled: nothing to do`);
  if (!ours)
    throw new Halt(
      'refused',
      `${found.host} was disabled by a person (${found.disabledReason ?? 'no reason given'}): it is theirs to enable`,
    );
  if (ours.outcome === null)
    throw new Halt(
      'refused',
      `the recovery of ${found.host} (run ${ours.run}) has not ended; the watch takes it up again by itself`,
    );
  if (way.input.afterRun && (ours.run !== way.input.afterRun || ours.outcome !== 'recovered'))
    throw new Halt('refused', `${found.host} is not as its recovery left it: a person decides (npm run readmit)`);
  return found;
}

/** The lock is only as good as the id: another spelling of the node leads to the operation under its exact name. */
async function join(way: Way, workflowId: string): Promise<never> {
  const input: ReadmitInput = { ...way.input, cloud: way.cloud, node: way.node };
  const started = await startOnNode(WORKFLOW_TYPES.readmit, workflowId, input);
  const what = started ? 'its readmission is' : 'an operation on it was open already:';
  throw new Halt('joined', `the node's name is ${way.node}: ${what} the workflow ${workflowId}`);
}

/** An open record on a node with local disks would delete the only copy when its nova-compute starts. */
async function recordsAllow(way: Way): Promise<MigrationRecord[]> {
  const records = await brief(way.cloud).openstack.openRecords.executeWithOptions(
    { summary: 'open evacuation records?' },
    [way.node],
  );
  const limbo = records.filter((r) => r.status !== 'done');
  if (limbo.length > 0)
    throw new Halt(
      'refused',
      `evacuations of ${limbo.map((r) => `${r.instanceId} (record ${r.id}, ${r.status})`).join(', ')} are open: Nova would destroy these guests on ${way.node}`,
    );
  return records;
}

const PROPOSED = 20;

function proposalLines(node: string, moves: readonly MoveBack[]): string[] {
  if (moves.length === 0) return [];
  const more = moves.length > PROPOSED ? [`and ${moves.length - PROPOSED} more, in the report`] : [];
  const head = `${moves.length} instances that were on it could be moved back; nobody does it for you:`;
  return [head, ...moves.slice(0, PROPOSED).map((m) => `${moveCommand(node, m)} (now on ${m.from})`), ...more];
}

async function tellAdmins(way: Way, report: ReadmitReport): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const notice: Notice = {
    stage: 'readmitted',
    audience: 'admins',
    cloud: way.cloud,
    node: way.node,
    key: `${runId}.readmitted`,
    observedAt: new Date().toISOString(),
    since: null,
    headline: `${way.node}: ${report.outcome} — ${report.reason}`,
    lines: [
      `Asked by ${way.input.by}${way.input.reason ? `: ${way.input.reason}` : ''}.`,
      ...(report.destroys.length > 0
        ? [`Its nova-compute removed what was evacuated from it: ${report.destroys.join(', ')}.`]
        : []),
      ...proposalLines(way.node, report.proposes ?? []),
    ],
    question: null,
    tellNodeNames: true,
    instances: [],
    report: null,
    run: { workflowId, runId },
  };
  await sendNotice(workflowId, runId, 'readmitted', notice);
}
