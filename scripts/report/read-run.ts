// From a run to its document: the result of a closed one, the state of an open one, and what their history adds.
import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { nodeWorkflowId, WORKFLOW_TYPES, type RunState } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { Told } from '../../workflows/tell-people.ts';
import { stateQuery } from '../../workflows/verbs.ts';
import { Unreachable } from '../cli/command.ts';
import { ANSWER_MS, ask, describe, pageOf, startHint, type Temporal } from '../cli/temporal.ts';
import type { ReportDocument } from '../../activities/notification/report/document.ts';
import { askedOf } from '../../activities/notification/report/from-history.ts';
import { factsOf, type Facts } from '../../activities/notification/report/history.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Found {
  workflowId: string;
  runId: string;
}

/**
 * `word`: a node, a workflow id or a run id; of a node the last recovery. Reads only. Null: the history has none (any more).
 * Rejects with Unreachable where the run is open and no worker answers for it.
 */
export async function readRun(temporal: Temporal, word: string): Promise<ReportDocument | null> {
  const found = await findRun(temporal, word);
  if (!found) return null;
  const document = await documentOf(temporal, found);
  // It was typed in another spelling: the recovery is the one under the node's own name.
  const right = nodeWorkflowId(document.cloud, document.node);
  const other = document.outcome === 'joined' && right !== found.workflowId ? await latest(temporal, right) : null;
  return other ? documentOf(temporal, other) : document;
}

async function findRun(temporal: Temporal, word: string): Promise<Found | null> {
  if (UUID.test(word)) return first(temporal, `RunId = "${word}" AND WorkflowType = "${WORKFLOW_TYPES.recover}"`);
  const { cloud } = temporal.config;
  return latest(temporal, word.startsWith(`${cloud}/`) ? word : nodeWorkflowId(cloud, word));
}

/** The last recovery under this id. The list may be a second behind, so the id itself is asked first. */
async function latest(temporal: Temporal, workflowId: string): Promise<Found | null> {
  const last = await describe(temporal.client.workflow.getHandle(workflowId));
  if (!last) return null;
  if (last.type === WORKFLOW_TYPES.recover) return { workflowId, runId: last.runId };
  return first(temporal, `WorkflowId = "${workflowId}" AND WorkflowType = "${WORKFLOW_TYPES.recover}"`);
}

async function first({ client }: Temporal, query: string): Promise<Found | null> {
  let last: (Found & { at: number }) | null = null;
  for await (const { workflowId, runId, startTime } of client.workflow.list({ query }))
    if (!last || startTime.getTime() > last.at) last = { workflowId, runId, at: startTime.getTime() };
  return last;
}

async function documentOf(temporal: Temporal, { workflowId, runId }: Found): Promise<ReportDocument> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  const status = (await handle.describe()).status.name;
  const closed = status === 'COMPLETED' ? ((await handle.result()) as RecoveryReport) : null;
  // A worker answers for a run that was terminated, too.
  const state = closed ? null : await ask(temporal, handle, stateQuery, ANSWER_MS);
  if (!closed && !state) {
    const hint = startHint(temporal.config, 'workflow');
    throw new Unreachable(`no worker answers for ${workflowId}, which has no report yet (${hint})`);
  }
  const facts = factsOf(await handle.fetchHistory());
  const messages = await Promise.all(facts.notices.map((notice) => messageOf(temporal, notice)));
  const known = closed ? ofResult(closed) : ofState(state!, status === 'RUNNING', facts);
  return {
    ...{ format: 'lifeboat-report-1', madeAt: new Date().toISOString(), workflowId, runId },
    page: pageOf(temporal, workflowId, runId),
    ...known,
    asked: askedOf(facts),
    ...{ lastSignAt: facts.lastSignAt, fences: facts.fences, messages },
    instances: known.instances.map((i) => ({ ...i, tries: facts.moves.get(i.id) ?? [] })),
  };
}

type Known = Pick<
  ReportDocument,
  'cloud' | 'node' | 'outcome' | 'reason' | 'startedAt' | 'endedAt' | 'now' | 'evidence' | 'proof' | 'stages'
> &
  Pick<ReportDocument, 'decisions'> & { instances: Omit<ReportDocument['instances'][number], 'tries'>[] };

function ofResult(r: RecoveryReport): Known {
  const { cloud, node, outcome, reason, startedAt, endedAt, evidence, proof, stages, decisions, instances } = r;
  return { cloud, node, outcome, reason, startedAt, endedAt, now: null, evidence, proof, stages, decisions, instances };
}

function ofState(s: RunState, open: boolean, { endedAt }: Facts): Known {
  const { cloud, node, startedAt, evidence, proof, stages, phase, doing, question } = s;
  const instances = s.instances.map((i) => ({ projectId: '', userId: '', host: null, at: null, ...i }));
  const known = { cloud, node, startedAt, evidence, proof, stages, instances, decisions: s.decisions ?? [] };
  if (!open)
    return { ...known, outcome: 'ended', reason: `it was ended in phase ${phase}: ${doing}`, endedAt, now: null };
  const now = { phase, doing, question: question?.what ?? null };
  return { ...known, outcome: null, reason: '', endedAt: null, now };
}

/** What became of a notice: its workflow goes on for up to a day after the run, and is kept as long as the run is. */
async function messageOf(temporal: Temporal, n: Facts['notices'][number]): Promise<ReportDocument['messages'][number]> {
  const { stage, audience, headline } = n.notice;
  const handle = temporal.client.workflow.getHandle(n.workflowId, n.runId ?? undefined);
  return { stage, audience, headline, at: n.at, told: await toldBy(handle) };
}

async function toldBy(handle: WorkflowHandle): Promise<ReportDocument['messages'][number]['told']> {
  try {
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return { done: false, delivered: [], refused: [], unreachable: [] };
    if (status.name !== 'COMPLETED') return null;
    const { delivered, refused, unreachable } = (await handle.result()) as Told;
    return { done: true, delivered, refused, unreachable };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
