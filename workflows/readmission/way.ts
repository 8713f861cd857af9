// What one readmission knows, how it is shown, and how it ends early.
import { setCurrentDetails, sleep } from '@temporalio/workflow';
import type { ReadmitInput, ReadmitReport } from '../contract.ts';
import type { Timings } from '../defaults.ts';
import type { NodeView } from '../domain.ts';
import { brief } from '../proxies.ts';

export interface Way {
  input: ReadmitInput;
  cloud: string;
  node: string;
  timings: Timings;
  doing: string;
}

/** Thrown to end early; nothing is undone, because every step is safe to stand. */
export class Halt {
  readonly outcome: ReadmitReport['outcome'];
  readonly reason: string;
  constructor(outcome: ReadmitReport['outcome'], reason: string) {
    this.outcome = outcome;
    this.reason = reason;
  }
}

export function step(way: Way, doing: string): void {
  way.doing = doing;
  setCurrentDetails(`**${way.node}**: readmission asked by ${way.input.by} — ${doing}`);
}

export async function readRow(way: Way): Promise<NodeView> {
  const row = await brief(way.cloud).openstack.readService.executeWithOptions({ summary: `reads ${way.node}` }, [
    way.node,
  ]);
  if (!row) throw new Halt('refused', `there is no nova-compute service of ${way.node} any more`);
  return row;
}

/** Asks again and again until `done`, at most `limitMs`. */
export async function poll(way: Way, limitMs: number, done: (row: NodeView) => boolean): Promise<NodeView | null> {
  const end = Date.now() + limitMs;
  for (;;) {
    const row = await readRow(way);
    if (done(row)) return row;
    if (Date.now() >= end) return null;
    await sleep(2 * way.timings.guardEveryMs, { summary: way.doing });
  }
}
