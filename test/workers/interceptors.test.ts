import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { OpenStackError } from '../../activities/openstack/errors.ts';
import { redactErrors, toFailure } from '../../workers/interceptors.ts';
import { createRedactor } from '../../workers/redact.ts';

function redactor() {
  const made = createRedactor();
  made.know('hunter2hunter2');
  return made;
}

/** What the history would keep of it. */
const kept = (failure: ApplicationFailure): string =>
  JSON.stringify([failure.message, failure.type, failure.details, failure.stack, failure.cause]);

test('a plain error becomes one redacted line with its name as type, without stack and cause', () => {
  const error = new TypeError('could not log in\nwith hunter2hunter2', { cause: new Error('hunter2hunter2') });
  const failure = toFailure(error, redactor());
  assert.equal(failure.message, 'could not log in | with ***');
  assert.equal(failure.type, 'TypeError');
  assert.equal(failure.nonRetryable, false);
  assert.equal(failure.cause, undefined);
  assert.equal(failure.stack, '');
});

test('the type, the details and nonRetryable of an ApplicationFailure are kept, redacted', () => {
  const error = ApplicationFailure.create({
    message: 'no',
    type: 'NotOurs',
    nonRetryable: true,
    details: [{ node: 'compute-7', url: 'https://a:b@bmc/' }],
    cause: new Error('inner'),
  });
  const failure = toFailure(error, redactor());
  assert.deepEqual([failure.type, failure.nonRetryable], ['NotOurs', true]);
  assert.deepEqual(failure.details, [{ node: 'compute-7', url: 'https://***@bmc/' }]);
  assert.equal(failure.cause, undefined);
});

test('a body in the details does not reach the history', () => {
  const error = ApplicationFailure.create({ message: 'no', details: ['x'.repeat(5_000)] });
  assert.ok(kept(toFailure(error, redactor())).length < 400);
});

test('of an OpenStackError the status, the kind and whether it may have been sent are kept', () => {
  const error = new OpenStackError({
    ...{ service: 'compute', method: 'POST', path: '/servers/1/action', status: 503, kind: 'server' as const },
    ...{ message: 'hunter2hunter2 refused', requestId: 'req-1', maybeSent: true },
  });
  const failure = toFailure(error, redactor());
  assert.equal(failure.type, 'OpenStackError');
  const [facts] = failure.details as [Record<string, unknown>];
  assert.deepEqual([facts.status, facts.kind, facts.maybeSent], [503, 'server', true]);
  assert.ok(!kept(failure).includes('hunter2'));
});

test('the arguments and the output of a program do not reach the history', async () => {
  const run = promisify(execFile)(process.execPath, ['-e', 'console.error("hunter2hunter2"); process.exit(3)']);
  const error = await run.then(
    () => assert.fail('it exits with 3'),
    (e: unknown) => e,
  );
  const text = kept(toFailure(error, redactor()));
  assert.ok(!text.includes('hunter2') && !text.includes('stderr'), text);
});

test('a cancel passes through: it is no failure', async () => {
  const env = new MockActivityEnvironment({}, { interceptors: [redactErrors(redactor())] });
  const cancelled = new CancelledFailure('CANCELLED');
  await assert.rejects(
    env.run(() => Promise.reject(cancelled)),
    (error) => error === cancelled,
  );
});

test('an error thrown in an activity arrives clean', async () => {
  const env = new MockActivityEnvironment({}, { interceptors: [redactErrors(redactor())] });
  const failing = () => Promise.reject(new RangeError('hunter2hunter2 is too long'));
  await assert.rejects(env.run(failing), {
    name: 'ApplicationFailure',
    type: 'RangeError',
    message: '*** is too long',
  });
});
