// Failed nodes, judged all together on the latest sweep: those that pass the gates get their recovery, the others a reason.
import { isReturning, nodeWorkflowId, readMarker, WORKFLOW_TYPES, type RecoverInput } from '../contract.ts';
import type { Verdict } from '../domain.ts';
import { judgeGates, lives, type GateInput, type GateVerdict } from '../policy.ts';
import { startOnNode } from '../start-on-node.ts';
import { alarm, endAlarm } from './alarms.ts';
import { makesWay, outOfTrouble } from './judge-degraded.ts';
import type { Watch } from './state.ts';

const HOUR = 3_600_000;
/** Many nodes at once, of the whole fleet: one message, and a cool-down afterwards. */
const STORMS = ['share', 'allStale', 'cliff'];
/** What is looked at for an admission only. */
const OWN_SIGHT = ['control', 'references'] as const;

export async function judgeFailed(w: Watch): Promise<void> {
  w.held.clear();
  for (const [node, suspicion] of w.failed) {
    if (w.open.has(node)) continue;
    if (await makesWay(w, node, suspicion)) continue;
    const verdict = judgeGates(
      gateInput(w, suspicion.node, { verdict: 'failed', byHand: false, force: false, orphan: false }),
    );
    if (verdict.kind === 'pass' || verdict.kind === 'ask') await startRecovery(w, node, {});
    else await hold(w, node, verdict);
  }
  const holds = (gates: readonly string[]): boolean =>
    [...w.held.values()].some((why) => gates.some((gate) => why.startsWith(`${gate}:`)));
  if (!holds(STORMS)) await calm(w);
  if (!holds(['domain'])) await endAlarm(w, 'domain', 'no failure domain has more nodes down than its limit');
  // What only an admission sees is over with the next one that sees it so, or when nobody asks any more.
  if (w.open.size === 0) for (const gate of OWN_SIGHT) await endAlarm(w, gate, 'no recovery waits for it');
  w.wakeInMs = nextWake(w);
}

/** A storm is over: what is still failed some time later is so by evidence of after it. */
async function calm(w: Watch): Promise<void> {
  if (!w.alarms.has('storm')) return;
  w.calmSince = new Date().toISOString();
  await endAlarm(w, 'storm', 'the number of failed nodes is within the limits');
}

export const isCooling = (w: Watch): boolean =>
  w.alarms.has('storm') ||
  (w.calmSince !== null && Date.now() - Date.parse(w.calmSince) < (w.config.policy.timings.coolDownMs ?? 0));

/** While something waits it is judged again, on fresh evidence: soon, then less often. */
function nextWake(w: Watch): number | null {
  const t = w.config.policy.timings;
  if (w.lastWholeCount === 0 || w.open.size > 0) return t.judgeAgainMs;
  if (w.held.size === 0) return null;
  return Math.min(t.judgeAgainMaxMs, w.wakeInMs === null ? t.judgeAgainMs : w.wakeInMs * 2);
}

/** An admission has looked at Nova's own services and at our own network: the admins hear once where these hold everything back. */
export async function noteSight(w: Watch, sight: Pick<GateInput['sight'], 'control' | 'references'>): Promise<void> {
  for (const gate of OWN_SIGHT) {
    const trouble = sight[gate];
    if (trouble) await alarm(w, gate, `nothing is fenced: ${trouble}`);
    else if (trouble !== undefined) await endAlarm(w, gate);
  }
}

async function hold(w: Watch, node: string, verdict: Exclude<GateVerdict, { kind: 'pass' }>): Promise<void> {
  w.held.set(node, `${verdict.gate}: ${verdict.why}`);
  // One message for a storm, however many nodes; one per node for what is its own.
  if (STORMS.includes(verdict.gate)) await alarm(w, 'storm', `nothing is fenced: ${verdict.why}`);
  else if (verdict.gate === 'domain') await alarm(w, 'domain', `${node} is not fenced: ${verdict.why}`);
  else if (verdict.gate === 'observe')
    await alarm(w, `observe:${node}`, `${node} is failed; in mode confirm or auto Lifeboat would recover it now`);
  else if (verdict.gate === 'stoodDown')
    await alarm(
      w,
      `stoodDown:${node}`,
      `${node} is failed and not recovered: ${verdict.why}. Start by hand with: npm run start-recovery -- ${node}`,
    );
  else if (verdict.gate === 'flapping')
    await alarm(w, `flapping:${node}`, `${node} is failed and not recovered: ${verdict.why}`);
  else if (verdict.gate === 'carries' || verdict.gate === 'excluded')
    await alarm(w, `${verdict.gate}:${node}`, `${node} is failed and left alone: ${verdict.why}`);
}

/** Everything a gate looks at, from what the watch knows now. */
export function gateInput(
  w: Watch,
  node: GateInput['node'],
  about: Pick<GateInput, 'verdict' | 'byHand' | 'force' | 'orphan'>,
  sight: GateInput['sight'] | null = w.sight,
): GateInput {
  const now = Date.now();
  return {
    policy: w.config.policy,
    node,
    mark: readMarker(node.disabledReason),
    returning: isReturning(node),
    paused: w.paused,
    stoodDown: w.standDowns.get(node.host)?.reason ?? null,
    sight: togetherWith(w.sight, sight) ?? { whole: false, trouble: 'no sweep yet', nodes: 0, failed: [], ours: [] },
    othersOpen: [...w.open.values()].filter((o) => o.grantedAt !== null && o.node !== node.host).length,
    maintenance: w.maintenance.get(node.host) ?? null,
    override: w.override !== null,
    flaps: flapsOf(w, node.host),
    cooling: isCooling(w),
    grantsLastHour: w.grants.filter((g) => g.node !== node.host && now - Date.parse(g.at) < HOUR).length,
    upMs: now - Date.parse(w.startedAt),
    ...about,
  };
}

/** Who looks anew may not know the ages that the sweep knows: of what needs them the worse of the two counts. */
function togetherWith(swept: GateInput['sight'] | null, seen: GateInput['sight'] | null): GateInput['sight'] | null {
  if (!swept || !seen || swept === seen) return seen;
  const lost = Math.max(swept.lost ?? 0, seen.lost ?? 0);
  const stale = [swept.stale ?? [], seen.stale ?? []].sort((a, b) => b.length - a.length)[0]!;
  return { ...seen, lost, stale };
}

/** How often it went down within the hour: seen to come back, or recovered by a run before this one. One that was both is counted once. */
export function flapsOf(w: Watch, node: string): number {
  const recent = (at: string): boolean => Date.now() - Date.parse(at) < HOUR;
  const returns = (w.returns.get(node) ?? []).filter(recent).length;
  const asking = w.open.get(node)?.runId;
  const recoveries = w.grants.filter((g) => g.node === node && g.runId !== asking && recent(g.at)).length;
  return Math.max(returns, recoveries);
}

export function cameBack(w: Watch, node: string): void {
  const recent = (w.returns.get(node) ?? []).filter((at) => Date.now() - Date.parse(at) < HOUR);
  w.returns.set(node, [...recent, new Date().toISOString()].slice(-10));
}

/** A run has ended: what the watch believed of its node is seen anew, so that no old evidence starts another. */
export function closed(w: Watch, node: string, runId: string): void {
  if (w.drains.get(node)?.runId === runId) w.drains.delete(node);
  if (w.open.get(node)?.runId !== runId) return;
  w.open.delete(node);
  // A stand-down waits for the node to be seen alive: the sweep tells that only of what it is known to have failed.
  if (w.standDowns.has(node)) return;
  w.failed.delete(node);
  w.known.delete(`failed:${node}`);
}

/** The node is alive again, or its verdict is gone: a later failure is a new one. */
export async function forget(w: Watch, node: string, verdict: Verdict): Promise<void> {
  if (lives(verdict) && w.failed.has(node)) cameBack(w, node);
  w.failed.delete(node);
  w.held.delete(node);
  // A stand-down ends when the node was seen alive, not when it only went out of sight.
  if (lives(verdict)) w.standDowns.delete(node);
  if (verdict !== 'degraded') await outOfTrouble(w, node, verdict);
  for (const kind of ['failed', 'settled', 'notOurs', 'orphan']) w.known.delete(`${kind}:${node}`);
  // A row that somebody holds, or that we marked, is no sign of life (S4).
  const over = lives(verdict) ? `${node} is alive again` : `${node} is held, marked by a recovery or not listed now`;
  for (const kind of ['observe', 'carries', 'excluded', 'notOurs', 'stoodDown', 'flapping'])
    await endAlarm(w, `${kind}:${node}`, over);
}

/** Our marker, no outcome, no open run: the run was terminated or its history lost. It is taken up again. */
export async function startOrphan(w: Watch, node: string): Promise<void> {
  if (w.open.has(node)) return;
  await startRecovery(w, node, {
    orphan: true,
    reason: 'an earlier run of this node is gone; its evacuations are taken up',
  });
}

async function startRecovery(w: Watch, node: string, more: Partial<RecoverInput>): Promise<void> {
  const workflowId = nodeWorkflowId(w.cloud, node);
  w.returnsHome.delete(node);
  const input: RecoverInput = { node, cloud: w.cloud, automatic: true, by: 'the monitor', ...more };
  const child = await startOnNode(WORKFLOW_TYPES.recover, workflowId, input, `recovers ${node}`);
  // Another operation on the node (by hand, or a readmission): it is looked at again at the next wake.
  if (child === null) w.held.set(node, 'busy: another operation on this node is open');
  else
    w.open.set(node, { node, workflowId, runId: child.firstExecutionRunId, grantedAt: null, width: 0, byHand: false });
}
