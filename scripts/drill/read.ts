// What a drill reads: the watch and the workers as `status` does, the node or the fleet by a workflow, the pace of the last recoveries.
import {
  drillId,
  WORKFLOW_TYPES,
  type Circumstances,
  type DrillInput,
  type FleetDrill,
} from '../../workflows/contract.ts';
import type { RecoveryPreview } from '../../workflows/contract.ts';
import { readFleet, SILENT_MS, type Fleet } from '../cli/fleet.ts';
import { execute, readPreview } from '../cli/preview.ts';
import type { Temporal } from '../cli/temporal.ts';
import type { Pace } from './duration.ts';
import { recentPace } from './pace.ts';

/** A thousand nodes are read in minutes. */
const FLEET_LIMIT_MS = 15 * 60_000;

export interface Around {
  fleet: Fleet;
  pace: Pace;
  /** What would keep any node from being recovered. */
  problems: string[];
}

/** `read`: what is drilled, judged by what the watch knows. Reads only. */
async function withAround<R>(
  temporal: Temporal,
  read: (c: Circumstances) => Promise<R>,
): Promise<Around & { found: R }> {
  const [fleet, pace] = await Promise.all([readFleet(temporal), recentPace(temporal)]);
  const found = await read(circumstancesOf(fleet));
  return { fleet, pace, problems: problemsOf(fleet), found };
}

export const drillNode = (temporal: Temporal, node: string): Promise<Around & { found: RecoveryPreview }> =>
  withAround(temporal, (ifDead) => readPreview(temporal, { node, force: false, ifDead }));

export const drillAll = (temporal: Temporal, together: number[]): Promise<Around & { found: FleetDrill }> =>
  withAround(temporal, (ifDead) => {
    const { cloud, policy } = temporal.config;
    const input: DrillInput = { cloud, policy, ifDead, together };
    return execute<FleetDrill>(temporal, {
      ...{ type: WORKFLOW_TYPES.drill, workflowId: drillId(cloud, Date.now()), input, limitMs: FLEET_LIMIT_MS },
      what: 'drill: what if any of the nodes died now?',
    });
  });

function circumstancesOf({ watch }: Fleet): Circumstances {
  return {
    paused: watch?.paused ?? null,
    standDowns: watch?.standDowns ?? [],
    maintenance: watch?.maintenance ?? {},
    override: Boolean(watch?.override),
    cooling: watch?.alarms.includes('storm') ?? false,
    open: (watch?.open ?? []).filter((o) => o.grantedAt !== null).map((o) => o.node),
  };
}

/** Who would have to see it, begin and act. */
function problemsOf({ cloud, watch, sweep, workers }: Fleet): string[] {
  return [
    watch ? '' : `no watch of ${cloud} runs: nobody would notice`,
    watch && !sweep ? 'no sweep runs: nobody looks at the nodes' : '',
    watch && sweep && sweep.agoMs > SILENT_MS ? 'the sweep has not given a sign lately: nobody may be looking' : '',
    ...workers.filter((w) => w.workers.length === 0).map((w) => `no worker polls ${w.name} (role ${w.role})`),
  ].filter(Boolean);
}
