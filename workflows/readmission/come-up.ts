// From off to healthy: power, nova-compute, forced_down, and a while of looking. Each step looks before it acts.
import { sleep, workflowInfo } from '@temporalio/workflow';
import { disabledBefore, marker, RETURNING } from '../contract.ts';
import type { NodeView } from '../domain.ts';
import { brief } from '../proxies.ts';
import { Halt, poll, readRow, step, type Way } from './way.ts';

export async function powerOn(way: Way): Promise<void> {
  const { fencing } = brief(way.cloud);
  const power = await fencing.readPower.executeWithOptions({ summary: 'is it on?' }, [way.node]);
  if (power.length > 0 && power.every((p) => p.power === 'on')) return;
  step(way, 'switches it on');
  const r = await fencing.powerOn.executeWithOptions({ summary: `power on ${way.node}` }, [
    { node: way.node, timings: way.timings },
  ]);
  if (!r.ok)
    throw new Halt(
      'gaveUp',
      `${way.node} could not be switched on: ${r.detail}. Where its hardware is dead and nothing is left on it: openstack compute service delete <id>`,
    );
}

/** While it is forced down, Nova's `state` hides its return; `updated_at` does not. */
export async function untilReports(way: Way, before: NodeView): Promise<void> {
  step(way, 'waits for its nova-compute to start');
  if (!before.forcedDown && before.state === 'up') return;
  let last = before.updatedAt;
  let moves = 0;
  const row = await poll(way, way.timings.bootMs, ({ updatedAt }) => {
    if (updatedAt !== last) moves += 1;
    last = updatedAt;
    return moves >= 2;
  });
  if (!row)
    throw new Halt(
      'gaveUp',
      `nova-compute of ${way.node} did not start within ${Math.round(way.timings.bootMs / 1000)} s; it stays disabled`,
    );
}

/** Nova refuses with 400 until nova-compute has cleaned up what was evacuated. */
export async function unforce(way: Way): Promise<void> {
  step(way, 'waits for its nova-compute to clean up, then lifts forced_down');
  const row = await readRow(way);
  // From here on it may fail anew, and the watch may recover it: the marker says so.
  const mark = marker(workflowInfo().runId, RETURNING, disabledBefore(row));
  const end = Date.now() + way.timings.bootMs;
  for (;;) {
    const r = await brief(way.cloud).openstack.unforce.executeWithOptions(
      { summary: `lift forced_down of ${way.node}` },
      [{ serviceId: row.serviceId, marker: mark }],
    );
    if (r.ok) return;
    if (Date.now() >= end) throw new Halt('gaveUp', `Nova does not lift forced_down of ${way.node}: ${r.why}`);
    await sleep(2 * way.timings.guardEveryMs, { summary: `Nova: ${r.why}`.slice(0, 180) });
  }
}

export async function untilHealthy(way: Way): Promise<void> {
  step(way, `watches whether it stays up for ${Math.round(way.timings.healthyBeforeEnableMs / 1000)} s`);
  if (!(await poll(way, way.timings.bootMs, (r) => r.state === 'up')))
    throw new Halt('failedAgain', `${way.node} did not come up`);
  const end = Date.now() + way.timings.healthyBeforeEnableMs;
  while (Date.now() < end) {
    await sleep(2 * way.timings.guardEveryMs, { summary: way.doing });
    const row = await readRow(way);
    if (row.state !== 'up')
      throw new Halt(
        'failedAgain',
        `${way.node} went down again while it was readmitted; it stays disabled, and is recovered anew once its monitors agree`,
      );
  }
}
