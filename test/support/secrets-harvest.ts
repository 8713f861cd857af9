// Everything that a namespace keeps or tells, as texts: each event of each history with every payload decoded, what is kept of open
// activities (heartbeats, last failures), memos, search attributes, headers, summaries, and what queries answer.
import type { Client, WorkflowExecutionInfo, WorkflowHandle } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../../workflows/contract.ts';

export interface Text {
  where: string;
  text: string;
}

const QUERIES = ['__temporal_workflow_metadata', '__stack_trace'];
const WITH_STATE: readonly string[] = [WORKFLOW_TYPES.watch, WORKFLOW_TYPES.recover, WORKFLOW_TYPES.readmit];

/** All runs of the namespace, open and closed. A worker has to run, for the queries. */
export async function harvest(client: Client): Promise<Text[]> {
  const found: Text[] = [];
  for await (const info of client.workflow.list()) {
    const handle = client.workflow.getHandle(info.workflowId, info.runId);
    found.push(...(await ofRun(handle, info)));
  }
  return found;
}

async function ofRun(handle: WorkflowHandle, info: WorkflowExecutionInfo): Promise<Text[]> {
  const name = `${info.type} ${info.workflowId}`;
  const history = await handle.fetchHistory();
  const described = await handle.describe();
  const queries = WITH_STATE.includes(info.type) ? [...QUERIES, 'state'] : QUERIES;
  const answers = await Promise.all(
    queries.map(async (query) => {
      const answer: unknown = await handle.query(query).catch((error: unknown) => String(error));
      return { where: `${name}, query ${query}`, text: textOf(answer) };
    }),
  );
  return [
    { where: `${name}, in the list`, text: textOf(info) },
    { where: `${name}, described`, text: textOf(described.raw) },
    ...(history.events ?? []).map((e) => ({
      where: `${name}, event ${String(e.eventId)} (${Object.keys(e).find((k) => k.endsWith('Attributes')) ?? ''})`,
      text: textOf(e),
    })),
    ...answers,
  ];
}

/** All texts in a value, names of its keys among them; bytes as the text they are. */
export function textOf(value: unknown): string {
  const found: string[] = [];
  const seen = new Set<object>();
  const walk = (v: unknown): void => {
    if (typeof v === 'string') return void found.push(v);
    if (v instanceof Uint8Array) return void found.push(Buffer.from(v).toString('utf8'));
    if (v instanceof Date || typeof v !== 'object' || v === null || seen.has(v)) return;
    seen.add(v);
    if (v instanceof Map) return [...v].forEach(walk);
    for (const [key, inner] of Object.entries(v)) {
      found.push(key);
      walk(inner);
    }
  };
  walk(value);
  return found.join('\n');
}
