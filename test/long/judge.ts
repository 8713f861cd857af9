// What must be true when a tale is over: every rule of the data centre's own audit, and that everything that can be recovered was.
import type { RecoveryReport } from '../../workflows/domain.ts';
import { ADMIN, type Story } from '../stories/harness.ts';
import { audit, tellFindings, type AccountedRun } from '../world/audit.ts';
import { deadNodes, unhandled } from './operator.ts';
import type { Tale } from './tale.ts';

export interface Ended {
  runs: { workflowId: string; runId: string; status: string; report: RecoveryReport | null }[];
  /** Nodes of which a person gave up an instance. */
  gaveUp: ReadonlySet<string>;
}

/** Every breach, one a line; empty: the tale went well. */
export function judge(s: Story, tale: Tale, ended: Ended): string[] {
  return [...breaches(s, tale, ended), ...unfinished(s, tale, ended)];
}

function breaches({ world }: Story, tale: Tale, { runs }: Ended): string[] {
  const marked = (runId: string): number | undefined =>
    world.log.of('service').find((e) => e.by === 'lifeboat' && e.reason?.startsWith(`lifeboat:${runId}`))?.at;
  const accounts = runs.flatMap(({ report, runId }): AccountedRun[] => {
    const since = marked(runId);
    return report && since !== undefined ? [{ node: report.node, instances: report.instances, since }] : [];
  });
  const isolated = tale.steps.flatMap(({ deed }) => (deed.do === 'isolate' ? [deed.node] : []));
  const findings = audit(world, {
    admins: [ADMIN],
    ended: true,
    runs: accounts,
    mayFence: isolated,
    limits: { perNode: tale.evacuation.perNode },
    guardMs: GUARD_MS,
    exposureMs: EXPOSURE_MS,
  });
  return findings.length > 0 ? tellFindings(findings).split('\n') : [];
}

/** A guard that cannot read says so after 60 s (here 3 s); then a permission may still be good, on a machine that tells many tales. */
const GUARD_MS = 8_000;
/** One interval of the guard and the permission of a request (invariant S1), on a machine that tells many tales. */
const EXPOSURE_MS = 2_500;

/** Nothing prevents it any more, so it must have happened. */
function unfinished(s: Story, tale: Tale, { runs, gaveUp }: Ended): string[] {
  const wrong: string[] = [];
  for (const node of unhandled(s)) wrong.push(`${node} is dead, and no recovery has accounted for it`);
  for (const r of runs) {
    if (r.status !== 'COMPLETED') wrong.push(`the run ${r.workflowId} ended as ${r.status}`);
    for (const i of r.report?.instances ?? [])
      if (i.outcome !== 'recovered' && i.reason === '') wrong.push(`${i.name} is ${i.outcome} without a reason`);
  }
  const { instances, records } = s.world.truth();
  for (const node of deadNodes(s)) {
    const last = runs.filter((r) => r.report?.node === node && r.report.stages['marked'] !== undefined).at(-1)?.report;
    if (!last) continue;
    for (const [id, i] of Object.entries(instances)) {
      if (i.host !== node || i.deleted) continue;
      const account = last.instances.find((a) => a.id === id);
      const said = account ? `${account.outcome}: ${account.reason}` : 'not in the report';
      if (!account || account.outcome === 'recovered' || account.outcome === 'gone')
        wrong.push(`${i.name} is still on ${node}, and is ${said}`);
      // Kept by the table, left by an abort, or given up by a person: its reason says which.
      else if (last.outcome === 'recovered' && account.outcome !== 'kept')
        wrong.push(`${i.name} stayed on ${node}: ${said}`);
      else if (last.outcome === 'partial' && !gaveUp.has(node) && !skips(tale))
        wrong.push(`${i.name} stayed on ${node}: ${said}`);
    }
  }
  for (const r of records)
    if (r.type === 'evacuation' && r.status === 'pre-migrating') wrong.push(`record ${r.id} is still under way`);
  return wrong;
}

const skips = (tale: Tale): boolean => tale.steps.some(({ deed }) => deed.do === 'skip');
