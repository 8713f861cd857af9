// What a person takes out of the rules for a while: maintenance of a node, the override of a storm, both over by themselves.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FleetSight, Finding, SweepResult } from '../../activities/monitoring/contract.ts';
import { momentOf } from '../../workflows/exceptions.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { aNode, shut, story, untilCancelled, type Fakes, type Story } from './harness.ts';

after(shut);

const aSight = (failed: string[] = []): FleetSight => ({
  ...{ whole: true, trouble: '', nodes: 20, alive: 20 - failed.length, failed, ours: [], unknown: 0 },
  readAt: new Date().toISOString(),
});

const failed = (node: string): Finding => ({
  kind: 'failed',
  node,
  suspicion: { node: aNode({ host: node, serviceId: `uuid-${node}` }), evidence: [], samples: 3, silentMs: 60_000 },
});

/** A fleet whose sweeps tell what `say` pushed, and recoveries that only say that they were started. */
async function fleet(
  more: Partial<Fakes> = {},
): Promise<{ s: Story; say: (...f: Finding[]) => void; failing: Set<string> }> {
  const failing = new Set<string>();
  const queue: Finding[][] = [];
  let wake = (): void => undefined;
  const s = await story(
    ({ calls }) => ({
      sweepFleet: async ({ wakeInMs }): Promise<SweepResult> => {
        const next = queue.shift();
        if (!next) {
          const pushed = new Promise<void>((resolve) => (wake = resolve));
          const soon =
            wakeInMs === null || wakeInMs > 3_600_000 ? untilCancelled() : new Promise<void>((r) => setTimeout(r, 100));
          await Promise.race([pushed, soon]);
        }
        return {
          findings: next ?? queue.shift() ?? [],
          sight: aSight([...failing]),
          sweeps: 1,
          carry: null,
        } as unknown as SweepResult;
      },
      resolveNode: async (name) =>
        /^compute-/i.test(name) ? { found: aNode({ host: name.toLowerCase() }) } : { found: null, near: ['compute-7'] },
      askAdmission: async ({ node }) => {
        calls.push(`asks ${node}`);
        return { kind: 'denied', gate: 'test', why: 'enough seen' };
      },
      ...more,
    }),
    { factor: 0.0001 },
  );
  const say = (...f: Finding[]): void => {
    for (const x of f) if (x.kind === 'failed') failing.add(x.node);
    for (const x of f) if (x.kind === 'cleared') failing.delete(x.node);
    queue.push(f);
    wake();
  };
  return { s, say, failing };
}

const refusal = (e: unknown): string => ((e as Error).cause as Error | undefined)?.message ?? String(e);
const NOON = Date.parse('2026-01-01T12:00:00Z');

test('a time is one of now, or a moment with its zone, and lies ahead', () => {
  assert.equal(momentOf('30m', NOON), '2026-01-01T12:30:00.000Z');
  assert.equal(momentOf('2d', NOON), '2026-01-03T12:00:00.000Z');
  assert.equal(momentOf('2026-01-01T18:00:00+02:00', NOON), '2026-01-01T16:00:00.000Z');
  for (const none of ['', 'soon', '0m', '2026-01-01T18:00:00', '2026-01-01T11:00:00Z', 7, undefined])
    assert.equal(momentOf(none, NOON), null, String(none));
});

test('a node under maintenance is not recovered, whatever its spelling; when its time is over, it is', async (t) => {
  const { s, say } = await fleet();
  t.after(() => s.end());
  const watch = await s.watch();
  const maintain = (x: object) => watch.executeUpdate(verbs.maintainUpdate, { args: [x as never] }).catch(refusal);
  assert.match(await maintain({ node: 'compute-7', until: '4h' }), /"by" is missing/);
  assert.match(await maintain({ by: 'ann', until: '4h' }), /"node" is missing/);
  assert.match(await maintain({ by: 'ann', node: 'compute-7', until: 'soon' }), /no time ahead/);
  assert.match(await maintain({ by: 'ann', node: 'compute-7', until: '60d' }), /at most that long/);
  assert.match(await maintain({ by: 'ann', node: 'web-7', until: '4h' }), /no compute node web-7 \(near: compute-7\)/);
  const soon = new Date(Date.now() + 4_000).toISOString();
  assert.match(await maintain({ by: 'ann', node: 'Compute-7', until: soon, reason: 'memory' }), /compute-7 is under/);
  say(failed('compute-7'), failed('compute-8'));
  await until(() => s.calls.includes('asks compute-8'), { what: 'the other node is recovered' });
  const state = await watch.query(verbs.watchStateQuery);
  assert.match(state.held['compute-7'] ?? '', /maintenance: compute-7 is under maintenance until .*ann: memory/);
  assert.ok(!s.calls.includes('asks compute-7'));
  await until(() => s.calls.includes('asks compute-7'), { what: 'its recovery begins when the maintenance is over' });
  assert.deepEqual((await watch.query(verbs.watchStateQuery)).maintenance, {});
  await until(() => s.notices.some((n) => /maintenance of compute-7 \(by ann\) is over/.test(n.headline)), {
    what: 'it is said',
  });
});

test('maintenance can be ended, and ends once', async (t) => {
  const { s, say } = await fleet();
  t.after(() => s.end());
  const watch = await s.watch();
  await watch.executeUpdate(verbs.maintainUpdate, { args: [{ by: 'ann', node: 'compute-7', until: '4h' }] });
  say(failed('compute-7'));
  await until(async () => (await watch.query(verbs.watchStateQuery)).held['compute-7'], { what: 'it is held' });
  const end = () => watch.executeUpdate(verbs.endMaintenanceUpdate, { args: [{ by: 'bob', node: 'compute-7' }] });
  assert.match(await end(), /over: it is watched/);
  await until(() => s.calls.includes('asks compute-7'), { what: 'it is recovered' });
  assert.match(await end(), /is not under maintenance/);
});

test('an override needs a reason, lets a storm through that is none, and is over by itself', async (t) => {
  const { s, say } = await fleet();
  t.after(() => s.end());
  const watch = await s.watch();
  const override = (x: object) => watch.executeUpdate(verbs.overrideUpdate, { args: [x as never] }).catch(refusal);
  const many = Array.from({ length: 8 }, (_, i) => `compute-${i + 1}`);
  say(...many.map(failed));
  await until(async () => Object.keys((await watch.query(verbs.watchStateQuery)).held).length === 8, {
    what: 'all are held',
  });
  assert.deepEqual(s.calls, []);
  assert.match(await override({ by: 'ann', until: '1h' }), /"reason" is missing/);
  assert.match(await override({ by: 'ann', until: '2d', reason: 'x' }), /more than 24 h ahead/);
  const soon = new Date(Date.now() + 4_000).toISOString();
  assert.match(await override({ by: 'ann', until: soon, reason: 'feed B is off' }), /hold nothing back/);
  await until(() => s.calls.length > 0, { what: 'recoveries begin' });
  await until(() => s.notices.some((n) => /the override by ann is over/.test(n.headline)), { what: 'it is over' });
  assert.equal((await watch.query(verbs.watchStateQuery)).override, null);
});

test('a node that went down three times within the hour is left to a person, with one alarm', async (t) => {
  const { s, say } = await fleet();
  t.after(() => s.end());
  const watch = await s.watch();
  const cleared: Finding = { kind: 'cleared', node: 'compute-7', verdict: 'alive' };
  const held = async (): Promise<string | undefined> => (await watch.query(verbs.watchStateQuery)).held['compute-7'];
  await watch.executeUpdate(verbs.pauseWatchUpdate, { args: [{ by: 'ann' }] });
  for (let n = 0; n < 3; n += 1) {
    say(failed('compute-7'));
    await until(async () => /^paused/.test((await held()) ?? ''), { what: 'its failure is seen' });
    say(cleared);
    await until(async () => (await held()) === undefined, { what: 'its return is seen' });
  }
  await watch.executeUpdate(verbs.resumeWatchUpdate, { args: [{ by: 'ann' }] });
  say(failed('compute-7'), failed('compute-8'));
  await until(() => s.calls.includes('asks compute-8'), { what: 'another node is recovered' });
  assert.match((await held()) ?? '', /^flapping/);
  assert.ok(!s.calls.includes('asks compute-7'));
  assert.equal(s.notices.filter((n) => /went down and came back 3 times/.test(n.headline)).length, 1);
});
