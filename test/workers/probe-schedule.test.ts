// The schedule of the device probes on the real server: made once by however many, kept up to date, and gone where it is off.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ScheduleNotFoundError } from '@temporalio/client';
import { parseConfig } from '../../workers/config.ts';
import { ensureDrill } from '../../workers/drill-schedule.ts';
import { ensureProbes, keepProbes, probeEveryMs } from '../../workers/probe-schedule.ts';
import { drillsId, probesId, taskQueues } from '../../workflows/contract.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

let temporal: LocalTemporal;
before(async () => void (temporal = await devServer()));
after(() => temporal.teardown());

const LEVELS = `
fencing:
  levels:
    - name: bmc
      devices: [{ driver: libvirt, options: { uri: 'qemu+ssh://{node}/system', domain: '{node}' } }]`;

function optionsOf(cloud: string, more = '') {
  const config = parseConfig(`cloud: ${cloud}${LEVELS}\n${more}`, 'lifeboat.yaml');
  return { client: temporal.env.client, config };
}
const describe = (cloud: string) => temporal.env.client.schedule.getHandle(probesId(cloud)).describe();

test('many workers of two clouds at once make one schedule each, which begins with a round and skips what overlaps', async () => {
  const made = await Promise.all(['north', 'north', 'north', 'south', 'south'].map((c) => ensureProbes(optionsOf(c))));
  assert.deepEqual(made.toSorted(), ['created', 'created', 'updated', 'updated', 'updated']);
  for (const cloud of ['north', 'south']) {
    const { spec, action, policies, info } = await describe(cloud);
    assert.equal(spec.intervals?.[0]?.every, 3_600_000);
    assert.equal(policies.overlap, 'SKIP');
    assert.ok(action.type === 'startWorkflow' && action.workflowType === 'probeDevices');
    assert.equal(action.taskQueue, taskQueues(cloud).workflow);
    assert.deepEqual(action.args, [{ cloud, everyMs: 3_600_000 }]);
    assert.ok(info);
    const started = await until(async () => (await describe(cloud)).info.recentActions.at(0), {
      what: 'the first round begins at once',
    });
    assert.match(started.action.workflow.workflowId, new RegExp(`^${cloud}/devices-`));
  }
});

test('another interval takes effect, and a schedule that a person paused stays paused', async () => {
  await ensureProbes(optionsOf('east'));
  await temporal.env.client.schedule.getHandle(probesId('east')).pause('works on the BMCs');
  assert.equal(await ensureProbes(optionsOf('east', '  probeEvery: 2h')), 'updated');
  const { spec, action, state } = await describe('east');
  assert.equal(spec.intervals?.[0]?.every, 7_200_000);
  assert.deepEqual(action.type === 'startWorkflow' && action.args, [{ cloud: 'east', everyMs: 7_200_000 }]);
  assert.equal(state.paused, true);
  assert.equal(state.note, 'works on the BMCs');
});

test('it is removed where the configuration turns it off, and only there', async () => {
  await ensureProbes(optionsOf('west'));
  await ensureProbes(optionsOf('west2'));
  const off = optionsOf('west', '  probeEvery: off');
  const said: string[] = [];
  const log = (line: string): void => void said.push(line);
  const keep = () => keepProbes({ ...off, logger: { info: log, warn: log }, signal: new AbortController().signal });
  await Promise.all([keep(), keep()]);
  await assert.rejects(describe('west'), ScheduleNotFoundError);
  assert.ok(await describe('west2'));
  assert.equal(said.length, 2);
  assert.match(said[0]!, /not probed: off/);
});

test('off, no device, a scaled interval: what the configuration means', () => {
  assert.equal(probeEveryMs(optionsOf('a', '  probeEvery: 10m').config), 600_000);
  assert.equal(probeEveryMs(optionsOf('a', '  probeEvery: 1m\ntimeScale: 0.05').config), 3_000);
  assert.equal(probeEveryMs(optionsOf('a', '  probeEvery: off').config), null);
  assert.equal(probeEveryMs(parseConfig('cloud: a', 'lifeboat.yaml')), null, 'there is nothing to read');
  assert.throws(
    () => optionsOf('a', '  probeEvery: 5s'),
    /lifeboat\.yaml:\d+: fencing\.probeEvery: expected .*(example: probeEvery: 1h)/s,
  );
});

test('the drill is put on a schedule by the time of the day or by an interval, follows a change, and is removed with its key', async () => {
  const of = (drill: string) => ({
    client: temporal.env.client,
    config: parseConfig(`cloud: drilled\n${drill}`, 'lifeboat.yaml'),
  });
  const look = () => temporal.env.client.schedule.getHandle(drillsId('drilled')).describe();
  assert.equal(await ensureDrill(of('')), 'none');
  const made = await Promise.all([1, 2].map(() => ensureDrill(of('drill: { at: "02:30", timeZone: Europe/Berlin }'))));
  assert.deepEqual(made.toSorted(), ['created', 'updated']);
  const daily = await look();
  assert.deepEqual(
    daily.spec.calendars?.map(({ hour, minute }) => [hour, minute]),
    [[[{ start: 2, end: 2, step: 1 }], [{ start: 30, end: 30, step: 1 }]]],
  );
  assert.equal(daily.spec.timezone, 'Europe/Berlin');
  assert.equal(daily.policies.overlap, 'SKIP');
  assert.equal(daily.info.numActionsTaken, 0, 'it waits for its time');
  assert.equal(await ensureDrill(of('drill: { every: 12h, survive: 2 }')), 'updated');
  const { spec, action } = await look();
  assert.deepEqual([spec.intervals?.[0]?.every, spec.calendars ?? []], [43_200_000, []]);
  assert.deepEqual(action.type === 'startWorkflow' && action.args, [
    { cloud: 'drilled', survive: 2, limitMs: 7_200_000 },
  ]);
  assert.equal(await ensureDrill(of('')), 'none');
  await assert.rejects(look(), ScheduleNotFoundError);
});

test('a drill at two times, at none, in no time zone or every minute is refused with an example', () => {
  const wrong = (drill: string) => () => parseConfig(`cloud: a\ndrill: ${drill}`, 'lifeboat.yaml');
  assert.throws(wrong('{ at: "02:30", every: 24h }'), /lifeboat\.yaml:2: drill: .*at or every/);
  assert.throws(wrong('{ survive: 2 }'), /drill: .*at or every/);
  assert.throws(wrong('{ at: "25:00" }'), /drill\.at: expected a time of the day, hh:mm.*example: at: "02:30"/s);
  assert.throws(wrong('{ at: "02:30", timeZone: Mars }'), /drill\.timeZone: .*is no time zone/);
  assert.throws(wrong('{ every: 1m }'), /drill\.every: expected at least 1h/);
  assert.throws(wrong('{ when: "02:30" }'), /drill\.when: unknown key/);
});
