import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { OpenStackError } from '../../../activities/openstack/errors.ts';

/** The OpenStackError that the work ends with; anything else fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<OpenStackError> {
  const e = await work.then(
    () => assert.fail('it succeeded'),
    (x: unknown) => x,
  );
  assert.ok(e instanceof OpenStackError, String(e));
  return e;
}

/** A loopback port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
