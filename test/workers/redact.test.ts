import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRedactor } from '../../workers/redact.ts';

const SECRET = 'c0rrect h0rse+b&ttery/"staple"';

function redactorOf(...secrets: string[]) {
  const redactor = createRedactor();
  secrets.forEach((secret) => redactor.know(secret));
  return redactor;
}

test('removes a known secret: plain, JSON, URL-encoded, hex and base64', () => {
  const { redact } = redactorOf(SECRET);
  const bytes = Buffer.from(SECRET);
  const forms = {
    plain: SECRET,
    json: JSON.stringify({ p: SECRET }),
    url: `https://bmc/?p=${encodeURIComponent(SECRET)}`,
    form: new URLSearchParams({ q: SECRET }).toString(),
    hex: bytes.toString('hex'),
    HEX: bytes.toString('hex').toUpperCase(),
    base64: bytes.toString('base64'),
    base64url: bytes.toString('base64url'),
  };
  for (const [form, text] of Object.entries(forms)) {
    const clean = redact(`tried ${text} and failed`);
    assert.match(clean, /\*\*\*/, form);
    assert.ok(!clean.includes(text), form);
    assert.ok(clean.startsWith('tried ') && clean.endsWith(' and failed'), form);
  }
});

test('removes a known secret inside a longer base64 text, at every alignment', () => {
  const { redact } = redactorOf(SECRET);
  for (const user of ['a', 'ad', 'adm', 'admi', 'admin']) {
    const header = Buffer.from(`${user}:${SECRET}`).toString('base64');
    const clean = redact(`header ${header}`);
    const rest = Buffer.from(clean.replace('header ', '').split('***')[0]!, 'base64').toString();
    assert.ok(!clean.includes(header) && !rest.includes(SECRET.slice(0, 4)), `${user}: ${clean}`);
  }
});

test('whatever the secret, no plain, hex or URL-encoded form of it is left', () => {
  const secrets = fc.string({ minLength: 4, maxLength: 40 }).filter((s) => s.trim().length > 3 && !'***'.includes(s));
  fc.assert(
    fc.property(secrets, fc.string(), fc.string(), (secret, before, after) => {
      const { redact } = redactorOf(secret);
      for (const form of [secret, Buffer.from(secret).toString('hex'), encodeURIComponent(secret)]) {
        // The stars of two removals may by themselves be a part of a strange secret; letters cannot.
        if (/[A-Za-z0-9]/.test(form)) assert.ok(!redact(`${before} ${form} ${after}`).includes(form));
      }
    }),
  );
});

test('removes the longer of two secrets where one begins with the other', () => {
  assert.equal(redactorOf('hunter', 'hunter2hunter2').redact('it is hunter2hunter2.'), 'it is ***.');
});

test('removes a very short secret only where it stands alone', () => {
  assert.equal(redactorOf('no').redact('node said no'), 'node said ***');
});

test('removes what looks like a secret though nobody told it', () => {
  const { redact } = createRedactor();
  const cases: [string, string][] = [
    ['https://admin:s3cret@bmc.example/redfish', 'https://***@bmc.example/redfish'],
    ['token gAAAAABlZ2hpamtsbW5vcHFyc3R1dnd4eXo0123', 'token ***'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '***'],
    ['Authorization: Basic YWRtaW46c2VjcmV0', 'Authorization: Basic ***'],
    ['X-Auth-Token: 0123456789abcdef', 'X-Auth-Token: ***'],
    ['OS_PASSWORD=s3cret ran', 'OS_PASSWORD=*** ran'],
    ['{"password": "s3cret"}', '{"password": ***}'],
    ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', '***'],
  ];
  for (const [dirty, clean] of cases) assert.equal(redact(dirty), clean);
});

test('leaves words and addresses as they are', () => {
  const { redact } = createRedactor();
  const lines = [
    'ipmi 10.0.0.7:623: wrong password (RAKP 2 HMAC is invalid)',
    'Cannot read secret $BMC_PASSWORD: it is not set in the environment',
    '[GET] compute /os-services: 503 Service Unavailable (request req-6a3c5e7e-0f5e-4a80-9a1c-1f5f1d2b7c11)',
    'compute-7 → compute-4, see http://127.0.0.1:8233/namespaces/default',
  ];
  for (const line of lines) assert.equal(redact(line), line);
});

test('takes secrets out of every string of a value, and the values of keys that name one', () => {
  const clean = redactorOf(SECRET).redactValue({ at: 1, deep: [{ said: `x ${SECRET}` }], apiKey: 'abc', none: null });
  assert.deepEqual(clean, { at: 1, deep: [{ said: 'x ***' }], apiKey: '***', none: null });
});
