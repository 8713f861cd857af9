// A run that answers `mayFence` and counts what the guard tells, until it is told to end.
import { condition, defineQuery, defineSignal, setHandler } from '@temporalio/workflow';
import { guardSawSignal, mayFenceQuery } from '../../../workflows/verbs.ts';

export const endSignal = defineSignal('end');
export const seenQuery = defineQuery<string[]>('seen');

export async function askedRun(): Promise<void> {
  const seen: string[] = [];
  let over = false;
  setHandler(mayFenceQuery, ({ level }) =>
    level === 'bmc' ? { ok: true, why: '' } : { ok: false, why: 'paused by ann' },
  );
  setHandler(guardSawSignal, ({ epoch, seeing }) => void seen.push(`${epoch} ${seeing}`));
  setHandler(seenQuery, () => seen);
  setHandler(endSignal, () => {
    over = true;
  });
  await condition(() => over);
}
