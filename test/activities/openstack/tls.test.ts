import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LOOPBACK_CERT, LOOPBACK_KEY } from '../notification/loopback-cert.ts';
import { failureOf } from './failures.ts';
import { startCloud, type ScriptedCloud } from './scripted-cloud.ts';

let cloud: ScriptedCloud;
let dir: string;
before(async () => {
  cloud = await startCloud({ key: LOOPBACK_KEY, cert: LOOPBACK_CERT });
  dir = await mkdtemp(join(tmpdir(), 'lifeboat-tls-'));
  await writeFile(join(dir, 'ca.pem'), LOOPBACK_CERT);
});
after(async () => {
  await cloud.close();
  await rm(dir, { recursive: true });
});

test('an unknown certificate is refused before anything is sent, with a hint', async () => {
  const e = await failureOf((await cloud.connect()).identity.whoAmI());
  assert.deepEqual([e.kind, e.maybeSent, cloud.requests.length], ['unreachable', false, 0]);
  assert.match(e.message, /TLS: .*cacert/);
});

test("a cloud's own CA is trusted where it is configured", async () => {
  const os = await cloud.connect({ env: { ...cloud.env, OS_CACERT: 'ca.pem' }, cwd: dir });
  assert.equal((await os.identity.whoAmI()).userName, 'lifeboat');
});

test('certificates go unchecked only where the configuration says so', async () => {
  const os = await cloud.connect({ env: { ...cloud.env, OS_INSECURE: 'true' } });
  assert.equal((await os.identity.whoAmI()).userName, 'lifeboat');
});
