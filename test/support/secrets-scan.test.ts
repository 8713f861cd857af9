// The scanner finds what it is there for: without this the story of the secrets could be green for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact } from '../../activities/openstack/redact.ts';
import { findSecrets } from './secrets-scan.ts';

const SECRET = 'c0rrect h0rse+b&ttery/"st%ple"<x>';
const secrets = [{ name: 'it', value: SECRET }];
const found = (text: string): string[] => findSecrets(text, 'here', secrets).map((leak) => leak.as);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const FORMS: Record<string, string> = {
  plain: `tried ${SECRET} and failed`,
  'in JSON': JSON.stringify({ p: SECRET }),
  'in JSON in JSON': JSON.stringify({ p: JSON.stringify({ p: SECRET }) }),
  'in JSON as Go writes it': JSON.stringify({ p: SECRET }).replace(
    /[<>&]/g,
    (c) => `\\u00${c.charCodeAt(0).toString(16)}`,
  ),
  'in a URL': `https://bmc/?p=${encodeURIComponent(SECRET)}`,
  'in a URL, small letters': `https://bmc/?p=${encodeURIComponent(SECRET).toLowerCase()}`,
  'in a form': new URLSearchParams({ p: SECRET }).toString(),
  'in HTML': SECRET.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`),
  hex: Buffer.from(SECRET).toString('hex'),
  'HEX behind a digit': `a${Buffer.from(SECRET).toString('hex').toUpperCase()}`,
  base64: base64(SECRET),
  base64url: Buffer.from(SECRET).toString('base64url'),
  'base64 of a login': `Basic ${base64(`a:${SECRET}`)}`,
  'base64 of a longer login': `Basic ${base64(`ad:${SECRET}`)}`,
  'base64 of JSON': base64(JSON.stringify({ password: SECRET })),
  'base64 glued to a word': `XX${base64(SECRET)}`,
  'base64 in a URL': encodeURIComponent(base64(`adm:${SECRET}`)),
};

for (const [form, text] of Object.entries(FORMS))
  test(`finds a secret ${form}, and the product takes it out`, () => {
    assert.notDeepEqual(found(`before ${text} after`), []);
    const clean = redact(`before ${text} after`, [SECRET]);
    assert.deepEqual(found(clean), [], `the product leaves ${clean}`);
  });

test('finds half of a secret that was cut off, plain and encoded', () => {
  const half = SECRET.slice(0, 20);
  assert.deepEqual(found(`${half}…`), ['plain']);
  assert.deepEqual(found(`${SECRET.slice(14)} is its end`), ['plain']);
  assert.notDeepEqual(found(base64(`admin:${SECRET}`).slice(0, 36)), []);
});

test('finds nothing where nothing is', () => {
  const text = `${JSON.stringify(FORMS)} `.replaceAll(/[a-z0-9]/gi, 'x');
  assert.deepEqual(found(text), []);
  assert.deepEqual(found('compute-2 is off; see http://127.0.0.1:8233/namespaces/default'), []);
});
