// One bulk look at a dead node's evacuation records per interval, shared by all its instances in this worker: the load on Nova
// does not grow with their number.
import type { MigrationRecord } from '../../workflows/domain.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Clock } from './clock.ts';
import { isOpen } from './records.ts';

const MIN_INTERVAL_MS = 200;
const MAX_INTERVAL_MS = 5_000;
/**
 * Nova's timestamps have whole seconds and are set before the commit, by clocks that differ a little. What comes later still is in the
 * next whole list.
 */
const OVERLAP_MS = 10_000;
/** An evacuation is looked at this many times while it runs: what the poll adds to it is small. */
const LOOKS = 15;
const REMEMBERED = 50;

export interface Watch {
  /** As of the last poll that worked. */
  records(instanceId: string): MigrationRecord[];
  /** Resolves when the next poll has ended, well or not; rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<void>;
  /** For how long this destination has been seen down (ms), or null. Forced down: Infinity. */
  downMs(host: string): number | null;
  /** An evacuation took so long: sets the pace. */
  took(ms: number): void;
  intervalMs(): number;
  leave(): void;
}

export interface Watches {
  /** Shares the node's watch, starting it with the first to come; it ends with the last to leave. */
  join(node: string, timings: Timings): Watch;
}

type Running = Omit<Watch, 'leave'> & { close(): void };

export function createWatches(openstack: OpenStack, clock: Clock): Watches {
  const running = new Map<string, { watch: Running; users: number }>();
  const durations = new Map<string, number[]>();
  return {
    join(node, timings) {
      const known = durations.get(node) ?? [];
      durations.set(node, known);
      const entry = running.get(node) ?? { watch: runWatch(node, timings, known, openstack, clock), users: 0 };
      running.set(node, entry);
      entry.users += 1;
      let left = false;
      return {
        ...entry.watch,
        leave() {
          if (left) return;
          left = true;
          entry.users -= 1;
          if (entry.users > 0) return;
          running.delete(node);
          entry.watch.close();
        },
      };
    },
  };
}

/**
 * clamp(median ÷ 15, 0.2 s, 5 s); before the first one is over, as if it were over now (`ageMs` since they began), and took a sixth of
 * the horizon (15 s by default) at most.
 */
export function intervalOf(
  durations: readonly number[],
  timings: Pick<Timings, 'horizonMs'>,
  ageMs = Infinity,
): number {
  const sorted = [...durations].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Math.min(ageMs, timings.horizonMs / 6);
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, median / LOOKS));
}

function runWatch(node: string, timings: Timings, durations: number[], openstack: OpenStack, clock: Clock): Running {
  const over = new AbortController();
  const waiting = new Set<() => void>();
  const down = destinations(openstack, clock, timings);
  let records = new Map<number, MigrationRecord>();
  let fullAt = -Infinity;
  let failures = 0;
  const begun = clock.ms();
  const intervalMs = (): number => intervalOf(durations, timings, clock.ms() - begun);
  void loop();
  return {
    records: (instanceId) => [...records.values()].filter((r) => r.instanceId === instanceId),
    turn: (signal) => nextTurn(waiting, signal),
    downMs: down.ms,
    took(ms) {
      durations.push(ms);
      if (durations.length > REMEMBERED) durations.shift();
    },
    intervalMs,
    close: () => over.abort(),
  };

  async function loop(): Promise<void> {
    while (!over.signal.aborted) {
      await poll().then(
        () => (failures = 0),
        () => (failures += 1),
      );
      for (const wake of [...waiting]) wake();
      // Nobody who waits for the records waits for this.
      const looked = down.look([...records.values()]);
      const backOff = Math.min(2 ** failures, 16) * (0.75 + Math.random() / 2) * intervalOf(durations, timings);
      const pauseMs = failures > 0 ? Math.min(backOff, 2 * MAX_INTERVAL_MS) : intervalMs();
      await clock.sleep(pauseMs, over.signal).catch(() => undefined);
      await looked;
    }
  }

  /** A poll that fails says nothing: what was known stays. */
  async function poll(): Promise<void> {
    // Nova filters changes-since by updated_at alone, which is null until the first change: a record that was only made
    // (`accepted`) is in no such answer. So the whole list is read from time to time.
    const since = clock.ms() - fullAt < timings.stuckMs / 20 ? changesSince(records.values()) : null;
    const begun = clock.ms();
    const list = await openstack.compute.migrations(
      { sourceCompute: node, type: 'evacuation', ...(since === null ? {} : { changesSince: since }) },
      { timeoutMs: timings.novaReadMs },
    );
    if (since === null) {
      records = new Map();
      fullAt = begun;
    }
    for (const r of list) records.set(r.id, r);
  }
}

function nextTurn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const done = (): void => {
      waiting.delete(done);
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = (): void => {
      waiting.delete(done);
      reject(signal.reason);
    };
    waiting.add(done);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** By Nova's own clock: the newest change we have seen, less an overlap. Null: nothing to measure from, read all. */
function changesSince(records: Iterable<MigrationRecord>): string | null {
  let newest = -Infinity;
  for (const r of records) newest = Math.max(newest, novaTime(r.updatedAt ?? r.createdAt));
  return Number.isFinite(newest) ? new Date(newest - OVERLAP_MS).toISOString() : null;
}

/** Nova writes UTC, with or without the Z. */
function novaTime(text: string): number {
  const t = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(t) ? -Infinity : t;
}

/** Do the destinations of open evacuations live? One list of services, at most every third of a read's time limit. */
function destinations(openstack: OpenStack, clock: Clock, timings: Timings) {
  const since = new Map<string, { at: number; forced: boolean }>();
  let lookedAt = -Infinity;
  return {
    ms(host: string): number | null {
      const seen = since.get(host);
      return seen === undefined ? null : seen.forced ? Infinity : clock.ms() - seen.at;
    },
    async look(records: MigrationRecord[]): Promise<void> {
      const hosts = new Set(records.filter(isOpen).flatMap((r) => r.destCompute ?? []));
      if (hosts.size === 0 || clock.ms() - lookedAt < timings.novaReadMs / 3) return;
      lookedAt = clock.ms();
      const nodes = await openstack.compute.services({ timeoutMs: timings.novaReadMs }).catch(() => null);
      for (const n of nodes ?? []) {
        if (!hosts.has(n.host) || (n.state === 'up' && !n.forcedDown)) since.delete(n.host);
        else if (n.state === 'down' || n.forcedDown)
          since.set(n.host, { at: since.get(n.host)?.at ?? clock.ms(), forced: n.forcedDown });
      }
    },
  };
}
