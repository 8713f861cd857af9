// Power devices are read on a schedule: what broke is told today, not found out on the day. Judged by the BMCs' own log: nothing is switched.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { probesId } from '../../workflows/contract.ts';
import { ensureProbes } from '../../workers/probe-schedule.ts';
import { until } from '../support/until.ts';
import { ADMIN, shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);

test('a password that stops working is told of once, and once when it is mended; no device is switched, nothing is recovered', async (t) => {
  const s = await tellStory({ sections: { fencing: { probeEvery: '1m' } } });
  const { world, config } = s;
  const { client } = s.temporal.env;
  t.after(async () => {
    await client.schedule.getHandle(probesId(s.cloud)).delete();
    await s.end();
  });
  await s.lookout();
  await ensureProbes({ client, config });
  const round = async (more: number): Promise<void> => {
    const seen = new Set<string>();
    const what = `${more} rounds of probes more`;
    await until(async () => seen.add((await s.watch()).devices!.readAt).size > more, { what, timeoutMs: 60_000 });
  };
  await until(async () => (await s.watch()).devices?.counts.ok === 4, { what: 'all four devices answer' });

  world.bmc('compute-2', { wrongPassword: true });
  const mail = await s.adminMail(/1 power device would not serve a fence: compute-2/, 60_000);
  assert.match(mail.text, /login refused: correct the user or the password/);
  assert.match(mail.text, /compute-2, level bmc: redfish [^\n]*/);
  const refusals = (): number =>
    world.log.of('call').filter((c) => c.service === 'bmc' && c.node === 'compute-2' && c.status === 401).length;
  const refused = refusals();
  await round(3);
  assert.equal(refusals(), refused, 'a BMC that locks accounts is left alone meanwhile');
  const { devices } = await s.watch();
  assert.deepEqual(devices?.counts, { ok: 3, auth: 1 });

  world.bmc('compute-2', null);
  await s.adminMail(/1 power device is well again: compute-2/, 60_000);
  await round(2);
  const mails = world.mailbox.to(ADMIN).map(({ subject, text }) => `${subject}\n${text}`);
  assert.equal(mails.filter((m) => /would not serve/.test(m)).length, 1);
  assert.equal(mails.filter((m) => /well again/.test(m)).length, 1);
  assert.equal(mails.length, 2, mails.join('\n----\n'));
  assert.deepEqual(world.log.of('power-command'), [], 'the BMCs were read and never switched');
  assert.deepEqual(s.mutations(), []);
  assert.deepEqual((await s.watch()).open, []);
  s.audit();
});
