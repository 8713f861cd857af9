// One recovery, and one blow in its middle. The data centre must not be able to tell it from a quiet one: one request per instance,
// one Message-ID per mail, everybody back.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { startDevServer } from '../../scripts/temporal-server.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { lookout } from '../support/lookout.ts';
import { audit, tellFindings } from '../world/audit.ts';
import type { Entry } from '../world/log.ts';
import type { World } from '../world/world.ts';
import {
  ADMIN,
  beginWatch,
  ended,
  hears,
  NODE,
  result,
  setUp,
  startWorker,
  tearDown,
  typesOf,
  type Stage,
} from './crash-stage.ts';
import type { Loss } from './losses.ts';

export const BLOWS = ['kill -9 of the worker', 'SIGSTOP of the worker', 'kill -9 of the server'] as const;
export type Blow = (typeof BLOWS)[number];
export type Moment = 'before' | 'after';

export interface Point {
  type: string;
  moment: Moment;
}

/** The moment after the effect and before its completion, as the data centre sees it. Others are held as they return. */
const EFFECTS: Record<string, (e: Entry, log: readonly Entry[]) => boolean> = {
  fenceLevel: (e) => e.kind === 'power-command',
  markNode: (e) => e.kind === 'service' && e.by === 'lifeboat',
  evacuateInstance: (e) => e.kind === 'evacuate',
  liftLocks: (e) => e.kind === 'lock' && !e.locked,
  deliverNotice: (e) => e.kind === 'mail',
  guardNode: (e, log) => e.kind === 'power-read' && log.some((x) => x.kind === 'evacuate'),
  sweepFleet: (e) => e.kind === 'call' && e.service === 'nova' && /os-services/.test(e.path),
};

/** After a crash another worker guards within a heartbeat's time limit; a machine that hangs holds its polls for longer. */
const GUARD_MS: Record<Blow | 'none', number> = {
  none: 3_000,
  'kill -9 of the worker': 9_000,
  'kill -9 of the server': 9_000,
  'SIGSTOP of the worker': 45_000,
};

/** What a killed worker left on its way may meet what the next one sends, where both say the same and neither starts anything. */
const SAME_TWICE = /: unlock and unlock are in flight at once$/;

export interface Told {
  report: RecoveryReport;
  /** Every type of activity that the recovery, its notices and the watch scheduled. */
  types: string[];
  seconds: number;
}

/** Tells a recovery with a blow at a point; null: undisturbed. Throws with every breach of an invariant. */
export async function tellCrash(point: Point | null, blow: Blow | null): Promise<Told> {
  const effect = point?.moment === 'after' ? EFFECTS[point.type] : undefined;
  const gate = point && !effect ? `${point.moment}:${point.type}` : 'none';
  const stage = await setUp();
  return tell(stage, blow, gate, (first) =>
    gate === 'none' ? (effect ? seen(stage.world, effect) : null) : hears(first, 'reached'),
  );
}

/** Tells a recovery in which replies are lost or late, with a blow as soon as all of them are; null: without any. */
export async function tellLoss(loss: Loss, blow: Blow | null): Promise<Told> {
  const stage = await setUp({ instances: 40, spawnMs: 3_000, evacuation: { perNode: 10 } });
  const lost = loss.lose(stage.world);
  const told = await tell(stage, blow, 'none', () => lost.all);
  // Where nothing was lost the story has shown nothing.
  const count = lost.count();
  if (count < loss.times) throw new Error(`${loss.name}: only ${count} of ${loss.times} replies were lost`);
  return told;
}

/** `moment` is asked once a worker polls, and resolves when the blow shall fall. */
async function tell(
  stage: Stage,
  blow: Blow | null,
  gate: string,
  moment: (first: ChildProcess) => Promise<void> | null,
): Promise<Told> {
  try {
    const started = performance.now();
    const first = await startWorker(stage, gate);
    await beginWatch(stage);
    const reached = moment(first);
    reached?.catch(() => undefined);
    await lookout(stage.world);
    const struck = reached && blow ? strike(stage, first, blow, reached) : null;
    // A gate that is never reached must not look like a story that went well.
    struck?.catch(() => undefined);
    await stage.world.crash(NODE);
    const report = await result(stage);
    await struck;
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    judge(stage.world, report, blow);
    return { report, types: await typesOf(stage), seconds };
  } finally {
    await tearDown(stage);
  }
}

/** The promise is resolved inside the data centre's own step: nothing was answered yet. */
function seen(world: World, effect: (e: Entry, log: readonly Entry[]) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const end = world.log.on((entry) => {
      if (!effect(entry, world.log.entries)) return;
      end();
      resolve();
    });
  });
}

async function strike(stage: Stage, worker: ChildProcess, blow: Blow, moment: Promise<void>): Promise<void> {
  await moment;
  if (blow === 'kill -9 of the server') {
    const port = Number(stage.server.address.split(':')[1]);
    await stage.server.kill9();
    stage.server = await startDevServer({ ui: false, db: join(stage.dir, 'temporal.db'), port });
    worker.send('go');
    return;
  }
  worker.kill(blow === 'kill -9 of the worker' ? 'SIGKILL' : 'SIGSTOP');
  stage.world.log.add({ kind: 'note', what: 'blow', text: blow });
  await startWorker(stage);
  if (blow !== 'SIGSTOP of the worker') return;
  // What hung wakes up after the others did its work: it must do no harm then, and ends in order.
  await ended(stage);
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGCONT');
  worker.send('go');
  worker.send('stop');
  await gone;
}

function judge(world: World, report: RecoveryReport, blow: Blow | null): void {
  const wrong: string[] = [];
  if (report.outcome !== 'recovered') wrong.push(`the run ended as ${report.outcome}: ${report.reason}`);
  const posts = new Map<string, number>();
  for (const e of world.log.of('evacuate')) posts.set(e.instance, (posts.get(e.instance) ?? 0) + 1);
  for (const i of report.instances)
    if (posts.get(i.id) !== 1) wrong.push(`${i.name} was asked for ${posts.get(i.id) ?? 0} times`);
  if (report.instances.length === 0) wrong.push('no instance was on the node');
  const found = audit(world, {
    admins: [ADMIN],
    ended: true,
    runs: [{ node: report.node, instances: report.instances }],
    guardMs: GUARD_MS[blow ?? 'none'],
  });
  const findings = found.filter((f) => !SAME_TWICE.test(f.what));
  if (findings.length > 0) wrong.push(tellFindings(findings));
  if (wrong.length > 0) throw new Error(`the data centre noticed:\n${wrong.join('\n')}`);
}
