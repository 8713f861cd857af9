// What is refused right before the request: a run neither repeats itself in silence nor gives up, and goes on when nothing says no any more.
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { openTemporal, SCALE, shutTemporal, tellStory, type Story } from './harness.ts';

before(async () => void (await openTemporal()));
after(shutTemporal);

const NODE = 'compute-2';
const posts = (s: Story): number => s.world.log.of('evacuate').length;

/** compute-2 has crashed; `meanwhile` happens when its first instance is locked, after the mark and before any request. */
async function betweenMarkAndRequest(t: TestContext, meanwhile: (s: Story) => void): Promise<Story> {
  const s = await tellStory();
  t.after(() => s.end());
  await s.lookout();
  const end = s.world.on((entry) => {
    if (entry.kind !== 'lock') return;
    end();
    meanwhile(s);
  });
  await s.world.crash(NODE);
  await s.started(NODE);
  return s;
}

describe('between the mark and the request', { concurrency: 2 }, () => {
  test('a report of the dead node that comes late holds everything back until the row stands still, and not for ever', async (t) => {
    let movedAt = 0;
    const s = await betweenMarkAndRequest(t, ({ world }) => {
      movedAt = world.log.now();
      world.centre.nodes.get(NODE)!.service.updatedAt = world.centre.now() + 1_000;
    });
    const report = await s.ends(NODE);
    assert.equal(report.outcome, 'recovered', report.reason);
    const first = s.world.log.of('evacuate')[0]!.at;
    const stillMs = 2 * 12_000 * SCALE;
    assert.ok(first - movedAt >= stillMs, `asked ${Math.round(first - movedAt)} ms after the row had moved`);
    assert.ok(report.decisions.some((d) => /moved once after it was marked, and stands still/.test(d.reason)));
    s.audit({}, report);
  });

  test('a person takes the row over: nothing is asked of Nova, the admins are told, and it goes on once the marker is back', async (t) => {
    let marker = '';
    const s = await betweenMarkAndRequest(t, ({ world }) => {
      marker = world.centre.nodes.get(NODE)!.service.disabledReason ?? '';
      world.disableByPerson(NODE, 'broken fan', { forcedDown: true });
    });
    const mail = await s.adminMail(/cannot be evacuated now: [^\n]*does not carry this run's marker \(broken fan\)/);
    assert.match(mail.text, /"by":"your name"/);
    assert.equal(posts(s), 0);

    s.world.disableByPerson(NODE, marker, { forcedDown: true });
    const report = await s.ends(NODE);
    assert.equal(report.outcome, 'recovered', report.reason);
    s.audit({}, report);
  });
});
