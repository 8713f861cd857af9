// Waiting for the end of a memory dump, in whichever fencing worker: each hears by itself, and is told when another one heard it last.
import { Context, activityInfo } from '@temporalio/activity';
import { beating } from '../monitoring/beating.ts';
import type { Clock } from '../monitoring/clock.ts';
import type { DumpInput, DumpResult, FenceResult } from './contract.ts';
import type { Dumps } from './kdump.ts';

type Sight = Omit<Extract<FenceResult, { kind: 'dumping' }>, 'kind' | 'offSent'>;

/** What a fence is told of the node's dump; null: nothing was heard lately. */
export function sawDump(dumps: Dumps | null, { node, hostIp }: Pick<DumpInput, 'node' | 'hostIp'>): Sight | null {
  const heard = dumps?.heard(node, hostIp);
  if (!dumps || !heard) return null;
  const saw = `${node} writes its memory dump (heard from ${heard.from} ${seconds(heard.agoMs)} ago)`;
  Context.current().log.info(`${saw}; its power-off waits for ${seconds(dumps.waitMs)} at most`);
  return { saw, agoMs: heard.agoMs, silenceMs: dumps.silenceMs, waitMs: dumps.waitMs };
}

interface Waited {
  agoMs: number;
  waitedMs: number;
}

const LOOKS = 30;

/**
 * Returns at the end of the dump or of the wait, whichever is first; rejects when the signal fires. An attempt that another worker began is gone
 * on with: what happened between them counts as nothing.
 */
export async function awaitDumpEnd(dumps: Dumps | null, clock: Clock, input: DumpInput): Promise<DumpResult> {
  const { cancellationSignal: signal } = Context.current();
  const before = recall(activityInfo().heartbeatDetails) ?? { agoMs: input.agoMs, waitedMs: 0 };
  const startedAt = clock.now();
  let heardAt = startedAt - before.agoMs;
  const now = (): Waited => ({
    agoMs: clock.now() - heardAt,
    waitedMs: before.waitedMs + clock.now() - startedAt,
  });
  const pulse = beating(clock, now);
  try {
    for (;;) {
      const heard = dumps?.heard(input.node, input.hostIp);
      if (heard) heardAt = Math.max(heardAt, clock.now() - heard.agoMs);
      const { agoMs, waitedMs } = now();
      if (agoMs >= input.silenceMs) return { ended: true, saw: `nothing was heard for ${seconds(agoMs)}` };
      if (waitedMs >= input.leftMs) return { ended: false, saw: `heard ${seconds(agoMs)} ago` };
      await clock.sleep(Math.max(1, Math.min(input.silenceMs / LOOKS, input.leftMs - waitedMs)), signal);
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    pulse.stop();
  }
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

function recall(details: unknown): Waited | null {
  return typeof details === 'object' && details !== null && 'waitedMs' in details ? (details as Waited) : null;
}
