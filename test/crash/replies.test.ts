// Replies that are lost or late, of every call that changes something: what was asked for is found by looking, and never asked for
// blindly again. With kills of workers: lost-replies.test.ts.
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { tellLoss } from './crash-story.ts';
import { lossOf } from './losses.ts';
import { until } from '../support/until.ts';
import type { FaultEffect } from '../world/faults.ts';
import { openTemporal, SCALE, shutTemporal, tellStory } from '../stories/harness.ts';

// Once for all: the stories are told side by side.
before(async () => void (await openTemporal()));
after(shutTemporal);

/** Nova behind a full queue: longer than its usual answer, shorter than any time limit. */
const SLOW_MS = 25_000 * SCALE;
const NODE = 'compute-2';
const ACTION = { service: 'nova', method: 'POST', path: /\/action$/ } as const;

/** They happen in turn to the first of each call: the off, the mark, ten locks, ten evacuations, ten unlocks. */
async function everyReply(t: TestContext, ...effects: FaultEffect[]): Promise<void> {
  const s = await tellStory({
    world: { instances: 40 },
    sections: { evacuation: { perNode: 10 }, timings: { permission: '20s' } },
  });
  t.after(() => s.end());
  const { world } = s;
  await s.lookout();
  const here = [...s.on(NODE).values()].sort();
  assert.equal(here.length, 10);
  const times = 10 / effects.length;
  const faults = effects.flatMap((effect) =>
    ['lock', 'evacuate', 'unlock'].map((a) => world.fault({ ...ACTION, body: new RegExp(`"${a}"`), times }, effect)),
  );
  const off = world.fault({ service: 'bmc', node: NODE, method: 'POST', path: /Reset$/, times: 1 }, effects[0]!);
  const mark = world.fault({ service: 'nova', method: 'PUT', path: /os-services/, times: 1 }, effects.at(-1)!);
  world.mailbox.faults.takeThenDrop = 2;
  await world.crash(NODE);
  await s.started(NODE);
  const report = await s.ends(NODE);

  assert.equal(report.outcome, 'recovered', report.reason);
  const missed = [off, mark, ...faults].filter((f) => f.hits !== f.match.times);
  assert.deepEqual(missed, [], 'each of these replies was hit');
  const asked = world.log.of('evacuate').map((e) => e.instance);
  assert.deepEqual(asked.sort(), here, 'each instance was asked for once');
  const { mails } = world.mailbox;
  const again = () => mails.filter((m, i) => mails.findIndex((o) => o.messageId === m.messageId) < i);
  await until(() => again().length === 2, { what: 'what was not acknowledged is sent again, as the same message' });
  s.audit({ maxOffsPerNode: 1, limits: { perNode: 10 } }, report);
}

describe('replies', { concurrency: 2 }, () => {
  test('a worker killed with ten evacuations that Nova has not begun: another one waits until they show, and asks for none', async () => {
    await tellLoss(lossOf('evacuate', 'is done late, after another worker began to look'), 'kill -9 of the worker');
  });

  test('each reply of a recovery is lost after its effect: one off, one request for each instance, the same messages', (t) =>
    everyReply(t, { do: 'effect-then-drop' }));

  test('each reply of a recovery comes after 25 s, its effect before or right then: it is waited for, and nothing is asked for twice', (t) =>
    everyReply(t, { do: 'slow-answer', ms: SLOW_MS }, { do: 'delay', ms: SLOW_MS }));
});
