// What a round of probes tells the watch, and what people read of it. Pure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adviceFor,
  deviceName,
  reportOf,
  resting,
  type BrokenDevice,
  type DeviceHealth,
  type KnownBroken,
} from '../../workflows/contract.ts';

const HOUR = 3_600_000;
const AT = '2026-01-01T10:00:00.000Z';

const broken = (
  node: string,
  health: DeviceHealth = 'unreachable',
  detail = `ipmi ${node}: no answer`,
): BrokenDevice => ({
  ...{ node, level: 'bmc', label: `ipmi ${node}`, health, detail, byHand: `ipmitool -H ${node}` },
});
const known = (node: string, health: DeviceHealth = 'unreachable', askedAt = AT): KnownBroken => ({
  ...broken(node, health),
  ...{ since: AT, askedAt },
});
const name = (node: string): string => deviceName(broken(node));
const none = { ok: [], broken: [], left: [], bare: 0 };

test('a round says what changed, and nothing of what stayed as it was', () => {
  const reading = {
    ok: [name('a'), name('b')],
    broken: [broken('c'), broken('d', 'timeout'), broken('e')],
    left: [name('f')],
    bare: 2,
  };
  const before = [known('b'), known('d'), known('e'), known('f', 'auth'), known('g')];
  const report = reportOf(AT, reading, before);
  assert.deepEqual(
    report.broken.map(({ node }) => node),
    ['c', 'd'],
    'c is new, d has another trouble, e is as it was',
  );
  assert.deepEqual(report.well, [name('b')]);
  assert.deepEqual(report.gone, [name('g')], 'neither read nor left alone: no longer configured');
  assert.deepEqual(report.counts, { ok: 2, unreachable: 2, timeout: 1, auth: 1 }, 'what was left alone still counts');
  assert.equal(report.bare, 2);
});

test('a device that refused the login is left alone for six rounds, any other is asked each time', () => {
  const before = [known('a', 'auth'), known('b', 'unreachable')];
  const rests = (hours: number) => resting(before, Date.parse(AT) + hours * HOUR, HOUR);
  assert.deepEqual(rests(1), [name('a')]);
  assert.deepEqual(rests(5.1), [name('a')]);
  assert.deepEqual(rests(5.9), [], 'rounds do not begin to the second');
  const again = reportOf(AT, { ...none, broken: [broken('a', 'auth')] }, before.slice(0, 1));
  assert.equal(again.broken.length, 1, 'the watch hears that it was asked once more, and lets it rest');
});

test('a storm stays small: a thousand devices are told in far less than half a megabyte, and unchanged in next to nothing', () => {
  const many = Array.from({ length: 2_000 }, (_, i) =>
    broken(`compute-${i}.example.net`, 'unreachable', 'x'.repeat(200)),
  );
  const first = reportOf(AT, { ...none, broken: many }, []);
  assert.equal(first.broken.length, 2_000);
  assert.ok(JSON.stringify(first).length < 400_000, `${JSON.stringify(first).length}`);
  const since = many.map((device) => ({ ...device, since: AT, askedAt: AT }));
  assert.ok(JSON.stringify(reportOf(AT, { ...none, broken: many }, since)).length < 300);
  const advice = adviceFor(first.broken);
  assert.ok(advice.length < 15 && advice.join('').length < 5_000, 'nobody reads a mail of a thousand lines');
  assert.match(advice.at(-1) ?? '', /and 1990 more: .* and 1950 more nodes/);
});

test('people are told what to do: credentials, identity and silence apart, the dangerous one first', () => {
  const advice = adviceFor([
    broken('a', 'unreachable'),
    broken('b', 'auth', 'redfish b: the login was refused'),
    broken('c', 'mismatch'),
    broken('d', 'timeout'),
  ]);
  const kinds = advice.filter((line) => /^\d+ ×/.test(line));
  assert.deepEqual(
    kinds.map((line) => line.split(':')[0]),
    ['1 × another machine', '1 × login refused', '2 × no answer'],
  );
  assert.match(kinds[0]!, /correct its address or its identity/);
  assert.match(kinds[1]!, /password.*lock accounts/);
  assert.match(kinds[2]!, /management network/);
  assert.ok(advice.includes('b, level bmc: redfish b: the login was refused (by hand: ipmitool -H b)'));
});
