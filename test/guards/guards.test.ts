// Every check that `npm run test:guards` takes away stands where it is looked for: one that is moved is noticed at once.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeAway } from './guard.ts';
import { GUARDS } from './list.ts';

const root = join(import.meta.dirname, '../..');

test('every safety check of the list stands exactly once in its file, and has a test', () => {
  for (const guard of GUARDS) {
    const text = readFileSync(join(root, guard.file), 'utf8');
    assert.notEqual(takeAway(guard, text), text, guard.promise);
    assert.ok(existsSync(join(root, guard.caughtBy[0])), `${guard.promise}: no ${guard.caughtBy[0]}`);
  }
  assert.equal(new Set(GUARDS.map((g) => g.promise)).size, GUARDS.length, 'each has a promise of its own');
});
