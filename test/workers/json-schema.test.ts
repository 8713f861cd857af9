// The schema for editors takes what the configuration takes, and marks the mistakes that one makes while typing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { fencingDrivers } from '../../activities/fencing/index.ts';
import { jsonSchema } from '../../workers/json-schema.ts';

const valid = new Ajv2020({ strict: false, validateFormats: false }).compile(jsonSchema());
const judged = (yaml: string): string => (valid(parse(yaml)) ? '' : JSON.stringify(valid.errors));

test('an unknown key, a wrong value, a wrong option of a driver are marked', () => {
  assert.match(judged('cloud: prod\nmdoe: auto'), /additionalProperties/);
  assert.match(judged('cloud: prod\nmode: automatic'), /enum/);
  assert.match(judged('mode: auto'), /required.*cloud/);
  const channel = (options: string): string =>
    judged(`cloud: prod\nmonitoring: { channels: [{ driver: tcp, options: ${options} }] }`);
  assert.equal(channel('{ ports: [22] }'), '');
  assert.match(channel('{ prots: [22] }'), /additionalProperties/);
  const device = (text: string): string =>
    judged(`cloud: prod\nfencing: { levels: [{ name: bmc, devices: [{ driver: ipmi, ${text} }] }] }`);
  assert.equal(device('options: { user: a }, perNode: { c-1: { host: b } }'), '');
  assert.match(device('perNode: { c-1: { hots: b } }'), /additionalProperties/);
});

test('it names every driver, and takes a module with options of its own', () => {
  const text = JSON.stringify(jsonSchema());
  for (const name of Object.keys(fencingDrivers)) assert.ok(text.includes(`"const":"${name}"`), name);
  const own = 'cloud: prod\nfencing: { levels: [{ name: pdu, devices: [{ driver: ./pdu.ts, options: { any: 1 } }] }] }';
  assert.equal(judged(own), '');
});
