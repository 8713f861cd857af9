// The long-running activity that watches the whole fleet: one list call per interval, no history, until there is something that
// the watch does not know.
import { Context, activityInfo } from '@temporalio/activity';
import { setMaxListeners } from 'node:events';
import type { Finding, SweepCarry, SweepInput, SweepResult } from './contract.ts';
import { fromCarry, fromHeartbeat, toCarry, toHeartbeat } from './carry.ts';
import type { Clock } from './clock.ts';
import { closedRuns } from './closed-runs.ts';
import type { OpenRuns } from './closed-runs.ts';
import { findIn, keyOf, notOurs } from './findings.ts';
import { EMPTY_MEMORY, gapAfter, intervalOf } from './judge.ts';
import type { Memory } from './judge.ts';
import { beating } from './beating.ts';
import type { Pulse } from './beating.ts';
import { sweepMetrics } from './metrics.ts';
import { sweepOnce } from './sweep.ts';
import type { Eyes, Sweep } from './sweep.ts';

export interface SweepDeps extends Eyes {
  /** Hash of the policy in this worker's own file. */
  policyHash: string;
  /** The hash before a change of our own file that the watch was not told of yet: no difference. */
  before?: { hash: string | null };
  /** Our own configuration was replaced: the sweep ends, and the next one begins with the new channels. */
  replaced?: AbortSignal;
  /** Who we are, for `filesDiffer`. */
  worker: string;
  runs(): OpenRuns;
}

/** What a worker remembers between two sweep activities; ages of a moment long ago are forgotten, habits are not. */
export interface Recollection {
  memory: Memory;
  /** When its list was read. */
  atMs: number;
}

/**
 * Makes `sweepFleet`. Heartbeats every second, resumes from the last heartbeat of the attempt before. Reads only. Ends by a finding,
 * at `wakeInMs`, or rejects with CancelledFailure; troubles of Nova are in the sight, never an error.
 */
export function makeSweepFleet(deps: SweepDeps): {
  sweepFleet: (input: SweepInput) => Promise<SweepResult>;
  /** What this worker's sweep knows now; null before the first one. */
  memory: () => Memory | null;
} {
  let last: Recollection | null = null;
  const sweepFleet = async (input: SweepInput): Promise<SweepResult> => {
    const { cancelled, cancellationSignal } = Context.current();
    // Every sweep listens for as long as it looks.
    setMaxListeners(0, cancellationSignal);
    const { memory, ranMs, sinceMs } = recall(deps.clock, input, last);
    const measure = sweepMetrics(input.cloud);
    const onSweep = (sweep: Sweep, readAt: number): void => {
      last = { memory: sweep.memory, atMs: readAt };
      measure(sweep.sight);
    };
    const run = new Watching({ ...deps, onSweep }, input, { memory, sinceMs }, ranMs, cancellationSignal);
    const pulse = beating(deps.clock, () => run.details(), stuckAfter(input));
    try {
      return await run.untilFound(pulse);
    } catch (error) {
      if (cancellationSignal.aborted) await cancelled;
      throw error;
    } finally {
      pulse.stop();
    }
  };
  return { sweepFleet, memory: () => last?.memory ?? null };
}

/** What a sweep begins with. `sinceMs`: how long ago its last whole look was, at least; null where nobody knows. */
interface Recalled {
  memory: Memory;
  sinceMs: number | null;
}

/** The newest of what this worker itself, the attempt before and the activity before remember. */
function recall(clock: Clock, input: SweepInput, last: Recollection | null): Recalled & { ranMs: number } {
  const agoMs = last ? clock.now() - last.atMs : null;
  const ours = last && agoMs !== null ? { memory: forget(last, agoMs, input), sinceMs: agoMs } : null;
  const beat = fromHeartbeat(activityInfo().heartbeatDetails);
  const memory = fromCarry(input.carried);
  const carried = memory && { memory, sinceMs: input.carried?.sinceMs ?? null };
  const none: Recalled = { memory: EMPTY_MEMORY, sinceMs: null };
  const newest = [ours, beat, carried].reduce<Recalled>(
    (a, b) => (b && b.memory.sweeps > a.memory.sweeps ? b : a),
    none,
  );
  const shrunk = Math.min(newest.memory.lastWholeCount, input.acceptNodes ?? Infinity);
  const known = { ...newest.memory, lastWholeCount: shrunk, handedOver: true };
  return { memory: known, sinceMs: newest.sinceMs, ranMs: beat?.ranMs ?? 0 };
}

function forget({ memory }: Recollection, agoMs: number, { policy }: SweepInput): Memory {
  if (agoMs <= gapAfter(policy.timings, memory.nodes.size)) return memory;
  const young = { unmovedMs: 0, silentMs: 0, failed: 0, degraded: 0, down: 0, torn: true };
  return { ...memory, notWhole: 0, nodes: new Map([...memory.nodes].map(([h, a]) => [h, { ...a, ...young }])) };
}

/** A sweep that takes longer than this hangs: the heartbeats stop, and another worker takes over. */
const stuckAfter = ({ policy: { timings: t } }: SweepInput): number =>
  4 * Math.max(t.novaReadMs, t.sweepEveryLargeMs, t.sweepEveryMs) + 2 * t.tcpTimeoutMs;

type WatchingDeps = SweepDeps & { onSweep(sweep: Sweep, readAt: number): void };

class Watching {
  memory: Memory;
  readonly #deps: WatchingDeps;
  readonly #input: SweepInput;
  readonly #signal: AbortSignal;
  readonly #startedAt: number;
  /** When the list of the last whole sweep was read, at the latest. */
  #wholeAt: number | null;
  #runsSeenAt: number | null = null;
  /** Held by a person and without instances, or not countable: not counted again for a while. */
  readonly #counted = new Map<string, number>();

  constructor(deps: WatchingDeps, input: SweepInput, known: Recalled, ranMs: number, signal: AbortSignal) {
    this.#deps = deps;
    this.#input = input;
    this.memory = known.memory;
    this.#wholeAt = known.sinceMs === null ? null : deps.clock.now() - known.sinceMs;
    this.#signal = signal;
    this.#startedAt = deps.clock.now() - ranMs;
  }

  get #ranMs(): number {
    return this.#deps.clock.now() - this.#startedAt;
  }

  details(): unknown {
    return { ...toHeartbeat(this.memory, this.#ranMs, this.#input.policy.timings), ...this.#since() };
  }

  /** What was read up to now is this old; in another process that is the least it can be. */
  #since(): Pick<SweepCarry, 'sinceMs'> {
    return this.#wholeAt === null ? {} : { sinceMs: Math.floor(this.#deps.clock.now() - this.#wholeAt) };
  }

  async untilFound(pulse: Pulse): Promise<SweepResult> {
    const { clock } = this.#deps;
    const { timings } = this.#input.policy;
    const wakeInMs = this.#input.wakeInMs ?? Infinity;
    for (;;) {
      const begun = clock.now();
      const sweep = await this.#sweep();
      const findings = await this.#findings(sweep);
      pulse.beat();
      const result = { findings, sight: sweep.sight, sweeps: this.memory.sweeps };
      const next = Math.max(0, begun + intervalOf(timings, sweep.sight.nodes) - clock.now());
      const wake = wakeInMs - this.#ranMs;
      if (findings.length === 0 && wake > 0) await clock.sleep(Math.min(next, wake), this.#signal);
      if (findings.length > 0 || wake <= next || this.#deps.replaced?.aborted)
        return { ...result, carry: { ...toCarry(this.memory, timings), ...this.#since() } };
    }
  }

  async #sweep(): Promise<Sweep> {
    const { clock } = this.#deps;
    const { policy } = this.#input;
    let readAt = 0;
    const since = (): number | null => {
      readAt = clock.now();
      const elapsed = this.#wholeAt === null ? null : readAt - this.#wholeAt;
      return elapsed !== null && elapsed <= gapAfter(policy.timings, this.memory.nodes.size) ? elapsed : null;
    };
    const sweep = await sweepOnce(this.#deps, policy, this.memory, since, this.#signal);
    this.memory = sweep.memory;
    this.#wholeAt = sweep.sight.whole ? readAt : null;
    this.#deps.onSweep(sweep, readAt);
    return sweep;
  }

  async #findings(sweep: Sweep): Promise<Finding[]> {
    const { findings, held } = findIn(sweep, this.#input);
    const { policyHash, known } = this.#input;
    const differ: Finding = { kind: 'filesDiffer', node: '', worker: this.#deps.worker };
    const ours = [this.#deps.policyHash, this.#deps.before?.hash];
    if (!ours.includes(policyHash) && !known.includes(keyOf(differ))) findings.push(differ);
    for (const node of held) findings.push(...(await this.#countInstances(node)));
    return [...findings, ...(await this.#closed())];
  }

  async #countInstances(node: Parameters<typeof notOurs>[0]): Promise<Finding[]> {
    const { clock, openstack } = this.#deps;
    const { judgeAgainMaxMs, novaReadMs } = this.#input.policy.timings;
    const before = this.#counted.get(node.host);
    if (before !== undefined && clock.now() - before < judgeAgainMaxMs) return [];
    this.#counted.set(node.host, clock.now());
    try {
      const on = await openstack.compute.instances(node.host, { signal: this.#signal, timeoutMs: novaReadMs });
      return on.length > 0 ? [notOurs(node, on.length)] : [];
    } catch {
      // Only a page to people hangs on this number; the node is asked for again after a while.
      this.#signal.throwIfAborted();
      return [];
    }
  }

  async #closed(): Promise<Finding[]> {
    const { clock, runs } = this.#deps;
    const due = this.#runsSeenAt === null || clock.now() - this.#runsSeenAt >= this.#input.policy.timings.judgeAgainMs;
    const open = [...this.#input.open, ...(this.#input.drains ?? [])];
    if (!due || open.length === 0) return [];
    this.#runsSeenAt = clock.now();
    return (await closedRuns(runs(), open, this.#signal)).filter((f) => !this.#input.known.includes(keyOf(f)));
  }
}
