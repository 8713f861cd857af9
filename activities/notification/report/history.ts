// What only the history of a run knows: who asked, each try on a level and on an instance with its times, and whom it told. Pure.
import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { EvacuateInput, EvacuateResult } from '../../evacuation/contract.ts';
import type { FenceInput, FenceResult } from '../../fencing/contract.ts';
import type { Admission, Notice, RecoverInput } from '../../../workflows/contract.ts';
import type { Attempt } from './document.ts';

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];
type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

export interface Facts {
  input: RecoverInput | null;
  /** Of the last grant. */
  lastSignAt: string | null;
  fences: (Attempt & { level: string })[];
  /** By instance. */
  moves: Map<string, Attempt[]>;
  notices: { workflowId: string; runId: string | null; at: string; notice: Notice }[];
  /** When its last event was written. */
  endedAt: string;
}

interface Activity {
  name: string;
  input: unknown;
  from: string;
  to: string | null;
  result: unknown;
  /** It broke, timed out or was cancelled. */
  broke: string | null;
}

export function factsOf(history: History): Facts {
  const events = history.events ?? [];
  const activities = [...activitiesOf(events).values()];
  const started = events.find(
    (e) => e.workflowExecutionStartedEventAttributes,
  )?.workflowExecutionStartedEventAttributes;
  const moves = new Map<string, Attempt[]>();
  for (const a of activities.filter((one) => one.name === 'evacuateInstance')) {
    const { id } = (a.input as EvacuateInput).instance;
    moves.set(id, [...(moves.get(id) ?? []), moveOf(a)]);
  }
  return {
    input: (read(started?.input?.payloads?.[0]) as RecoverInput | undefined) ?? null,
    lastSignAt: lastSign(activities),
    fences: activities.filter((a) => a.name === 'fenceLevel').map(fenceOf),
    moves,
    notices: noticesOf(events),
    endedAt: at(events.at(-1)),
  };
}

function at(event: HistoryEvent | undefined): string {
  const { seconds, nanos } = event?.eventTime ?? {};
  return new Date(Number(String(seconds ?? 0)) * 1_000 + (nanos ?? 0) / 1e6).toISOString();
}

/** Undefined where it is none of ours: a later release's, or encrypted by a proxy. */
function read(payload: Payload | null | undefined): unknown {
  try {
    return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
  } catch {
    return undefined;
  }
}

function activitiesOf(events: readonly HistoryEvent[]): Map<string, Activity> {
  const found = new Map<string, Activity>();
  for (const e of events) {
    const scheduled = e.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const [name, input] = [scheduled.activityType?.name ?? '', read(scheduled.input?.payloads?.[0])];
      if (input !== undefined)
        found.set(String(e.eventId), { name, input, from: at(e), to: null, result: undefined, broke: null });
      continue;
    }
    const done = e.activityTaskCompletedEventAttributes;
    const failed = e.activityTaskFailedEventAttributes ?? e.activityTaskTimedOutEventAttributes;
    const closed = done ?? failed ?? e.activityTaskCanceledEventAttributes;
    const activity = closed && found.get(String(closed.scheduledEventId));
    if (!activity) continue;
    activity.to = at(e);
    if (done) activity.result = read(done.result?.payloads?.[0]);
    else activity.broke = failed?.failure?.cause?.message || failed?.failure?.message || 'cancelled';
  }
  return found;
}

/** The node had been silent for so long when the watch granted it. */
function lastSign(activities: readonly Activity[]): string | null {
  const grants = activities
    .filter((a) => a.name === 'askAdmission')
    .map((a) => a.result as Admission | undefined)
    .flatMap((answer) => (answer?.kind === 'granted' ? [answer.grant] : []));
  const first = grants[0];
  return first ? new Date(Date.parse(first.at) - first.silentMs).toISOString() : null;
}

const open = { ended: 'under way', why: '' };

function fenceOf(a: Activity): Attempt & { level: string } {
  const { level } = a.input as FenceInput;
  const times = { level, from: a.from, to: a.to };
  if (a.broke !== null) return { ...times, ended: 'broke', why: a.broke };
  const r = a.result as FenceResult | undefined;
  return { ...times, ...(r ? { ended: r.kind, why: whyFence(r) } : open) };
}

function whyFence(r: FenceResult): string {
  switch (r.kind) {
    case 'proven':
      return r.proof.witness;
    case 'unproven':
      return [r.why, ...r.devices.map((d) => `${d.label} ${d.power}: ${d.detail}`)].filter(Boolean).join('; ');
    case 'alive':
    case 'contradiction':
    case 'dumping':
    case 'markGone':
      return r.saw;
    case 'forbidden':
      return r.why;
  }
}

function moveOf(a: Activity): Attempt {
  const times = { from: a.from, to: a.to };
  if (a.broke !== null) return { ...times, ended: 'broke', why: a.broke };
  const r = a.result as EvacuateResult | undefined;
  if (!r) return { ...times, ...open };
  const why = r.kind === 'recovered' ? `on ${r.host}` : 'why' in r ? r.why : r.reason;
  return { ...times, ended: r.kind, why };
}

function noticesOf(events: readonly HistoryEvent[]): Facts['notices'] {
  const started = new Map(
    events.flatMap((e) => {
      const execution = e.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
      return execution ? [[execution.workflowId, execution.runId ?? null] as const] : [];
    }),
  );
  return events.flatMap((e) => {
    const child = e.startChildWorkflowExecutionInitiatedEventAttributes;
    const notice = read(child?.input?.payloads?.[0]) as Notice | undefined;
    if (!child?.workflowId || child.workflowType?.name !== 'tellPeople' || !notice) return [];
    return [{ workflowId: child.workflowId, runId: started.get(child.workflowId) ?? null, at: at(e), notice }];
  });
}
