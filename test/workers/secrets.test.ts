import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSecrets } from '../../workers/secrets.ts';

let folder = '';
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-secrets-'))));
after(() => rm(folder, { recursive: true, force: true }));

test('reads a secret from the environment and knows it from then on', async () => {
  const { secret, redactor } = createSecrets({ env: { BMC: 'hunter2hunter2' } });
  assert.equal(await secret({ env: 'BMC' }), 'hunter2hunter2');
  assert.equal(redactor.redact('login hunter2hunter2 refused'), 'login *** refused');
});

test('reads a secret from a file without the line feed that an editor added', async () => {
  const file = join(folder, 'bmc');
  await writeFile(file, 'two words\n', { mode: 0o600 });
  const warnings: string[] = [];
  const { secret } = createSecrets({ env: {}, warn: (line) => warnings.push(line) });
  assert.equal(await secret({ file }), 'two words');
  assert.deepEqual(warnings, []);
});

test('reads a file again each time: a changed password needs no restart', async () => {
  const file = join(folder, 'changing');
  const { secret } = createSecrets({ env: {} });
  await writeFile(file, 'first', { mode: 0o600 });
  assert.equal(await secret({ file }), 'first');
  await writeFile(file, 'second');
  assert.equal(await secret({ file }), 'second');
});

test('says once of a file that everybody can read it', async () => {
  const file = join(folder, 'open');
  await writeFile(file, 'secret');
  await chmod(file, 0o644);
  const warnings: string[] = [];
  const { secret } = createSecrets({ env: {}, warn: (line) => warnings.push(line) });
  await secret({ file });
  await secret({ file });
  assert.deepEqual(warnings, [`Secret ${file} is readable by everybody on this machine (chmod 0640 or stricter)`]);
});

test('never gives out an empty secret, and says which one is missing', async () => {
  const { secret } = createSecrets({ env: { EMPTY: ' ' } });
  const blank = join(folder, 'blank');
  await writeFile(blank, '\n', { mode: 0o600 });
  await assert.rejects(secret({ env: 'NONE' }), {
    message: 'Cannot read secret $NONE: it is not set in the environment (export it where this worker starts)',
  });
  await assert.rejects(secret({ env: 'EMPTY' }), /^Error: Cannot read secret \$EMPTY: it is empty/);
  await assert.rejects(secret({ file: blank }), /it is empty \(an empty password is never tried\)/);
  await assert.rejects(secret({ file: join(folder, 'none') }), /no such file/);
  await assert.rejects(secret({ file: folder }), /it is a directory/);
});

test('knows the values of variables that name a secret, before anybody asks for them', () => {
  const { redactor } = createSecrets({
    env: { OS_PASSWORD: 'pa55w0rd!', TEMPORAL_API_KEY: 'key-0123', HOME: '/root/x' },
  });
  assert.equal(redactor.redact('pa55w0rd! key-0123 /root/x'), '*** *** /root/x');
});
