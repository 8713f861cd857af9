// A run that answers `mayPost` and waits for one activity, which asks it.
import { proxyActivities, setHandler } from '@temporalio/workflow';
import { mayPostQuery } from '../../../workflows/verbs.ts';

interface Asking {
  askTwice(instance: string): Promise<{ mine: Answer; older: Answer }>;
}
interface Answer {
  ok: boolean;
  why: string;
}

export async function askingRun(instance: string): Promise<{ mine: Answer; older: Answer }> {
  setHandler(mayPostQuery, (q) => ({ ok: q.instance === 'id-web', why: 'the run does not move it now' }));
  const retry = { initialInterval: 50, backoffCoefficient: 1 };
  const { askTwice } = proxyActivities<Asking>({ startToCloseTimeout: '20s', retry });
  return askTwice(instance);
}
