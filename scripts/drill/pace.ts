// How long evacuations took here lately, from the histories of the last recoveries.
import { WORKFLOW_TYPES } from '../../workflows/contract.ts';
import type { Temporal } from '../cli/temporal.ts';
import { factsOf } from '../../activities/notification/report/history.ts';
import { paceOf, type Pace } from './duration.ts';

/** Recoveries that are read, and closed runs that are looked at to find them (most are short: denied, joined). */
const RECOVERIES = 3;
const LOOKED_AT = 12;

/** Reads only. A history that cannot be had is none. */
export async function recentPace({ client, config }: Temporal): Promise<Pace> {
  const query = `WorkflowType = "${WORKFLOW_TYPES.recover}" AND ExecutionStatus = "Completed" AND WorkflowId STARTS_WITH "${config.cloud}/"`;
  const took: number[] = [];
  let [recoveries, looked] = [0, 0];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    if (recoveries === RECOVERIES || looked++ === LOOKED_AT) break;
    const history = await client.workflow
      .getHandle(workflowId, runId)
      .fetchHistory()
      .catch(() => null);
    const moves = history ? [...factsOf(history).moves.values()].flat() : [];
    const done = moves.flatMap((m) => (m.ended === 'recovered' && m.to ? [Date.parse(m.to) - Date.parse(m.from)] : []));
    if (done.length > 0) recoveries++;
    took.push(...done);
  }
  return paceOf(took, recoveries);
}
