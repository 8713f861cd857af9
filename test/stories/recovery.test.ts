// The main job, from detection to the mail, with everything real but the data centre.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../support/until.ts';
import { ADMIN, shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

test('a node that loses power is seen, fenced, and its instances run elsewhere; users and admins are told', async (t) => {
  const s = await tellStory();
  t.after(() => s.end());
  await s.lookout();
  await s.world.powerLoss('compute-2', { withBmc: false });
  const run = await s.started('compute-2');
  const report = await run.result();
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.ok(
    report.instances.length > 0 && report.instances.every((i) => i.outcome === 'recovered' && i.host !== 'compute-2'),
  );
  await until(() => s.world.mailbox.to(ADMIN).length >= 2, { what: 'the admins got start and end' });
  s.audit({}, report);
});
