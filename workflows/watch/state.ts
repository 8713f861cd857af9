// What the watch knows between two sweeps, and how it is shown and carried through continue-as-new.
import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { FleetSight, SweepCarry } from '../../activities/monitoring/contract.ts';
import type { DeviceState, OpenRun, WatchInput, WatchKept, WatchState } from '../contract.ts';
import type { DrillFindings, DrillSummary } from '../drill/findings.ts';
import { LARGE_FLEET } from '../defaults.ts';
import type { Evidence, Suspicion } from '../domain.ts';
import type { Maintenance, Override } from '../exceptions.ts';
import { deathToFirstPost, onDegraded } from '../policy.ts';

export interface Watch {
  cloud: string;
  startedAt: string;
  config: Pick<WatchInput, 'policy' | 'policyHash' | 'configuredBy' | 'searchAttributes'>;
  paused: WatchKept['paused'];
  /** Runs that hold or ask for a grant, by node. */
  open: Map<string, OpenRun>;
  /** Drains, admitted or not, by node. Their nodes are still watched for a failure. */
  drains: Map<string, OpenRun>;
  /** Nodes whose drain was started since they are in trouble: not again by itself. */
  drained: Set<string>;
  /** Reserved nodes that recoveries have, by failed node. */
  reserves: Map<string, { host: string; reason: string }>;
  standDowns: Map<string, { at: string; reason: string }>;
  maintenance: Map<string, Maintenance>;
  override: Override | null;
  /** When each node was seen to come back, within the last hour. */
  returns: Map<string, string[]>;
  calmSince: string | null;
  /** Readmissions by policy, by node. */
  returnsHome: Map<string, { runId: string; due: string }>;
  failed: Map<string, Suspicion>;
  /** In trouble and alive, as found last. */
  degraded: Map<string, Suspicion>;
  /** Findings the sweep need not tell again, `${kind}:${node}`. */
  known: Set<string>;
  /** Alarms that were sent and are not over, key → when. */
  alarms: Map<string, string>;
  grants: { node: string; runId: string; at: string }[];
  sight: FleetSight | null;
  /** The power devices as the last probe found them. Only people are told of it. */
  devices: DeviceState | null;
  /** What the last drill on the schedule found. */
  drill: DrillFindings | null;
  /** What was said and is held back, by `notification.perHour`. */
  told: NonNullable<WatchKept['told']>;
  /** Messages whose workflow is being begun outside of a handler. */
  saying: number;
  carry: SweepCarry | null;
  lastWholeCount: number;
  /** Why a failed node is not being recovered. */
  held: Map<string, string>;
  /** The sweep comes back at the latest after this long; null when nothing waits to be judged again. */
  wakeInMs: number | null;
}

export function openWatch(input: WatchInput): Watch {
  const k = input.kept;
  const { policy, policyHash, configuredBy, searchAttributes } = input;
  return {
    cloud: input.cloud,
    startedAt: k?.startedAt ?? workflowInfo().startTime.toISOString(),
    config: { policy, policyHash, configuredBy, searchAttributes },
    paused: k?.paused ?? null,
    open: new Map((k?.open ?? []).map((o) => [o.node, o])),
    drains: new Map((k?.drains ?? []).map((o) => [o.node, o])),
    drained: new Set(k?.drained ?? []),
    reserves: new Map(Object.entries(k?.reserves ?? {})),
    standDowns: new Map(Object.entries(k?.standDowns ?? {})),
    maintenance: new Map(Object.entries(k?.maintenance ?? {})),
    override: k?.override ?? null,
    returns: new Map(Object.entries(k?.returns ?? {})),
    calmSince: k?.calmSince ?? null,
    returnsHome: new Map(Object.entries(k?.returnsHome ?? {})),
    failed: new Map(Object.entries(k?.failed ?? {})),
    degraded: new Map(Object.entries(k?.degraded ?? {})),
    known: new Set(k?.known ?? []),
    alarms: new Map(Object.entries(k?.alarms ?? {})),
    grants: k?.grants ?? [],
    sight: null,
    devices: k?.devices ?? null,
    drill: k?.drill ?? null,
    told: k?.told ?? {},
    saying: 0,
    carry: k?.carry ?? null,
    lastWholeCount: k?.lastWholeCount ?? 0,
    held: new Map(),
    // The first look comes back soon: a list that shrinks is known by the count of a whole one.
    wakeInMs: k?.lastWholeCount ? null : policy.timings.judgeAgainMs,
  };
}

export function keptOf(w: Watch): WatchKept {
  return {
    startedAt: w.startedAt,
    paused: w.paused,
    open: [...w.open.values()],
    drains: [...w.drains.values()],
    drained: [...w.drained],
    reserves: Object.fromEntries(w.reserves),
    standDowns: Object.fromEntries(w.standDowns),
    maintenance: Object.fromEntries(w.maintenance),
    override: w.override,
    returns: Object.fromEntries(w.returns),
    calmSince: w.calmSince,
    returnsHome: Object.fromEntries(w.returnsHome),
    failed: Object.fromEntries(w.failed),
    degraded: Object.fromEntries(w.degraded),
    known: [...w.known],
    alarms: Object.fromEntries(w.alarms),
    grants: w.grants,
    devices: w.devices,
    drill: w.drill,
    told: w.told,
    carry: w.carry,
    lastWholeCount: w.lastWholeCount,
  };
}

export function watchState(w: Watch): WatchState {
  const nodes = w.sight?.nodes ?? 0;
  return {
    cloud: w.cloud,
    mode: w.config.policy.mode,
    policyHash: w.config.policyHash,
    paused: w.paused,
    sight: w.sight,
    open: [...w.open.values()],
    drains: [...w.drains.values()],
    standDowns: [...w.standDowns.keys()],
    maintenance: Object.fromEntries(w.maintenance),
    override: w.override,
    degraded: Object.fromEntries(troubled(w)),
    devices: w.devices,
    drill: w.drill && summaryOf(w.drill),
    held: { ...Object.fromEntries(waiting(w)), ...Object.fromEntries(w.held) },
    alarms: [...w.alarms.keys()],
    deathToFirstPostMs: deathToFirstPost(w.config.policy, nodes, LARGE_FLEET),
  };
}

const summaryOf = ({ readAt, trouble, nodes, works }: DrillFindings): DrillSummary => ({
  readAt,
  trouble,
  nodes,
  works,
});

/** Recoveries that are open and whose gate is closed: held like those that were not begun. */
const waiting = (w: Watch): [node: string, why: string][] =>
  [...w.open.values()].flatMap(({ node, waits }) => (waits ? [[node, waits]] : []));

/** Nodes in trouble that are not to be ignored, and what was seen of them. */
export const troubled = (w: Watch): [node: string, saw: string][] =>
  [...w.degraded]
    .filter(([node]) => onDegraded(w.config.policy, node) !== 'ignore')
    .map(([node, { evidence }]) => [node, troubleIn(evidence)]);

const troubleIn = (evidence: readonly Evidence[]): string =>
  evidence
    .filter((e) => e.verdict === 'degraded')
    .map((e) => `${e.channel}: ${e.saw}`)
    .join('; ');

function deviceLines(devices: DeviceState | null): string[] {
  const broken = devices?.broken ?? [];
  const listed = broken
    .slice(0, 20)
    .map((d) => `* The power device of **${d.node}** (${d.level}) would not serve: ${d.health} ${d.detail}`);
  return broken.length > listed.length
    ? [...listed, `* and ${broken.length - listed.length} more power devices`]
    : listed;
}

/** The watch's page in the Temporal UI. */
export function showWatch(w: Watch): void {
  const s = w.sight;
  const held = [...w.held].map(([node, why]) => `* **${node}** is failed and not recovered: ${why}`);
  const open = [...w.open.values()].map(
    (o) => `* **${o.node}** ${o.waits ? `waits (${o.waits})` : 'is being recovered'}: workflow \`${o.workflowId}\``,
  );
  setCurrentDetails(
    [
      `**${w.cloud}**: mode **${w.config.policy.mode}**${w.paused ? `, **paused** by ${w.paused.by}: ${w.paused.reason}` : ''}`,
      s
        ? `At ${s.readAt.slice(11, 19)}: ${s.nodes} nodes, ${s.alive} alive, ${s.degraded?.length ?? 0} degraded, ${s.failed.length} failed, ${s.unknown} unknown, ${s.ours.length} off by us${s.whole ? '' : ` — **not whole: ${s.trouble}**`}`
        : 'The first sweep is under way.',
      ...open,
      ...[...w.drains.values()].map((o) => `* **${o.node}** is being drained: workflow \`${o.workflowId}\``),
      ...held,
      ...troubled(w).map(([node, saw]) => `* **${node}** is in trouble, and alive: ${saw}`),
      ...[...w.maintenance].map(
        ([node, m]) => `* **${node}** is under maintenance until ${m.until.slice(0, 16)}Z by ${m.by}: ${m.reason}`,
      ),
      ...deviceLines(w.devices),
      w.override
        ? `**Limits overridden** by ${w.override.by} until ${w.override.until.slice(0, 16)}Z: ${w.override.reason}`
        : '',
      w.alarms.size > 0 ? `Alarms: ${[...w.alarms.keys()].join(', ')}` : '',
      w.paused
        ? 'To go on: update `resume` with `{"by":"your name"}`.'
        : 'To stop everything new: update `pause` with `{"by":"your name","reason":"…"}`.',
    ]
      .filter(Boolean)
      .join('\n\n'),
  );
}
