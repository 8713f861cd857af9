// Where an act is played: the data centre, Lifeboat, the voice, and a clock that begins with the failure.
import { setTimeout as sleep } from 'node:timers/promises';
import { audit, type Finding } from '../../test/world/audit.ts';
import type { World } from '../../test/world/world.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { paint } from '../cli/print.ts';
import { ADMIN, type Lifeboat } from './lifeboat.ts';
import type { Voice, Who } from './voice.ts';

/** A moment on both clocks: milliseconds of the data centre's log, and since the epoch as Lifeboat's reports have it. */
export interface Moment {
  logMs: number;
  epochMs: number;
}

export interface Stage {
  world: World;
  lifeboat: Lifeboat;
  voice: Voice;
  signal: AbortSignal;
  /** The failure of this act; null before it. */
  failure: Moment | null;
  /** Something fails now: the clock begins. */
  begin(): Moment;
  /** A line with the clock; `at` is a moment of the data centre's log, now without it. */
  tell(who: Who, text: string, colour?: Parameters<typeof paint>[1], at?: number): void;
  /**
   * Asks every 200 ms until the answer is truthy. Errors of a question count as no answer. Rejects after `seconds` (real ones),
   * at once after Ctrl-C or when no worker is left.
   */
  until<T>(what: string, seconds: number, ask: () => T | Promise<T>): Promise<NonNullable<T>>;
}

export interface Act {
  name: string;
  title: string;
  /** Plays it to its end: everything is observed. Rejects when something that must come does not come. */
  play(stage: Stage): Promise<Played>;
}

export interface Played {
  /** Null where nothing was to be recovered. */
  node: string | null;
  failure: Moment;
  report: RecoveryReport | null;
  /** Seconds since the failure. */
  stages: Record<string, number>;
}

const EVERY_MS = 200;

export function openStage(world: World, lifeboat: Lifeboat, voice: Voice, signal: AbortSignal): Stage {
  const gone = new Set<string>();
  const stage: Stage = {
    world,
    lifeboat,
    voice,
    signal,
    failure: null,
    begin: () => (stage.failure = { logMs: world.log.now(), epochMs: Date.now() }),
    tell: (who, text, colour, at = world.log.now()) => voice.tell(at - (stage.failure?.logMs ?? at), who, text, colour),
    async until(what, seconds, ask) {
      const deadline = performance.now() + seconds * 1_000;
      let last = '';
      for (;;) {
        last = '';
        signal.throwIfAborted();
        if (gone.size === lifeboat.workers.length) throw new Error(`wait until ${what}: no worker is left`);
        const answer = await Promise.resolve()
          .then(ask)
          .catch((error: unknown) => void (last = String(error instanceof Error ? error.message : error)));
        if (answer) return answer as never;
        if (performance.now() > deadline)
          throw new Error(`wait until ${what}: not within ${Math.round(seconds)} s${last && ` (${last})`}`);
        await sleep(EVERY_MS, undefined, { signal });
      }
    },
  };
  for (const worker of lifeboat.workers)
    void worker.ended.then((how) => {
      gone.add(worker.name);
      if (!signal.aborted) stage.tell('demo', `${worker.name} (pid ${worker.pid}) has ended: ${how}`, 'red');
    });
  void lifeboat.server.ended.then(() => {
    if (!signal.aborted) stage.tell('demo', 'the Temporal server has ended', 'red');
  });
  return stage;
}

/** The acts in which a node was recovered. */
export const recoveries = <T extends Played>(played: T[]): (T & { node: string; report: RecoveryReport })[] =>
  played.filter((p): p is T & { node: string; report: RecoveryReport } => p.node !== null && p.report !== null);

/** Judged by the data centre's own log, never by what Lifeboat says; the accounts of its reports are held against that log. */
export function judge({ world, lifeboat }: Stage, played: Played[]): Finding[] {
  // Not `perDestination`: where Nova's scheduler chooses it bounds all destinations together, and Nova may send five to one.
  const { perNode, overall } = lifeboat.config.policy.evacuation;
  return audit(world, {
    admins: [ADMIN],
    ended: true,
    limits: { perNode, overall },
    atOnce: lifeboat.config.policy.limits.atOnce,
    maxNodesFenced: recoveries(played).length,
    runs: recoveries(played).map(({ node, failure, report }) => ({
      node,
      instances: report.instances,
      since: failure.logMs,
    })),
  });
}
