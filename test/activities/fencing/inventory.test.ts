// Nodes' addresses and logins in a file of their own.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { fromIronic, matchOf } from '../../../activities/fencing/from-ironic.ts';
import { csvRows } from '../../../activities/fencing/csv.ts';
import { createFencing, fencingConfig } from '../../../activities/fencing/levels.ts';
import type { Fencing } from '../../../activities/fencing/levels.ts';
import { contextOf } from './conformance.ts';
import { bmc, byRedfish, ironicApi, machine, system } from './ironic-api.ts';

let folder = '';
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-inventory-'))));
after(() => rm(folder, { recursive: true, force: true }));

const asked: unknown[] = [];
const context = {
  ...contextOf({ context: { programs: { ipmitool: '/nowhere/ipmitool' } } }),
  secret: (source: unknown) => Promise.resolve(String(asked.push(source))),
};
const options = { user: 'admin', password: { env: 'BMC' } };

let files = 0;
async function fencingOf(name: string, text: string, device: Record<string, unknown> = {}): Promise<Fencing> {
  const inventory = join(folder, `${(files += 1)}-${name}`);
  await writeFile(inventory, text);
  const devices = [{ driver: 'ipmi', options, inventory, ...device }];
  return createFencing(fencingConfig.parse({ levels: [{ name: 'bmc', devices }] }), context);
}
const labelOf = (fencing: Fencing, node: string): string | undefined =>
  fencing
    .levelsOf(node)[0]
    ?.devices[0]?.confirmCommand()
    .replace(/.* -H (\S+) -p (\S+) -U (\S+).*/, '$1:$2 $3');

for (const [name, text] of [
  ['bmcs.csv', 'node,host,port,user\r\nn1,10.0.0.1,,\r\nn2,10.0.0.2,6230,"root"\r\n'],
  ['bmcs.yaml', 'n1: { host: 10.0.0.1 }\nn2: { host: 10.0.0.2, port: 6230, user: root }\n'],
  ['bmcs.json', '{"n1":{"host":"10.0.0.1"},"n2":{"host":"10.0.0.2","port":6230,"user":"root"}}'],
] as const)
  test(`lays what ${name} says of a node over the options of all`, async () => {
    const fencing = await fencingOf(name, text);
    assert.equal(labelOf(fencing, 'n1'), '10.0.0.1:623 admin');
    assert.equal(labelOf(fencing, 'n2'), '10.0.0.2:6230 root');
  });

test('a node’s own options go over the inventory, key by key', async () => {
  const device = { perNode: { n1: { host: 'other' } } };
  const fencing = await fencingOf('bmcs.csv', 'node,host,port\nn1,10.0.0.1,6230\n', device);
  assert.equal(labelOf(fencing, 'n1'), 'other:6230 admin');
});

test('takes a secret’s place from a column, and the node’s name in it', async () => {
  const text = 'node,host,password.file\nn1,b1,/run/secrets/{node}\n';
  const fencing = await fencingOf('bmcs.csv', text, { options: { user: 'admin' } });
  asked.length = 0;
  await fencing.levelsOf('n1')[0]!.devices[0]!.status(new AbortController().signal);
  assert.deepEqual(asked, [{ file: '/run/secrets/n1' }]);
});

test('adds an agent’s parameters to those of all', async () => {
  const fencing = await fencingOf('strips.csv', 'node,parameters.ip,parameters.plug\nn1,strip-1,7\nn2,strip-1,8\n', {
    driver: 'fence-agent',
    options: { agent: 'fence_nobody_has_this', parameters: { username: 'admin' } },
  });
  assert.equal(
    fencing.levelsOf('n1')[0]?.devices[0]?.confirmCommand(),
    "printf '%s\\n' action=status username=admin ip=strip-1 plug=7 | fence_nobody_has_this",
  );
});

test('leaves nodes of the inventory to the devices that are theirs', async () => {
  const fencing = await fencingOf('bmcs.yaml', 'a1: { host: x }\nb1: { url: y }\n', { nodes: ['a*'] });
  assert.deepEqual(fencing.nodesWithDevices(['a1', 'b1']), ['a1']);
});

test('says of a node that is not in the inventory what it lacks', async () => {
  const fencing = await fencingOf('bmcs.yaml', 'n1: { host: x }\n');
  const lacks = /^fencing\.levels\[0\]\.devices\[0\]\.options\.host: .*\(for n9\)$/;
  assert.match(fencing.problems(['n1', 'n9']).join(), lacks);
});

const AT = String.raw`^fencing\.levels\[0\]\.devices\[0\]\.inventory\.n1`;
for (const [what, name, text, expected] of [
  ['a wrong option', 'a.csv', 'node,host,hots\nn1,a,b\n', `${AT}: .*hots`],
  ['a wrong value', 'a.csv', 'node,host,port\nn1,a,many\n', String.raw`${AT}\.port: .*\(for n1\)`],
  ['a password in clear', 'a.csv', 'node,host,password\nn1,a,hunter2\n', String.raw`${AT}\.password: (?!.*hunter2)`],
  ['one device for two nodes', 'a.csv', 'node,host\nn1,BMC\nn2,bmc\n', 'the device ipmi bmc:623 is .* several nodes'],
  ['a node twice', 'a.csv', 'node,host\nn1,a\nn1,b\n', 'a.csv: line 3 names n1 a second time$'],
  ['a node twice in YAML', 'a.yaml', 'n1: { host: a }\nn1: { host: b }\n', 'unique at line 2'],
  ['a line that is too short', 'a.csv', 'node,host,port\n\nn1,a\n', 'line 3 has 2 cells, the first line has 3$'],
  ['no column node', 'a.csv', 'name,host\nn1,a\n', 'its first line has no column node'],
  ['a quote without an end', 'a.csv', 'node,host\nn1,"a\n', 'a quote is never closed$'],
  ['a list', 'a.yaml', '- host: a\n', 'expected options by node name'],
  ['a text', 'a.json', '{"n1":"10.0.0.1"}', 'expected options by node name, not so at n1'],
  ['broken JSON', 'a.json', '{"n1": {"password": "hunter2", ', '^Cannot use the inventory (?!.*hunter2).*line 1'],
] as const)
  test(`refuses an inventory with ${what}`, async () => {
    await assert.rejects(fencingOf(name, text), (error: Error) => {
      assert.match(error.message, new RegExp(expected));
      return true;
    });
  });

test('says that an inventory is not there', async () => {
  const devices = [{ driver: 'ipmi', options, inventory: join(folder, 'none.csv') }];
  const config = fencingConfig.parse({ levels: [{ name: 'bmc', devices }] });
  await assert.rejects(createFencing(config, context), /Cannot use the inventory .*none\.csv: no such file/);
});

test('names twenty faults of a long inventory, and counts the others', async () => {
  const lines = Array.from({ length: 50 }, (_, i) => `n${i},h${i},x`);
  await assert.rejects(fencingOf('a.csv', `node,host,nobody\n${lines.join('\n')}`), (error: Error) => {
    assert.deepEqual([error.message.split('\n').length, error.message.split('\n').at(-1)], [21, 'and 30 more']);
    return true;
  });
});

test('reads comma-separated values as spreadsheets write them', () => {
  const cells = (text: string) => csvRows(text)?.map((row) => row.cells) ?? null;
  const wanted = [
    ['a', 'b'],
    ['x, "y"', ''],
    ['two\nlines', 'z'],
  ];
  assert.deepEqual(cells('a,b\r\n"x, ""y""",\n\n"two\nlines",z'), wanted);
  assert.deepEqual(
    csvRows('a\n"b\nc"\nd')?.map((row) => row.line),
    [1, 2, 4],
  );
  assert.equal(cells('a,"b'), null);
  assert.equal(cells('a,b"c'), null);
});

// From Ironic

async function askIronic(
  t: TestContext,
  machines: Record<string, unknown>[],
): Promise<{ told(hosts: string[], by?: string): Promise<ReturnType<typeof fromIronic>> }> {
  const api = await ironicApi('rack-1');
  t.after(() => api.close());
  await api.set({ machines });
  return {
    told: async (hosts, by = 'name={node}') => {
      const { baremetal } = await api.connect();
      return fromIronic(await baremetal.machines(), hosts, matchOf(by)!);
    },
  };
}

test('two machines that say they are one node are refused', async (t) => {
  const twins = ['a', 'b'].map((at) => machine(`rack-${at}`, bmc(`10.0.0.${at}`), { resource_class: 'cls-n1' }));
  const { told } = await askIronic(t, twins);
  const { dangers } = await told(['n1'], 'resource_class=cls-{node}');
  assert.deepEqual(dangers, ['n1: rack-a and rack-b both say that they are it']);
});

test('a machine is found by what the operator says, and by the whole name only', async (t) => {
  const { told } = await askIronic(t, [
    machine('rack-a-1', bmc('10.0.0.1'), { properties: { compute: 'n1' } }),
    machine('rack-a-10', bmc('10.0.0.10'), { properties: { compute: 'n10' }, extra: { host: 'x-n1-x' } }),
    machine('rack-a-11', bmc('10.0.0.11'), { instance_info: { display_name: 'n1' } }),
  ]);
  for (const [by, host] of [
    ['properties.compute={node}', '10.0.0.1'],
    ['extra.host=x-{node}-x', '10.0.0.10'],
    ['instance_info.display_name={node}', '10.0.0.11'],
  ] as const)
    assert.equal((await told(['n1'], by)).found.get('n1')?.options.host, host, by);
  assert.equal((await told(['n1'], 'name=rack-a-{node}')).found.size, 0);
  for (const wrong of ['name', 'uuid={node}', 'name=n1', 'properties.={node}', 'name={node}{node}'])
    assert.equal(matchOf(wrong), null, wrong);
});

test('Redfish is written with its system’s path, and left out where Ironic would take the only one', async (t) => {
  const path = '/redfish/v1/Systems/1';
  const { told } = await askIronic(t, [
    machine('n1', system('bmc-1.example.org/redfish/v1/', path), byRedfish),
    machine('n2', system('https://bmc-2', null), byRedfish),
    machine('n3', {}, byRedfish),
    machine('n4', { ilo_address: '10.0.0.4' }, { driver: 'ilo', power_interface: 'ilo' }),
    machine('n5', system('http://10.0.0.5:8000', path, { redfish_verify_ca: false }), {
      power_interface: 'idrac-redfish',
    }),
    machine('n6', bmc('10.0.0.6')),
  ]);
  const { found, missing, notes } = await told(['n1', 'n2', 'n3', 'n4', 'n5']);
  assert.deepEqual(found.get('n1')?.options, { url: 'https://bmc-1.example.org', system: path, user: 'root' });
  assert.deepEqual([...found.keys()], ['n1', 'n5']);
  assert.deepEqual(
    missing.map((line) => line.replace(/ \(.*/, '')),
    [
      'n2: n2: Ironic has no redfish_system_id',
      'n3: n3: Ironic shows no redfish_address',
      'n4: n4: its power is switched by ilo, which is neither IPMI nor Redfish',
    ],
  );
  assert.deepEqual(notes.slice(0, 2), [
    'n5: plain http: needs tls: insecure',
    'n5: Ironic checks its certificate by false, Lifeboat by tls in the configuration',
  ]);
});

test('one device of two machines is a danger, also where only one of them is a compute node', async (t) => {
  const { told } = await askIronic(t, [
    machine('n1', bmc('BMC-1')),
    machine('controller-1', bmc('bmc-1')),
    machine('n2', bmc('10.0.0.2')),
  ]);
  assert.deepEqual((await told(['n1', 'n2'])).dangers, ['ipmi bmc-1:623 is the device of n1 and controller-1']);
});
