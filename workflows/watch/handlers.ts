// What others say to the watch: runs ask for admission and give it back, monitor workers bring the policy, people pause.
import { log, setHandler } from '@temporalio/workflow';
import type { Admission, AdmissionRequest, OpenRun } from '../contract.ts';
import type { Verdict } from '../domain.ts';
import { grantedMode, judgeGates, matches, modeOf, type GateVerdict } from '../policy.ts';
import { brief } from '../proxies.ts';
import { checkWho } from '../refuse.ts';
import * as verbs from '../verbs.ts';
import { DESCRIPTIONS } from '../verbs.ts';
import { admitDrain } from './admit-drain.ts';
import { alarm, endAlarm } from './alarms.ts';
import { installDevices } from './devices.ts';
import { planReturn, resumeReturns } from './come-home.ts';
import { installExceptions } from './exceptions.ts';
import { cameBack, closed, gateInput, judgeFailed, noteSight } from './judge-failed.ts';
import { installDrill } from './drill-basis.ts';
import { installReserve } from './reserve.ts';
import { showWatch, watchState, type Watch } from './state.ts';
import { placeFreed, share, signalRun, widthKept } from './width.ts';

export function installWatchHandlers(w: Watch): void {
  // Admissions are answered one after the other: each sees the grants before it.
  let last: Promise<unknown> = Promise.resolve();
  const serial = <T>(f: () => Promise<T>): Promise<T> => {
    const next = last.then(f, f);
    last = next.catch(() => undefined);
    return next;
  };
  setHandler(verbs.watchStateQuery, () => watchState(w), { description: DESCRIPTIONS.watchStateQuery });
  setHandler(verbs.admitUpdate, (request) => serial(() => admit(w, request)), {
    description: DESCRIPTIONS.admitUpdate,
  });
  setHandler(verbs.releaseSignal, (r) => {
    if (r.standDown) w.standDowns.set(r.node, { at: new Date().toISOString(), reason: r.reason });
    closed(w, r.node, r.runId);
    if (!w.open.has(r.node)) w.reserves.delete(r.node);
    if (r.outcome === 'recovered') planReturn(w, r.node, r.runId);
    void placeFreed(w);
    showWatch(w);
  });
  setHandler(verbs.widthKeptSignal, (k) => widthKept(w, k));
  installConfigure(w);
  installPause(w);
  installExceptions(w);
  resumeReturns(w);
  installDevices(w);
  installReserve(w);
  installDrill(w);
}

async function admit(w: Watch, q: AdmissionRequest): Promise<Admission> {
  if (q.purpose === 'drain') return admitDrain(w, q);
  // A drain that has made way goes on as this run.
  w.drains.delete(q.node);
  const t = w.config.policy.timings;
  const before = w.open.get(q.node);
  if (before && before.runId !== q.runId) log.warn('a newer run of this node asks', { node: q.node });
  const mine: OpenRun = {
    node: q.node,
    workflowId: q.workflowId,
    runId: q.runId,
    grantedAt: null,
    width: 0,
    byHand: q.byHand,
  };
  w.open.set(q.node, before?.runId === q.runId ? before : mine);
  const suspicion = w.failed.get(q.node);
  const look = await brief(w.cloud).monitoring.lookAtFleet.executeWithOptions(
    { summary: `fresh evidence of ${q.node}` },
    [
      {
        policy: w.config.policy,
        unmoved: suspicion ? { [q.node]: suspicion.node.updatedAt } : {},
        closely: [q.node],
        lastWholeCount: w.lastWholeCount,
      },
    ],
  );
  if (!look.sight.whole)
    return {
      kind: 'wait',
      gate: 'sight',
      why: `the list of nodes is not whole: ${look.sight.trouble}`,
      againInMs: t.judgeAgainMs,
    };
  const seen = look.looks[q.node];
  if (!seen) return { kind: 'denied', gate: 'gone', why: `${q.node} is not in Nova's list of services any more` };
  if (q.serviceId && seen.node.serviceId !== q.serviceId)
    return { kind: 'denied', gate: 'uuid', why: `${q.node} has another service UUID now: it was rebuilt meanwhile` };
  const verdict = judgeGates(
    gateInput(w, seen.node, { verdict: seen.verdict, byHand: q.byHand, force: q.force, orphan: q.orphan }, look.sight),
  );
  const asking = w.open.get(q.node);
  if (asking) asking.waits = verdict.kind === 'wait' ? `${verdict.gate}: ${verdict.why}` : undefined;
  await noteSight(w, look.sight);
  if (verdict.kind !== 'pass' && verdict.gate === 'orphanAlive') await alarm(w, `orphanAlive:${q.node}`, verdict.why);
  if (verdict.kind === 'deny' && verdict.gate === 'alive' && !q.byHand) cameBack(w, q.node);
  if (verdict.kind === 'deny') return { kind: 'denied', gate: verdict.gate, why: verdict.why };
  if (verdict.kind === 'wait') return { kind: 'wait', gate: verdict.gate, why: verdict.why, againInMs: t.judgeAgainMs };
  return grant(w, q, seen, suspicion?.silentMs ?? 0, verdict);
}

function grant(
  w: Watch,
  q: AdmissionRequest,
  seen: {
    node: Parameters<typeof gateInput>[1];
    evidence: { channel: string; verdict: Verdict; saw: string; readAt: string }[];
  },
  silentMs: number,
  verdict: GateVerdict,
): Admission {
  const at = new Date().toISOString();
  const open = w.open.get(q.node);
  if (open) open.grantedAt = at;
  w.standDowns.delete(q.node);
  w.grants = w.grants.filter((g) => Date.parse(at) - Date.parse(g.at) < 3_600_000 && g.runId !== q.runId);
  w.grants.push({ node: q.node, runId: q.runId, at });
  // Nothing of it is in flight yet; its share is what the others are already down to.
  if (open) Object.assign(open, { width: 0, bound: 0 });
  void share(w, open);
  showWatch(w);
  return {
    kind: 'granted',
    grant: {
      policy: { ...w.config.policy, mode: grantedMode(w.config.policy, q.node, verdict) },
      ...(verdict.kind === 'ask' ? { asks: `${verdict.gate}: ${verdict.why}` } : {}),
      width: open?.width ?? 0,
      evidence: seen.evidence,
      node: seen.node,
      silentMs,
      at,
      searchAttributes: w.config.searchAttributes,
    },
  };
}

function installConfigure(w: Watch): void {
  setHandler(
    verbs.configureUpdate,
    async (c) => {
      const changed = c.policyHash !== w.config.policyHash;
      w.config = c;
      for (const k of [...w.known].filter((x) => x.startsWith('filesDiffer:'))) {
        w.known.delete(k);
        await endAlarm(w, k, `the configuration of ${c.configuredBy} is in force`);
      }
      if (changed)
        for (const o of [...w.open.values(), ...w.drains.values()]) {
          const carries = w.drains.get(o.node) === o ? [] : c.policy.carries;
          const excluded = matches([...c.policy.exclude, ...carries], o.node);
          await signalRun(w, o, (h) =>
            h.signal(verbs.policySignal, { mode: modeOf(c.policy, o.node), excluded, policyHash: c.policyHash }),
          );
        }
      showWatch(w);
      return changed ? 'the new configuration is in force' : 'unchanged';
    },
    { description: DESCRIPTIONS.configureUpdate },
  );
}

function installPause(w: Watch): void {
  setHandler(
    verbs.pauseWatchUpdate,
    async ({ by, reason }) => {
      const already = w.paused ? ` already by ${w.paused.by}` : '';
      w.paused ??= { by, reason: reason ?? '', at: new Date().toISOString() };
      showWatch(w);
      return `paused${already}: nothing new is fenced or evacuated.${await tellOpen(w, 'pause', by, reason ?? '')}`;
    },
    { description: DESCRIPTIONS.pauseWatchUpdate, validator: (x) => checkWho('pause', x) },
  );
  setHandler(
    verbs.resumeWatchUpdate,
    async ({ by, reason }) => {
      const was = w.paused;
      w.paused = null;
      showWatch(w);
      const told = await tellOpen(w, 'resume', by, reason ?? '');
      // What died meanwhile need not wait for the next look: its recovery reads fresh evidence anyway.
      await judgeFailed(w);
      return `${was ? `resumed (was paused by ${was.by})` : 'it was not paused'}.${told}`;
    },
    { description: DESCRIPTIONS.resumeWatchUpdate, validator: (x) => checkWho('resume', x) },
  );
}

/** Reaches every open run and answers when all have acknowledged. */
async function tellOpen(w: Watch, verb: 'pause' | 'resume', by: string, reason: string): Promise<string> {
  const runs = [...w.open.values(), ...w.drains.values()];
  if (runs.length === 0) return ' No recovery is open.';
  const said = await brief(w.cloud).monitoring.tellRuns.executeWithOptions({ summary: `${verb} ${runs.length} runs` }, [
    { verb, by, reason, workflowIds: runs.map((r) => r.workflowId) },
  ]);
  return said.map((s) => ` ${s.workflowId}: ${s.acknowledged ? s.answer : `NOT reached: ${s.answer}`}`).join('');
}
