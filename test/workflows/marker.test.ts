// The trace of us in Nova's disabled_reason: read back as it was written, and never taken for a person's word, or theirs for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { disabledBefore, isReturning, marker, readMarker } from '../../workflows/contract.ts';

const RUN = '0198a0b1-aaaa-7000-8000-000000000001';
const outcome = fc.option(fc.constantFrom('recovered', 'partial', 'aborted', 'returning'));

test('a marker is read back as it was written, within the 255 characters that Nova keeps', () => {
  fc.assert(
    fc.property(outcome, fc.option(fc.string({ minLength: 1, maxLength: 300 })), (o, was) => {
      const written = marker(RUN, o ?? undefined, was);
      assert.ok(written.length <= 255);
      const read = readMarker(written);
      assert.deepEqual([read?.run, read?.outcome], [RUN, o]);
      assert.ok(was === null ? read?.was === null : read?.was && was.startsWith(read.was));
    }),
  );
});

test("a person's disable is carried from run to run; ours is nobody's", () => {
  const row = (status: 'enabled' | 'disabled', disabledReason: string | null) => ({ status, disabledReason });
  assert.equal(disabledBefore(row('enabled', null)), null);
  assert.equal(disabledBefore(row('disabled', 'new fans')), 'new fans');
  assert.equal(disabledBefore(row('disabled', null)), 'no reason given');
  assert.equal(disabledBefore(row('disabled', marker(RUN))), null);
  assert.equal(disabledBefore(row('disabled', marker(RUN, 'partial', 'new fans'))), 'new fans');
});

test('only readmission arms a node again, only once forced_down is lifted, and never what a person had disabled', () => {
  const row = (disabledReason: string | null, forcedDown = false) => ({
    ...{ status: 'disabled' as const, disabledReason, forcedDown },
  });
  assert.ok(isReturning(row(marker(RUN, 'returning'))));
  assert.ok(!isReturning(row(marker(RUN, 'returning'), true)));
  assert.ok(!isReturning(row(marker(RUN, 'recovered'))));
  assert.ok(!isReturning(row(marker(RUN, 'returning', 'new fans'))));
  assert.ok(!isReturning(row('returning')) && !isReturning(row(null)));
  assert.ok(!isReturning({ status: 'enabled', disabledReason: null, forcedDown: false }));
});
