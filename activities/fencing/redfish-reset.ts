// The Reset action of one Redfish system: where it is, whether it can do what is asked, and the task it may become.
import { setTimeout as sleep } from 'node:timers/promises';
import { at, pathOf, RedfishError } from './redfish-session.ts';
import type { Json, RedfishSession, Reply } from './redfish-session.ts';

const ACTION = '#ComputerSystem.Reset';
const ALLOWABLE = 'ResetType@Redfish.AllowableValues';
const TASK_EVERY_MS = 500;
const TASK_EVERY_MAX_MS = 2_000;

/**
 * The path to post the reset to. Rejects (RedfishError) where the system says that it cannot do this type:
 * a GracefulShutdown instead of a ForceOff is not fencing. Where it says nothing, it is tried.
 */
export async function resetTarget(session: RedfishSession, system: string, body: Json, type: string): Promise<string> {
  const action = at(body, 'Actions', ACTION);
  const target = pathOf(at(action, 'target')) ?? `${system}/Actions/ComputerSystem.Reset`;
  if (!target.startsWith(`${system}/`))
    throw new RedfishError('mismatch', `its reset is that of another system: ${session.quote(target)}`);
  const allowed = at(action, ALLOWABLE) ?? (await allowedByActionInfo(session, at(action, '@Redfish.ActionInfo')));
  if (Array.isArray(allowed) && !allowed.includes(type))
    throw new RedfishError('misconfigured', `it offers no ${type}, only ${session.quote(allowed.join(', '))}`);
  return target;
}

async function allowedByActionInfo(session: RedfishSession, told: unknown): Promise<unknown> {
  const path = pathOf(told);
  if (!path) return undefined;
  const { body } = await session.request('GET', path);
  const parameters: unknown = body?.['Parameters'];
  if (!Array.isArray(parameters)) return undefined;
  return at(
    parameters.find((parameter) => at(parameter, 'Name') === 'ResetType'),
    'AllowableValues',
  );
}

/** Polls a task monitor until the task is over; answers its last reply, a failed task as status 500. Until aborted. */
export async function pollTask(session: RedfishSession, monitor: string, signal: AbortSignal): Promise<Reply> {
  for (;;) {
    const reply = await session.request('GET', monitor);
    const state = at(reply.body, 'TaskState');
    if (['Exception', 'Killed', 'Cancelled', 'Interrupted'].includes(String(state))) return { ...reply, status: 500 };
    if (
      reply.status !== 202 &&
      !(reply.status === 200 && ['New', 'Starting', 'Running', 'Pending'].includes(String(state)))
    )
      return reply;
    const wait = Math.min(reply.retryAfterMs ?? TASK_EVERY_MS, TASK_EVERY_MAX_MS);
    await sleep(wait, undefined, { signal }).catch(() => {
      throw new RedfishError('timeout', 'its task did not end in time');
    });
  }
}

/** What an error body says, as it stands there. */
export function messageOf(body: Json | null): string {
  const extended: unknown = at(body, 'error', '@Message.ExtendedInfo');
  const first: unknown = Array.isArray(extended) ? extended[0] : extended;
  return String(at(first, 'Message') ?? at(body, 'error', 'message') ?? '');
}
