import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromCarry, fromHeartbeat, toCarry, toHeartbeat } from '../../../activities/monitoring/carry.ts';
import { findIn } from '../../../activities/monitoring/findings.ts';
import {
  EMPTY_MEMORY,
  countSample,
  firstAges,
  gapAfter,
  growOlder,
  troubleOf,
} from '../../../activities/monitoring/judge.ts';
import type { Ages, Memory } from '../../../activities/monitoring/judge.ts';
import { sweepOnce } from '../../../activities/monitoring/sweep.ts';
import type { Sweep } from '../../../activities/monitoring/sweep.ts';
import type { Verdict } from '../../../workflows/domain.ts';
import { FakeFleet, POLICY, T, inputOf } from './fleet.ts';
import { rowOf } from './rows.ts';

const signal = new AbortController().signal;
const verdict = fc.constantFrom<Verdict>('alive', 'failed', 'unknown');

const ages = fc.record<Ages>(
  {
    unmovedMs: fc.nat(100_000),
    silentMs: fc.nat(100_000),
    failed: fc.nat(10),
    degraded: fc.nat(10),
    down: fc.nat(10),
    habitMs: fc.nat(30_000),
    intervals: fc.nat(2),
    moves: fc.nat(3),
    forced: fc.boolean(),
    torn: fc.boolean(),
    updatedAt: fc.constantFrom('a', 'b', null),
  },
  // deepEqual compares prototypes too.
  { noNullPrototype: true },
);

const heardOf = (combined: Verdict, tcp: Verdict) => ({
  verdict: combined,
  direct: new Set(['tcp']),
  evidence: [{ channel: 'tcp', verdict: tcp, saw: '', readAt: '' }],
});

test('a gap never grows an age, and teaches no habit', () => {
  fc.assert(
    fc.property(ages, fc.constantFrom('a', 'b', null), verdict, (before, updatedAt, heard) => {
      const row = rowOf({ updatedAt });
      const grown = growOlder(before, row, null, T);
      assert.ok(grown.unmovedMs <= before.unmovedMs);
      assert.ok(grown.torn);
      assert.ok(before.torn ? grown.intervals <= before.intervals : true);
      const counted = countSample(grown, row, heardOf('failed', heard), null);
      assert.ok(counted.silentMs <= before.silentMs);
    }),
  );
});

test('unknown neither grows nor resets a count', () => {
  fc.assert(
    fc.property(ages, fc.nat(20_000), (before, elapsed) => {
      const row = rowOf({ state: 'down' });
      const after = countSample(before, row, heardOf('unknown', 'unknown'), elapsed);
      assert.deepEqual(after, before);
    }),
  );
});

test('silence is never longer than the stand-still, and ends with any answer of the node', () => {
  fc.assert(
    fc.property(ages, verdict, verdict, fc.nat(20_000), (before, combined, tcp, elapsed) => {
      const start: Ages = { ...before, silentMs: Math.min(before.silentMs, before.unmovedMs) };
      const grown = growOlder(start, rowOf({ updatedAt: 'a' }), elapsed, T);
      const after = countSample(grown, rowOf(), heardOf(combined, tcp), elapsed);
      assert.ok(after.silentMs <= after.unmovedMs);
      if (tcp === 'alive') assert.equal(after.silentMs, 0);
    }),
  );
});

test('a node that stood still as if it had failed has no habit: it is learned anew', () => {
  const before = { ...firstAges(rowOf(), true, T), unmovedMs: T.staleMs, torn: false };
  const after = growOlder(before, rowOf({ updatedAt: 'later' }), 5_000, T);
  assert.equal(after.intervals, 0);
});

test('looks that are far apart teach no habit: a slow reporter would look like a quick one', () => {
  const far = (T.staleMs - T.reportIntervalMs) / 2 + 1;
  const learned = (spacings: number[]): number =>
    spacings.reduce((a, ms, i) => growOlder(a, rowOf({ updatedAt: `${i}` }), ms, T), firstAges(rowOf(), false, T))
      .intervals;
  assert.equal(learned([5_000, 5_000, 5_000]), 2);
  assert.equal(learned([5_000, far, 5_000, far, 5_000, far]), 0);
});

test('a list that is empty, shrunk, in part unknown or double is not whole', () => {
  const rows = Array.from({ length: 10 }, (_, i) => rowOf({ host: `c${i}` }));
  assert.equal(troubleOf(rows, 10), '');
  assert.equal(troubleOf(rows.slice(0, 8), 10), '');
  assert.match(troubleOf(rows.slice(0, 7), 10), /7 nodes, and listed 10/);
  assert.match(troubleOf([], 0), /no compute service/);
  assert.match(troubleOf([...rows, rowOf({ host: 'x', state: 'unknown' })], 10), /cell does not answer/);
  assert.match(troubleOf([...rows, rows[3]!], 10), /two services are named c3/);
});

// --- whole stories: a random world around one monitor -------------------------------------------------------------------

type Step =
  /** Nova's answer to this sweep. */
  | { kind: 'sweep'; nova: 'whole' | 'error' | 'half' | 'empty' | 'cell'; tookMs: number }
  | { kind: 'stall'; ms: number }
  /** Another worker goes on, from the heartbeat or from what the watch carries. */
  | { kind: 'takeover'; by: 'heartbeat' | 'carry'; ms: number };

const sweepStep = fc.record({
  kind: fc.constant('sweep' as const),
  nova: fc.oneof(
    { weight: 6, arbitrary: fc.constant('whole' as const) },
    { weight: 1, arbitrary: fc.constantFrom('error' as const, 'half' as const, 'empty' as const, 'cell' as const) },
  ),
  tookMs: fc.oneof({ weight: 2, arbitrary: fc.nat(500) }, { weight: 1, arbitrary: fc.nat(T.novaReadMs) }),
});
const otherStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('stall' as const), ms: fc.nat(600_000) }),
  fc.record({
    kind: fc.constant('takeover' as const),
    by: fc.constantFrom('heartbeat' as const, 'carry' as const),
    ms: fc.nat(600_000),
  }),
);
const story = fc.array(
  fc.oneof({ weight: 12, arbitrary: sweepStep as fc.Arbitrary<Step> }, { weight: 1, arbitrary: otherStep }),
  {
    minLength: 20,
    maxLength: 90,
  },
);

/** Plays the steps as sweep-fleet.ts would; calls `seen` after each sweep. */
async function play(
  fleet: FakeFleet,
  steps: Step[],
  policy: typeof POLICY,
  seen: (sweep: Sweep) => void,
): Promise<void> {
  let memory: Memory = EMPTY_MEMORY;
  let wholeAt: number | null = null;
  for (const step of steps) {
    if (step.kind === 'stall') fleet.clock.time += step.ms;
    else if (step.kind === 'takeover') {
      const wire = step.by === 'carry' ? toCarry(memory, T) : toHeartbeat(memory, 0, T);
      memory = { ...fromCarry(JSON.parse(JSON.stringify(wire)))!, handedOver: true };
      // The age of the last look goes with it; how long the way took nobody knows.
      if (wholeAt !== null) wholeAt += step.ms;
      fleet.clock.time += step.ms;
    } else {
      const begun = fleet.clock.time;
      fleet.list = (rows) => {
        if (step.nova === 'error') throw new Error('503');
        if (step.nova === 'empty') return [];
        if (step.nova === 'half') return rows.slice(0, Math.floor(rows.length / 2));
        return step.nova === 'cell' ? rows.map((r, i) => (i === 0 ? { ...r, state: 'unknown' } : r)) : rows;
      };
      fleet.clock.time += step.tookMs;
      let readAt = 0;
      const since = (): number | null => {
        readAt = fleet.clock.time;
        const elapsed = wholeAt === null ? null : readAt - wholeAt;
        return elapsed !== null && elapsed <= gapAfter(T, fleet.nodes.size) ? elapsed : null;
      };
      const sweep = await sweepOnce(fleet, policy, memory, since, signal);
      memory = sweep.memory;
      wholeAt = sweep.sight.whole ? readAt : null;
      seen(sweep);
      fleet.clock.time = Math.max(fleet.clock.time, begun + T.sweepEveryMs);
    }
  }
}

const reported = (sweep: Sweep, policy = POLICY): string[] =>
  findIn(sweep, inputOf({ policy }))
    .findings.filter((f) => f.kind === 'failed')
    .map((f) => f.node);

/** The strictest rule: Nova alone may call a node failed, so that nothing but the ages protects it. */
const NOVA_ALONE = { ...POLICY, failedWhen: { any: ['nova-service'] } };

test('a healthy node is never reported, whatever happens to Nova and to the monitors', async () => {
  const reports = fc.array(fc.integer({ min: 1_000, max: T.reportIntervalMs }), { minLength: 3, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(story, reports, async (steps, everyMs) => {
      const fleet = new FakeFleet(everyMs.length);
      [...fleet.nodes.values()].forEach((n, i) => (n.reportMs = everyMs[i]!));
      await play(fleet, steps, NOVA_ALONE, (sweep) => assert.deepEqual(reported(sweep, NOVA_ALONE), []));
    }),
    { numRuns: 60 },
  );
});

test('a node that reports rarely is never called stale: only the word of Nova counts', async () => {
  await fc.assert(
    fc.asyncProperty(story, fc.integer({ min: 25_000, max: 120_000 }), async (steps, everyMs) => {
      const fleet = new FakeFleet(3);
      // Nova is patient with it too (service_down_time above its report interval).
      for (const n of fleet.nodes.values()) Object.assign(n, { reportMs: everyMs, row: { state: 'up' } });
      await play(fleet, steps, NOVA_ALONE, (sweep) => assert.deepEqual(reported(sweep, NOVA_ALONE), []));
    }),
    { numRuns: 60 },
  );
});

test('unknown never makes failed: a node that one of two channels cannot judge is never reported', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const fleet = new FakeFleet(4);
      fleet.kill('compute-2');
      fleet.node('compute-2').net = 'unknown';
      await play(fleet, steps, POLICY, (sweep) => assert.deepEqual(reported(sweep), []));
    }),
    { numRuns: 30 },
  );
});

test('a sweep that is not whole reports no node and changes no age', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const fleet = new FakeFleet(6);
      fleet.kill('compute-2');
      let before: Memory = EMPTY_MEMORY;
      await play(
        fleet,
        steps.filter((s) => s.kind === 'sweep'),
        POLICY,
        (sweep) => {
          // Nothing was known yet: half a list looks whole to a monitor that never saw another.
          const known = before.lastWholeCount === 6;
          if (!sweep.sight.whole) {
            assert.deepEqual(reported(sweep), []);
            assert.deepEqual(sweep.sight.failed, []);
            assert.deepEqual(sweep.memory.nodes, before.nodes);
          } else if (known) assert.equal(sweep.sight.nodes, 6);
          before = sweep.memory;
        },
      );
    }),
    { numRuns: 60 },
  );
});

test('a dead node is found in bounded time once Nova answers again', async () => {
  await fc.assert(
    fc.asyncProperty(story, fc.nat(30), async (steps, dies) => {
      const fleet = new FakeFleet(4);
      await play(fleet, steps.slice(0, dies), POLICY, () => {});
      fleet.kill('compute-2');
      let found = false;
      const calm: Step[] = Array.from({ length: 20 }, () => ({ kind: 'sweep', nova: 'whole', tookMs: 100 }));
      await play(fleet, [...steps.slice(dies), ...calm], POLICY, (sweep) => {
        found = reported(sweep).includes('compute-2');
      });
      assert.ok(found);
    }),
    { numRuns: 60 },
  );
});

test('a node that was not seen before is not taken for a regular one because the others were', async () => {
  const fleet = new FakeFleet(2);
  for (const n of fleet.nodes.values()) Object.assign(n, { reportMs: 100_000, row: { state: 'up' } });
  const sweep: Step = { kind: 'sweep', nova: 'whole', tookMs: 100 };
  const takeover: Step = { kind: 'takeover', by: 'carry', ms: 1_000 };
  const steps: Step[] = [{ ...sweep, nova: 'half' }, takeover, ...Array.from({ length: 30 }, () => sweep)];
  await play(fleet, steps, NOVA_ALONE, (s) => assert.deepEqual(reported(s, NOVA_ALONE), []));
});

test('a node that reports seldom is not taken for a regular one because the sweep changed hands between its reports', async () => {
  const fleet = new FakeFleet(2);
  for (const n of fleet.nodes.values()) Object.assign(n, { reportMs: 100_000, row: { state: 'up' } });
  const sweep: Step = { kind: 'sweep', nova: 'whole', tookMs: 100 };
  const takeover: Step = { kind: 'takeover', by: 'carry', ms: 90_000 };
  const handed = Array.from({ length: 6 }, () => [sweep, sweep, takeover]).flat();
  const steps: Step[] = [...handed, ...Array.from({ length: 30 }, () => sweep)];
  await play(fleet, steps, NOVA_ALONE, (s) => assert.deepEqual(reported(s, NOVA_ALONE), []));
});

test('ages and counts survive the way through a heartbeat, never larger than they were', () => {
  const memory = (nodes: [string, Ages][]): Memory => ({ ...EMPTY_MEMORY, sweeps: 7, nodes: new Map(nodes) });
  const fractional = ages.map((a) => ({ ...a, unmovedMs: a.unmovedMs + 0.7, silentMs: a.silentMs + 0.3 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.stringMatching(/^[a-z0-9.-]{1,30}$/), fractional)), (nodes) => {
      const wire = JSON.parse(JSON.stringify(toHeartbeat(memory(nodes), 12.5, T))) as unknown;
      const back = fromHeartbeat(wire)!.memory;
      for (const [host, was] of new Map(nodes)) {
        const is = back.nodes.get(host)!;
        assert.deepEqual(is, { ...was, unmovedMs: Math.floor(was.unmovedMs), silentMs: Math.floor(was.silentMs) });
      }
    }),
  );
  assert.equal(fromHeartbeat({ v: 2, nodes: {} }), null);
  assert.equal(fromHeartbeat(undefined), null);
  assert.equal(fromCarry('nonsense'), null);
});
