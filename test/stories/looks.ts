// What a story asks of a run and of the data centre's log.
import { stateQuery } from '../../workflows/verbs.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { World } from '../world/world.ts';
import type { RunHandle } from './harness.ts';

/** The report once the run has ended; one that does not end is shown as it stands. */
export async function ends(run: RunHandle, timeoutMs: number): Promise<RecoveryReport> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), timeoutMs)));
  try {
    const report = await Promise.race([run.result(), late]);
    if (report) return report;
  } finally {
    clearTimeout(timer);
  }
  const state = await run.query(stateQuery);
  throw new Error(`${run.workflowId} has not ended after ${timeoutMs} ms: ${JSON.stringify(state, null, 1)}`);
}

/** How often Lifeboat has looked at the whole list of services. */
export const listings = (world: World): number =>
  world.log.of('call').filter((c) => c.by === 'lifeboat' && c.method === 'GET' && /os-services/.test(c.path)).length;

/** Calls of Lifeboat that change something. */
export function mutations(world: World): string[] {
  const nova = world.log
    .of('call')
    .filter(
      (c) => c.by === 'lifeboat' && !['GET', 'HEAD'].includes(c.method) && ['nova', 'placement'].includes(c.service),
    )
    .map((c) => `${c.method} ${c.path} ${c.action ?? ''}`);
  return [...nova, ...world.log.of('power-command').map((c) => `${c.reset} ${c.node}`)];
}
