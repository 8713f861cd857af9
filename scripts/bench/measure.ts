// What the data centre's own log and the run's report say of one recovery, as numbers.
import type { World } from '../../test/world/world.ts';
import { SERVICE_USER } from '../../test/world/people.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';

/** One evacuation: milliseconds of the data centre's log. */
export interface Move {
  /** Nova was asked. */
  postedAt: number;
  /** Nova was done. */
  doneAt: number;
  /** Lifeboat saw it settled. */
  settledAt: number;
}

/** Milliseconds since the loss of power, in their order. */
export interface Stages {
  /** The watch holds it for failed and starts the run. */
  seen: number;
  admitted: number;
  /** Proven off. */
  fenced: number;
  /** Disabled and forced down in Nova. */
  marked: number;
  firstPost: number;
  /** The last instance was seen settled. */
  settled: number;
  ended: number;
}

export interface Measured {
  node: string;
  moves: Move[];
  stages: Stages;
  /** Requests that Nova was sent. */
  tries: number;
  /** From the first POST to the last instance seen settled. */
  makespanMs: number;
  /** From the first POST to the end of the run. */
  lengthMs: number;
}

/** `failedAt`: of the log. `epoch`: the log's zero on the clock of the reports (one machine). Rejects a recovery that left one out. */
export function measure(
  { log }: Pick<World, 'log'>,
  failedAt: number,
  epoch: number,
  report: Pick<RecoveryReport, 'node' | 'instances' | 'stages' | 'startedAt' | 'endedAt'>,
): Measured {
  const { node, instances } = report;
  const asked = log.of('evacuate').filter((e) => e.source === node && e.by === SERVICE_USER.name);
  const isDone = log.of('record').filter((e) => e.source === node && e.status === 'done');
  const done = new Map(isDone.map((e) => [e.instance, e.at]));
  const moves = instances.map((i): Move => {
    const [post, doneAt] = [asked.findLast((e) => e.instance === i.id), done.get(i.id)];
    if (i.outcome !== 'recovered' || i.at === null || !post || doneAt === undefined)
      throw new Error(`recovery of ${node}: ${i.name} is ${i.outcome} (${i.reason})`);
    return { postedAt: post.at, doneAt, settledAt: Date.parse(i.at) - epoch };
  });
  const first = Math.min(...asked.map((e) => e.at));
  const last = Math.max(...moves.map((m) => m.settledAt));
  const started = Date.parse(report.startedAt) - epoch;
  const endedAt = Date.parse(report.endedAt) - epoch;
  const reached = (name: string): number => started + (report.stages[name] ?? 0) - failedAt;
  const marked = log.of('service').find((e) => e.node === node && e.by === SERVICE_USER.name && e.forcedDown);
  const stages = {
    seen: started - failedAt,
    admitted: reached('admitted'),
    fenced: reached('fenced'),
    marked: marked ? marked.at - failedAt : reached('marked'),
    firstPost: first - failedAt,
    settled: last - failedAt,
    ended: endedAt - failedAt,
  };
  return { node, moves, stages, tries: asked.length, makespanMs: last - first, lengthMs: endedAt - first };
}
