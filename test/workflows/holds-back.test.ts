// What a run may begin: pure, on a run that nobody runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdsBack, holdsBackPost, type Run } from '../../workflows/recovery/run.ts';

const at = '2026-01-01T00:00:00Z';

/** Of a run only what the two questions look at. */
const running = (over: Partial<Run> = {}): Run => {
  const calm: Partial<Run> = {
    ...{ stop: null, paused: null, forbidden: null, halted: null },
    proof: { kind: 'power', level: 'bmc', devices: [], readAt: at, witness: 'silent' },
    guard: { seeing: 'off', at, saw: 'off' },
  };
  return { ...calm, ...over } as Run;
};

test('each of these says no on its own, to an off and to an evacuation', () => {
  assert.deepEqual([holdsBack(running()), holdsBackPost(running())], [null, null]);
  const both: [Partial<Run>, RegExp][] = [
    [{ stop: { by: 'ann', reason: '' } }, /aborted by ann/],
    [{ paused: { by: 'ann', reason: '', at } }, /paused by ann/],
    [{ forbidden: 'the mode was set to observe meanwhile' }, /observe meanwhile/],
  ];
  for (const [over, why] of both) {
    assert.match(holdsBack(running(over)) ?? 'nothing', why);
    assert.match(holdsBackPost(running(over)) ?? 'nothing', why);
  }
  const posts: [Partial<Run>, RegExp][] = [
    [{ halted: 'Nova refused our credentials' }, /credentials/],
    [{ proof: null }, /not proven off/],
    [{ guard: { seeing: 'none', at: null, saw: 'has not read yet' } }, /does not see it off \(none\)/],
    [{ guard: { seeing: 'blind', at, saw: 'unknown' } }, /\(blind\)/],
    [{ guard: { seeing: 'trouble', at, saw: 'on' } }, /\(trouble\)/],
  ];
  for (const [over, why] of posts) {
    assert.equal(holdsBack(running(over)), null, 'a fence needs neither proof nor guard');
    assert.match(holdsBackPost(running(over)) ?? 'nothing', why);
  }
});
