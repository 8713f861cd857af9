// A failed `assert.ok(x)` without a message makes node look for the expression in the source: in one that tsx has compiled it searches for
// minutes, and the test seems to hang. With a message it does not look; the stack says where it stands.
import assert from 'node:assert/strict';

const { ok } = assert;
Object.assign(assert, { ok: (value: unknown, message?: string | Error): void => ok(value, message ?? 'not true') });
