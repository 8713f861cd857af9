// What the admins are told of the fleet as a whole: once when it begins, once when it is over.
import { workflowInfo } from '@temporalio/workflow';
import { sendNotice } from '../recovery/tell.ts';
import { heldBack, resumeGathering } from './gather.ts';
import type { Watch } from './state.ts';

/** One message per key until `endAlarm`. */
export async function alarm(w: Watch, key: string, headline: string, lines?: readonly string[]): Promise<void> {
  if (w.alarms.has(key)) return;
  w.alarms.set(key, new Date().toISOString());
  await send(w, key, headline, false, lines);
}

/** More of what is told already: another message, and for a pager the same incident. */
export const alarmGoesOn = (w: Watch, key: string, headline: string, lines?: readonly string[]): Promise<void> =>
  send(w, key, headline, false, lines);

/** Says that it is over; nothing where it never began. */
export async function endAlarm(w: Watch, key: string, over = 'it is over'): Promise<void> {
  const since = w.alarms.get(key);
  if (since === undefined) return;
  w.alarms.delete(key);
  await send(w, key, `${key} since ${since}: ${over}`, true);
}

/** Said once, and never over: no incident, for which a pager would call somebody. */
export const notice = (w: Watch, key: string, headline: string): Promise<void> => send(w, key, headline, null);

async function send(
  w: Watch,
  about: string,
  headline: string,
  over: boolean | null,
  more: readonly string[] = [],
): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const key = over ? `${about}-over` : about;
  const held = heldBack(w, about, headline, sayGathered);
  const observedAt = new Date().toISOString();
  await sendNotice(workflowId, runId, `alarm-${key.replace(/[^\w.-]/g, '-')}-${Date.parse(observedAt)}`, {
    stage: 'alarm',
    audience: 'admins',
    cloud: w.cloud,
    node: null,
    key: `${runId}.alarm.${key}.${Date.parse(observedAt)}`,
    observedAt,
    since: null,
    headline,
    lines: [
      ...more,
      ...(w.sight
        ? [`${w.sight.nodes} nodes, ${w.sight.alive} alive, failed: ${w.sight.failed.join(', ') || 'none'}`]
        : []),
    ],
    question: null,
    tellNodeNames: true,
    instances: [],
    report: null,
    run: { workflowId, runId },
    incident: over === null ? null : { id: `${w.cloud}/alarm/${about}`, over },
    ...(held ? { only: 'pagers' as const } : {}),
  });
}

/** To people alone: pagers and programs had each of them at its time. */
async function sayGathered(w: Watch, headline: string, lines: string[]): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const observedAt = new Date().toISOString();
  const name = `alarm-gathered-${Date.parse(observedAt)}`;
  await sendNotice(workflowId, runId, name, {
    ...{ stage: 'alarm', audience: 'admins', cloud: w.cloud, node: null, key: `${runId}.${name}`, observedAt },
    ...{ since: null, headline, lines, question: null, tellNodeNames: true, instances: [], report: null },
    ...{ run: { workflowId, runId }, incident: null, only: 'people' },
  });
}

export const resumeGathered = (w: Watch): void => resumeGathering(w, sayGathered);
