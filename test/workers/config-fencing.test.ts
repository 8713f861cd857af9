// What the whole file says of fencing before any inventory is read and any device is made.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../../workers/config.ts';

function problems(device: string): string[] {
  const text = `cloud: prod\nfencing:\n  levels:\n    - name: bmc\n      devices:\n        - ${device}\n`;
  try {
    parseConfig(text, 'x');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((line) => line.replace(/^x:\d+: fencing\.levels\[0\]\.devices\[0\]\./, ''));
  }
}

const password = 'password: { command: [vault, kv, get, "bmc/{node}"] }';

test('what may stand in the inventory is not missing, what is wrong is wrong', () => {
  const listed = (options: string): string[] =>
    problems(`{ driver: ipmi, inventory: /etc/bmcs.csv, options: { ${options} } }`);
  assert.deepEqual(listed(`user: admin, ${password}`), []);
  assert.deepEqual(listed('user: admin, hots: x, port: many').sort(), [
    'options.hots: unknown key (did you mean host?); see docs/drivers/fencing-ipmi.md',
    'options.port: expected a number, got "many"; see docs/drivers/fencing-ipmi.md',
  ]);
});

test('an inventory is a whole path to a kind of file that is known', () => {
  for (const path of ['bmcs.csv', '/etc/bmcs.txt', '/etc/bmcs'])
    assert.deepEqual(problems(`{ driver: ipmi, inventory: ${path}, options: {} }`), [
      `inventory: expected the whole path of a .csv, .yaml or .json file, got "${path}" (example: inventory: /etc/lifeboat/bmcs.csv)`,
    ]);
});

test('a node’s own parameters are judged together with those of all', () => {
  const own = (parameters: string): string[] =>
    problems(
      `{ driver: fence-agent, nodes: [n1], options: { agent: fence_redfish, parameters: { ip: b1 } }, perNode: { n1: { parameters: { ${parameters} } } } }`,
    );
  assert.deepEqual(own('systems_uri: /redfish/v1/Systems/1'), []);
  assert.match(
    own('delay: 5, systems_uri: x').join(),
    /perNode\.n1\.parameters\.delay: is refused: a fence does not wait/,
  );
});

test('a secret’s command is a program with its arguments, not a line for a shell', () => {
  const line = problems('{ driver: ipmi, nodes: [a], options: { host: b, user: u, password: { command: vault kv } } }');
  assert.match(line.join(), /^options\.password/);
  assert.doesNotMatch(line.join(), /vault/);
});
