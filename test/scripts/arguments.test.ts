// Bad input: one clear line, no stack, the documented exit code, nothing touched.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../../scripts/temporal-server.ts';
import { runScript, type Ran } from './run-script.ts';

let folder: string;
let silent: Server;
const file = (name: string): string => join(folder, name);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-arguments-'));
  await writeFile(file('good.yaml'), 'cloud: lab\n');
  await writeFile(file('typo.yaml'), 'cloud: lab\nmdoe: auto\n');
  // Takes connections and says nothing: the worst kind of server.
  silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  silent.close();
  await rm(folder, { recursive: true, force: true });
});

function refused(ran: Ran, code: number, text: RegExp): void {
  assert.match(ran.stderr, text);
  assert.equal(ran.code, code, ran.stderr);
  assert.equal(ran.stderr.trim().split('\n').length, 1, `one line: ${ran.stderr}`);
  assert.doesNotMatch(ran.stderr, /\n\s+at /, 'no stack');
  assert.equal(ran.stdout, '');
}

describe('what cannot be meant', { concurrency: 2 }, () => {
  const cases: [string, string[], RegExp][] = [
    ['start-recovery', [], /^NODE is missing \(usage: npm run start-recovery -- NODE/],
    ['start-recovery', ['compute-1', '--frce'], /^--frce: there is no such option \(did you mean --force\?\)/],
    ['start-recovery', ['compute-1', 'compute-2'], /^compute-2: one word too many/],
    ['readmit', ['compute-1/tell'], /^NODE "compute-1\/tell": not a name of a node/],
    ['readmit', ['compute-1', '--by', ''], /^--by is empty: who are you\?/],
    ['rehearse', ['compute-1', '--within', '0'], /^--within 0: minutes, more than 0/],
    ['watch', [], /^--once is missing/],
    ['answer', ['confirm-fenced', 'compute-1'], /type the node's name again.*--node-is-off compute-1/],
    ['answer', ['skip'], /^skip: which node\? NODE is missing/],
    ['answer', ['maintain', 'compute-1'], /^maintain: --until is missing/],
    ['answer', ['override', 'compute-1', '--until', '1h'], /^override: it is of all nodes, not of compute-1/],
    ['answer', ['abort', 'compute-1', '--until', '1h'], /^--until goes with maintain and override/],
    ['status', ['--config', '/no/such.yaml'], /^Cannot use \/no\/such\.yaml: no such file/],
  ];
  for (const [name, args, text] of cases) {
    test(`${name} ${args.join(' ')}`, async () => refused(await runScript(name, args), 2, text));
  }
});

describe('what is not there', { concurrency: 2 }, () => {
  test('an unknown key of the configuration is named with its line', async () => {
    const ran = await runScript('start-recovery', ['compute-1', '--config', file('typo.yaml')]);
    refused(ran, 2, /typo\.yaml:2: mdoe: unknown key \(did you mean mode\?\)/);
  });

  test('a Temporal that nobody serves ends it with 3', async () => {
    const env = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`, LIFEBOAT_CONFIG: file('good.yaml') };
    refused(await runScript('status', [], env), 3, /^Cannot reach Temporal at 127\.0\.0\.1:\d+ \(namespace default\)/);
  });

  test('a Temporal that takes the connection and says nothing ends it with 3, within seconds', async () => {
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const env = { TEMPORAL_ADDRESS: address, LIFEBOAT_CONFIG: file('good.yaml') };
    refused(await runScript('start-recovery', ['compute-1'], env), 3, /^Cannot reach Temporal at 127\.0\.0\.1/);
  });

  test('a cloud that is configured nowhere is said with where it was looked for', async () => {
    const ran = await runScript('watch', ['--once'], { LIFEBOAT_CONFIG: file('good.yaml') });
    refused(ran, 2, /^OpenStack: no cloud is configured \(write a clouds\.yaml in/);
  });

  test('a Keystone that nobody serves is unknown, never "No failed nodes"', async () => {
    const auth = {
      auth_url: `http://127.0.0.1:${await freePort()}/v3`,
      username: 'lifeboat',
      password: 'pw-of-keystone',
    };
    const more = { project_name: 'service', user_domain_name: 'Default', project_domain_name: 'Default' };
    await writeFile(file('clouds.yaml'), JSON.stringify({ clouds: { lab: { auth: { ...auth, ...more } } } }));
    await writeFile(file('fast.yaml'), 'cloud: lab\ntimeScale: 0.05\n');
    const env = { OS_CLIENT_CONFIG_FILE: file('clouds.yaml'), LIFEBOAT_CONFIG: file('fast.yaml') };
    const ran = await runScript('watch', ['--once'], env);
    refused(ran, 3, /^unknown: the list of nodes is not whole: /);
    assert.ok(!ran.stderr.includes('pw-of-keystone'));
  });

  test('--help is no error', async () => {
    const ran = await runScript('readmit', ['--help']);
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /^npm run readmit -- NODE[\s\S]*--by NAME[\s\S]*Ends with 0/);
  });
});
