import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { judgeRow, novaService } from '../../../activities/monitoring/nova-service.ts';
import { DEFAULT_TIMINGS as T } from '../../../workflows/defaults.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import type { Situation } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

const context = contextOf();
const still = { unmovedMs: T.staleMs, habitMs: 10_000 };

monitoringConformance('nova-service', () =>
  Promise.resolve({
    subject: {
      driver: novaService as MonitoringDriver,
      options: {},
      refused: [{ staleness: 'yes' }],
      context,
      alive: { node: rowOf({ host: 'living' }) },
      failed: { node: rowOf({ host: 'dead', state: 'down' }) },
      unknown: [
        { node: rowOf({ host: 'cell-away', state: 'unknown' }), ...still },
        { node: rowOf({ host: 'forced', state: 'down', forcedDown: true }) },
      ],
    },
    tearDown: () => Promise.resolve(),
  }),
);

const verdictOf = (situation: Situation, moves?: number): string => {
  const look = lookOf([situation]);
  if (moves !== undefined) look.movesSeen = new Map([[situation.node.host, moves]]);
  return judgeRow(situation.node, look, T).verdict;
};

test('a row that stands still for the stale time, give or take 1 %, is failed, although Nova still says up', () => {
  assert.equal(verdictOf({ node: rowOf(), ...still }), 'failed');
  assert.equal(verdictOf({ node: rowOf(), ...still, unmovedMs: 0.98 * T.staleMs }), 'alive');
});

test('standing still means nothing where the node never moved at least once per report interval', () => {
  assert.equal(verdictOf({ node: rowOf(), unmovedMs: T.staleMs }), 'alive');
  assert.equal(verdictOf({ node: rowOf(), unmovedMs: 300_000, habitMs: T.reportIntervalMs + 1 }), 'alive');
});

test('without staleness only the word of Nova counts', () => {
  const channel = novaService.create({ staleness: false }, context);
  const look = lookOf([{ node: rowOf(), ...still }, { node: rowOf({ host: 'dead', state: 'down' }) }]);
  return channel.look(look).then((seen) => {
    assert.equal(seen.get('compute-1')?.verdict, 'alive');
    assert.equal(seen.get('dead')?.verdict, 'failed');
  });
});

test('forced down is no evidence of a failure, and two moves since are a sign of life', () => {
  const node = rowOf({ state: 'down', forcedDown: true });
  assert.equal(verdictOf({ node, unmovedMs: 5_000 }, 1), 'unknown');
  assert.equal(verdictOf({ node, unmovedMs: 5_000 }, 2), 'alive');
  assert.equal(verdictOf({ node, ...still }), 'failed');
  assert.equal(verdictOf({ node, unmovedMs: T.staleMs }), 'unknown');
  assert.equal(verdictOf({ node, unmovedMs: 5 * T.staleMs }), 'failed');
});

test('an unknown state is never a failure, whatever else the row says', () => {
  const anything = fc.record({
    forcedDown: fc.boolean(),
    unmovedMs: fc.nat(10_000_000),
    habitMs: fc.nat(20_000),
    moves: fc.nat(5),
  });
  fc.assert(
    fc.property(anything, ({ forcedDown, moves, ...ages }) => {
      assert.equal(verdictOf({ node: rowOf({ state: 'unknown', forcedDown }), ...ages }, moves), 'unknown');
    }),
  );
});
