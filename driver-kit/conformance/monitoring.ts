// What every monitoring driver promises. A driver's own test builds the situations; this asks the questions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeView } from '../../workflows/domain.ts';
import { VERDICTS, rowOf } from './monitoring-rows.ts';
import type {
  Look,
  MonitoringChannel,
  MonitoringContext,
  MonitoringDriver,
} from '../../activities/monitoring/driver.ts';

export interface Situation {
  node: NodeView;
  /** For the look: how long its row stands still, and its habit. */
  unmovedMs?: number;
  habitMs?: number;
}

export interface MonitoringSubject {
  driver: MonitoringDriver;
  /** Options that the driver takes. */
  options: unknown;
  /** Options that it must refuse, each for another reason. */
  refused: unknown[];
  context: MonitoringContext;
  /** Brings the situations about, where that needs the channel. */
  prepare?: (channel: MonitoringChannel) => Promise<void>;
  alive: Situation;
  /** Of a driver that knows only how a dead node looks: it is unknown of the living. By default it says alive. */
  ofTheLiving?: 'unknown';
  /** Of a driver that knows nodes by name: what makes the i-th further node a living one. */
  aliveAs?: (i: number) => Partial<NodeView>;
  failed: Situation;
  /** Where nothing can be said. */
  unknown: Situation[];
}

export function lookOf(situations: readonly Situation[], signal: AbortSignal = new AbortController().signal): Look {
  const of = (key: 'unmovedMs' | 'habitMs'): Map<string, number> =>
    new Map(situations.flatMap((s) => (s[key] === undefined ? [] : [[s.node.host, s[key]] as const])));
  return { nodes: situations.map((s) => s.node), unmovedMs: of('unmovedMs'), habitMs: of('habitMs'), signal };
}

/** `setUp` opens what the situations need, and closes it again. */
export function monitoringConformance(
  name: string,
  setUp: () => Promise<{ subject: MonitoringSubject; tearDown: () => Promise<void> }>,
): void {
  const check = (promise: string, act: (s: MonitoringSubject, channel: MonitoringChannel) => Promise<void>): void => {
    test(`${name}: ${promise}`, async () => {
      const { subject, tearDown } = await setUp();
      const channel = subject.driver.create(subject.driver.options.parse(subject.options), subject.context);
      try {
        await subject.prepare?.(channel);
        await act(subject, channel);
      } finally {
        await channel.close?.();
        await tearDown();
      }
    });
  };

  check('refuses unknown and wrong options', async ({ driver, refused, options }) => {
    assert.ok(driver.options.safeParse(options).success);
    for (const wrong of [{ nobodyKnowsThis: 1 }, ...refused])
      assert.equal(driver.options.safeParse(wrong).success, false, JSON.stringify(wrong));
  });

  check('tells the living from the failed, one by one', async ({ alive, failed, ofTheLiving }, channel) => {
    const seen = await channel.look(lookOf([alive, failed]));
    assert.equal(seen.get(alive.node.host)?.verdict, ofTheLiving ?? 'alive');
    assert.equal(seen.get(failed.node.host)?.verdict, 'failed');
    assert.equal(seen.size, 2);
  });

  check('is unknown, never failed, where nothing can be said', async ({ alive, unknown, ofTheLiving }, channel) => {
    for (const situation of unknown) {
      const seen = await channel.look(lookOf([alive, situation]));
      assert.equal(seen.get(situation.node.host)?.verdict, 'unknown', JSON.stringify(situation));
      assert.equal(seen.get(alive.node.host)?.verdict, ofTheLiving ?? 'alive');
    }
  });

  check('says in one line what it saw, and when', async ({ alive, failed, unknown }, channel) => {
    for (const [, evidence] of await channel.look(lookOf([alive, failed, ...unknown]))) {
      assert.ok(VERDICTS.includes(evidence.verdict));
      assert.match(evidence.saw, /^[^\n]{3,200}$/);
      assert.ok(Math.abs(Date.now() - Date.parse(evidence.readAt)) < 60_000);
    }
  });

  check(
    'answers for every node of a long list, and for an empty one',
    async ({ alive, ofTheLiving, aliveAs }, channel) => {
      const many = Array.from({ length: 300 }, (_, i) => ({
        ...alive,
        node: { ...alive.node, host: `many-${i}`, ...aliveAs?.(i) },
      }));
      const seen = await channel.look(lookOf(many));
      assert.equal(seen.size, 300);
      assert.ok([...seen.values()].every((e) => e.verdict === (ofTheLiving ?? 'alive')));
      assert.equal((await channel.look(lookOf([]))).size, 0);
    },
  );

  check('a look that is stopped fails nobody', async ({ alive, failed }, channel) => {
    const stop = new AbortController();
    const looking = channel.look(lookOf([alive, failed], stop.signal));
    stop.abort();
    const seen = await looking.catch(() => new Map<string, { verdict: string }>());
    assert.notEqual(seen.get(alive.node.host)?.verdict, 'failed');
  });

  check('changes nothing that it was given', async ({ alive, failed }, channel) => {
    const look = lookOf([alive, failed]);
    const before = structuredClone(look.nodes);
    await channel.look(look);
    assert.deepEqual(look.nodes, before);
    assert.deepEqual(look.nodes, [rowOf(alive.node), rowOf(failed.node)]);
  });
}
