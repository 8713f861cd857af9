import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createCommandSecrets } from '../../workers/secret-command.ts';
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

/** A program that prints what it is told to, and notes each run. */
async function vault(name: string, body: string): Promise<{ command: string[]; runs: () => Promise<number> }> {
  const program = join(folder, name);
  const log = join(folder, `${name}.runs`);
  await writeFile(log, '');
  await writeFile(program, `#!/bin/sh\necho run >>'${log}'\n${body}\n`, { mode: 0o700 });
  return {
    command: [program, 'kv', 'get', 'secret/bmc'],
    runs: async () => (await readFile(log, 'utf8')).split('\n').length - 1,
  };
}

test('takes a secret from what a command prints, and knows it from then on', async () => {
  const { command } = await vault('prints', 'echo "$VAULT_ADDR-$3-secret"');
  const { secret, redactor } = createSecrets({ env: { PATH: process.env.PATH, VAULT_ADDR: 'v1' } });
  assert.equal(await secret({ command }), 'v1-secret/bmc-secret');
  assert.equal(redactor.redact('login v1-secret/bmc-secret refused'), 'login *** refused');
});

test('runs a secret’s command once for callers that ask at the same time, and not again at once', async () => {
  const { command, runs } = await vault('shared', 'echo hunter2hunter2');
  const { secret } = createSecrets({ env: process.env });
  await Promise.all([secret({ command }), secret({ command })]);
  await secret({ command });
  assert.equal(await runs(), 1);
});

test('tells nothing of what a secret’s command said or was given when it fails, and asks it again', async () => {
  const { command, runs } = await vault('fails', 'echo half-a-secret; echo token-in-stderr >&2; exit 2');
  const { secret } = createSecrets({ env: process.env });
  const message = `Cannot read secret of the command ${command[0]}: it ended with 2 (run it by hand as the worker's user)`;
  await assert.rejects(secret({ command }), { message });
  await assert.rejects(secret({ command }), { message });
  assert.equal(await runs(), 2);
});

test('never takes what a secret’s command did not print, and does not wait for it for ever', async () => {
  const silent = await vault('silent', 'exit 0');
  const slow = await vault('slow', 'exec sleep 60');
  await assert.rejects(
    createSecrets({ env: {} }).secret(silent),
    /it printed nothing \(an empty password is never tried\)/,
  );
  await assert.rejects(createCommandSecrets({}, 300)(slow.command), /no answer within 0.3 s/);
  await assert.rejects(createCommandSecrets({})(['/nowhere/vault']), /no such program/);
});
