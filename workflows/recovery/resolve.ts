// Which node is it? The workflow id is the node, so a run under another spelling starts the right one and ends as joined.
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { nodeWorkflowId, type RecoverInput } from '../contract.ts';
import type { NodeView } from '../domain.ts';
import { brief } from '../proxies.ts';
import { startOnNode } from '../start-on-node.ts';
import { Ending } from './admission.ts';
import { enter } from './console.ts';
import { insist } from './insist.ts';
import { rememberNode, type Run } from './run.ts';

/** Answers the cloud. Rejects where no node is named: also a run that was started in the Temporal UI. */
export function checkInput(type: string, input: RecoverInput): string {
  const cloud = input?.cloud ?? workflowInfo().workflowId.split('/')[0];
  if (typeof input?.node !== 'string' || input.node.trim() === '' || !cloud)
    throw ApplicationFailure.nonRetryable(
      `${type}: the input needs a node: {"node":"compute-7"} and the id <cloud>/<node>`,
      'BadInput',
    );
  return cloud;
}

/** Before Nova was asked. */
export const unresolved = (host: string): NodeView => ({
  host,
  serviceId: '',
  zone: '',
  status: 'enabled',
  state: 'unknown',
  forcedDown: false,
  disabledReason: null,
  updatedAt: null,
  hostIp: null,
});

/** The lock is only as good as the id: the exact os-services host decides it. `type`: of this workflow, for a start under the right id. */
export async function resolve(run: Run, type: string): Promise<void> {
  enter(run, 'starting', `looks for the node ${run.input.node}`);
  const { resolveNode } = brief(run.cloud).monitoring;
  const r = await insist(run, 'resolve', `look up the node ${run.input.node}`, () =>
    resolveNode.executeWithOptions({ summary: `which node is ${run.input.node}?` }, [run.input.node]),
  );
  if (!r.found) {
    const near = r.near.length > 0 ? ` (near: ${r.near.join(', ')})` : '';
    throw new Ending('denied', `there is no compute node ${run.input.node}${near}`);
  }
  run.node = r.found;
  const right = nodeWorkflowId(run.cloud, r.found.host);
  if (right !== run.workflowId) await join(run, type, right);
  rememberNode(run);
}

async function join(run: Run, type: string, workflowId: string): Promise<never> {
  const { node: _typed, ...rest } = run.input;
  const input: RecoverInput = { ...rest, cloud: run.cloud, node: run.node.host, by: run.by };
  await startOnNode(type, workflowId, input);
  throw new Ending('joined', `the node's name is ${run.node.host}: its ${run.kind} is the workflow ${workflowId}`);
}
