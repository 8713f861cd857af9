// Follows a recovery by its `state` query, as `npm run status` does, and tells what changes.
import { nodeWorkflowId, noticeId, watchId, type RunState } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { stateQuery, watchStateQuery } from '../../workflows/verbs.ts';
import { CLOUD } from './lifeboat.ts';
import type { Stage } from './stage.ts';

export interface Follower {
  workflowId: string;
  /** Looks until the state is as wanted; everything on the way is told. */
  until(what: string, seconds: number, is: (state: RunState) => boolean): Promise<RunState>;
  /** Until the run has ended and everybody was told; its result. */
  end(seconds: number): Promise<RecoveryReport>;
}

/** Resolves when the watch has started a recovery of the node. Rejects when it does not within `seconds`. */
export async function followRun(stage: Stage, node: string, seconds: number): Promise<Follower> {
  const { client } = stage.lifeboat;
  const workflowId = nodeWorkflowId(CLOUD, node);
  const handle = client.workflow.getHandle(workflowId);
  const { runId } = await stage.until(`the watch sees that ${node} failed`, seconds, () => handle.describe());
  stage.tell('lifeboat', `the watch holds ${node} for failed and starts the run ${workflowId}`, 'bold');
  const view = newView(stage, node);
  const until: Follower['until'] = (what, limit, is) =>
    stage.until(`the run ${workflowId} ${what}`, limit, async () => {
      const state = await handle.query(stateQuery);
      await view(state);
      return is(state) ? state : null;
    });
  return {
    workflowId,
    until,
    async end(limit) {
      await until('ends', limit, (s) => s.report !== null);
      const report: RecoveryReport = await client.workflow.getHandle(workflowId, runId).result();
      const told = client.workflow.getHandle(noticeId(workflowId, runId, 'finished'));
      await stage.until('everybody is told', 30, async () => (await told.describe()).status.name !== 'RUNNING');
      return report;
    },
  };
}

function newView(stage: Stage, node: string): (state: RunState) => Promise<void> {
  let before: RunState | null = null;
  const settled = new Set<string>();
  return async (now) => {
    const changed = (of: (s: RunState) => unknown): boolean =>
      JSON.stringify(of(now)) !== JSON.stringify(before && of(before));
    if (now.evidence.length > 0 && changed((s) => s.evidence)) await tellGates(stage, now);
    if (now.phase === 'admission' && changed((s) => s.doing)) stage.tell('lifeboat', now.doing);
    if (now.phase === 'fencing' && changed((s) => s.phase))
      stage.tell('lifeboat', `${now.doing}; ${now.plan?.levels.join(', then ')}`);
    if (now.proof && changed((s) => s.proof)) tellProof(stage, now.proof, node);
    for (const i of now.instances) {
      if (i.outcome === 'pending' || i.outcome === 'moving' || settled.has(i.id)) continue;
      settled.add(i.id);
      tellInstance(stage, i as RecoveryReport['instances'][number]);
    }
    if (now.report && changed((s) => s.report))
      stage.tell('lifeboat', `${now.report.node}: ${now.report.outcome} — ${now.report.reason}`, 'bold');
    before = now;
  };
}

/** With what the watch saw of the others: the gates are judged over all nodes together. */
async function tellGates(stage: Stage, state: RunState): Promise<void> {
  const { client, config } = stage.lifeboat;
  const watch = await client.workflow.getHandle(watchId(CLOUD)).query(watchStateQuery);
  for (const { channel, verdict, saw } of state.evidence) stage.tell('lifeboat', `${channel}: ${verdict}, ${saw}`);
  const { sight } = watch;
  const { limits } = config.policy;
  stage.tell(
    'lifeboat',
    `the gates are passed: ${sight?.alive} of ${sight?.nodes} nodes are alive, ${sight?.unknown} unknown; ` +
      `${watch.open.length} ${watch.open.length === 1 ? 'recovery is' : 'recoveries are'} open, at most ${limits.atOnce} at once`,
  );
}

function tellProof(stage: Stage, proof: NonNullable<RunState['proof']>, node: string): void {
  const who = proof.kind === 'operator' ? `${proof.by}: ${proof.reason}` : proof.devices.join(' + ');
  stage.tell('lifeboat', `${node} is PROVEN OFF (${proof.kind}, ${who}); ${proof.witness}`, 'green');
}

function tellInstance(stage: Stage, { id, name, outcome, host, reason }: RecoveryReport['instances'][number]): void {
  if (outcome !== 'recovered')
    return stage.tell('lifeboat', `${name} is ${outcome}: ${reason}`, outcome === 'failed' ? 'red' : 'yellow');
  const { vmState } = stage.world.instance(id);
  const note = [vmState === 'active' ? '' : `${vmState} there, as before`, reason].filter(Boolean).join('; ');
  stage.tell('lifeboat', `${name} → ${host}${note && ` (${note})`}`, 'green');
}
