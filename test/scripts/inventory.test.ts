// npm run inventory, as a person types it, in front of a small Ironic and a Nova with three nodes.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { createFencing, fencingConfig } from '../../activities/fencing/levels.ts';
import { contextOf } from '../activities/fencing/conformance.ts';
import { bmc, byRedfish, ironicApi, machine, system } from '../activities/fencing/ironic-api.ts';
import { runScript, type Ran } from './run-script.ts';

let folder = '';
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-ironic-'))));
after(() => rm(folder, { recursive: true, force: true }));

async function askIronic(
  t: TestContext,
  machines: Record<string, unknown>[],
): Promise<{ run(...args: string[]): Promise<Ran> }> {
  const api = await ironicApi('rack-1');
  t.after(() => api.close());
  await api.set({ machines });
  const services = ['n1', 'n2', 'n3'].map((host) => ({
    ...{ binary: 'nova-compute', host, id: `s-${host}`, zone: 'az1', status: 'enabled', state: 'up' },
    ...{ updated_at: '2026-01-01T00:00:00.000000', disabled_reason: null, forced_down: false },
  }));
  api.cloud.on('GET /compute/v2.1/os-services', { json: { services } });
  const config = join(folder, 'lab.yaml');
  await writeFile(config, 'cloud: lab\n');
  const env = { ...api.cloud.env, LIFEBOAT_CONFIG: config };
  return {
    run: (...args) => runScript('inventory', ['--from', 'ironic', ...args], env),
  };
}

test('Ironic’s addresses become an inventory that fencing takes, without a password, page by page', async (t) => {
  const { run } = await askIronic(t, [
    machine('n1', bmc('10.0.0.1', { ipmi_password: 'shown-to-an-admin' })),
    machine('n2', bmc('10.0.0.2', { ipmi_port: '6230', ipmi_cipher_suite: '3', ipmi_priv_level: 'OPERATOR' })),
    machine('n3', bmc('10.0.0.3', { ipmi_username: 'root' })),
    machine('controller-1', bmc('10.0.0.9')),
  ]);
  const file = join(folder, 'ironic.yaml');
  const first = await run('--out', file);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /no compute node: controller-1/);
  const text = await readFile(file, 'utf8');
  assert.doesNotMatch(text + first.stderr, /shown-to-an-admin|\*\*\*/);
  const options = { password: { env: 'BMC' } };
  const devices = [{ driver: 'ipmi', options, inventory: file }];
  const fencing = await createFencing(
    fencingConfig.parse({ levels: [{ name: 'bmc', devices }] }),
    contextOf({ context: {} }),
  );
  assert.deepEqual(
    ['n1', 'n2', 'n3'].map((node) => fencing.levelsOf(node)[0]?.devices[0]?.label),
    ['ipmi 10.0.0.1:623', 'ipmi 10.0.0.2:6230', 'ipmi 10.0.0.3:623'],
  );
  const again = await run('--compare', file);
  assert.deepEqual([again.code, again.stdout], [0, '']);
});

test('an inventory that says something else than Ironic is told, and loses no node unless that is meant', async (t) => {
  const { run } = await askIronic(t, [machine('n1', bmc('10.0.0.1')), machine('n2', bmc('10.0.0.2'))]);
  const file = join(folder, 'older.yaml');
  const before = 'n1: { host: 10.0.0.7, password: { env: A } }\nn3: { host: 10.0.0.3 }\n';
  await writeFile(file, before);
  const compared = await run('--compare', file, '--no-user');
  assert.equal(compared.code, 1, compared.stderr);
  assert.deepEqual(compared.stdout.trim().split('\n'), [
    `n1: host is "10.0.0.1" in Ironic, "10.0.0.7" in ${file}`,
    `n2: not in ${file}`,
    'n3: only in ' + file,
  ]);
  const refused = await run('--out', file);
  assert.match(refused.stderr, /would lose n3; left as it is/);
  assert.deepEqual([refused.code, await readFile(file, 'utf8')], [2, before]);
  const dropped = await run('--out', file, '--drop');
  assert.match(dropped.stderr, /missing n3: no machine whose name says so/);
  assert.equal(dropped.code, 1, 'n3 has no device');
  assert.match(await readFile(file, 'utf8'), /^n1: .*10\.0\.0\.1.*\nn2: /m);
});

test('one device of two machines is refused, and nothing is written', async (t) => {
  const { run } = await askIronic(t, [
    machine('n1', bmc('BMC-1')),
    machine('controller-1', bmc('bmc-1')),
    machine('n2', bmc('10.0.0.2')),
  ]);
  const file = join(folder, 'never.yaml');
  const ran = await run('--out', file);
  assert.match(ran.stderr, /^REFUSED ipmi bmc-1:623 is the device of n1 and controller-1$/m);
  assert.equal(ran.code, 1);
  await assert.rejects(readFile(file));
});

test('where Ironic has both kinds of devices, each gets an inventory of its own', async (t) => {
  const { run } = await askIronic(t, [
    machine('n1', bmc('10.0.0.1')),
    machine('n2', system('bmc-2', '/redfish/v1/Systems/1'), byRedfish),
    machine('n3', bmc('10.0.0.3')),
  ]);
  const [both, one] = await Promise.all([run(), run('--driver', 'redfish', '--no-user')]);
  assert.match(both.stderr, /Ironic has ipmi and redfish: write an inventory for each \(--driver ipmi\)/);
  assert.deepEqual([both.code, both.stdout], [2, '']);
  assert.deepEqual(
    [one.code, one.stdout.split('\n')[2]],
    [0, 'n2: { url: https://bmc-2, system: /redfish/v1/Systems/1 }'],
  );
  assert.match(one.stderr, /another driver's: n1, n3/);
});
