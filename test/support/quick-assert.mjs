// A failed `assert.ok(x)` without a message makes node look for the expression in the source: in one that tsx has compiled it searches for
// minutes, and the test seems to hang. With a message it does not look; the stack says where it stands. No TypeScript: worker threads load
// it too, and have no tsx.
import assert from 'node:assert/strict';

const { ok } = assert;
Object.assign(assert, { ok: (value, message) => ok(value, message ?? 'not true') });
