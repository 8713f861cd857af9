import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { failureOf } from './failures.ts';
import { startCloud, type Route, type ScriptedCloud } from './scripted-cloud.ts';

const SERVICES = 'GET /compute/v2.1/os-services';
const HYPERVISORS = 'GET /compute/v2.1/os-hypervisors/detail';
const SERVERS = 'GET /compute/v2.1/servers/detail';
const MIGRATIONS = 'GET /compute/v2.1/os-migrations';
const GROUPS = 'GET /compute/v2.1/os-server-groups';

let cloud: ScriptedCloud;
afterEach(() => cloud.close());

const service = (host: string, change: object = {}) => ({
  ...{ binary: 'nova-compute', host, id: `s-${host}`, zone: 'az1', status: 'enabled', state: 'up' },
  ...{ updated_at: '2026-01-01T00:00:00.000000', disabled_reason: null, forced_down: false, ...change },
});
/** What Nova says since 2.69 of a service whose cell does not answer. */
const silent = (host: string) => ({ binary: 'nova-compute', host, status: 'UNKNOWN' });
const hypervisor = (host: string, ip: string | null) => ({
  ...{ id: `h-${host}`, hypervisor_hostname: `${host}.example`, host_ip: ip, service: { host, id: `s-${host}` } },
});
const server = (id: string, host: string | null, change: object = {}) => ({
  ...{ id, name: `name-${id}`, status: 'ACTIVE', tenant_id: 'p1', user_id: 'u1', image: { id: 'img' } },
  ...{ 'OS-EXT-SRV-ATTR:host': host, 'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:task_state': null },
  ...{ 'OS-EXT-STS:power_state': 1, 'OS-SRV-USG:launched_at': 't', 'OS-EXT-AZ:availability_zone': 'az1' },
  ...{ locked: false, locked_reason: null, metadata: { a: 'b' }, tags: ['t'] },
  flavor: { original_name: 'small', vcpus: 1, ram: 512, disk: 10, ephemeral: 5, swap: 256, extra_specs: { x: 'y' } },
  ...change,
});

async function started(routes: Record<string, Route>) {
  cloud = await startCloud();
  for (const [route, reply] of Object.entries(routes)) cloud.on(route, reply);
  return cloud.connect();
}

test('a host gets the address of its own hypervisor, never that of a similar name', async () => {
  const os = await started({
    [SERVICES]: { json: { services: [service('node-1'), service('node-10')] } },
    [HYPERVISORS]: { json: { hypervisors: [hypervisor('node-10', '10.0.0.10'), hypervisor('node-1', '10.0.0.1')] } },
  });
  const ips = (await os.compute.services()).map((n) => [n.host, n.hostIp]);
  assert.deepEqual(ips, [
    ['node-1', '10.0.0.1'],
    ['node-10', '10.0.0.10'],
  ]);
  assert.equal(cloud.last(HYPERVISORS).headers['openstack-api-version'], 'compute 2.87');
});

test('addresses are read again after 10 minutes, or sooner for a new host, but not at each call', async () => {
  const os = await started({
    [SERVICES]: { json: { services: [service('a')] } },
    [HYPERVISORS]: { json: { hypervisors: [hypervisor('a', '10.0.0.1')] } },
  });
  for (let i = 0; i < 5; i++) await os.compute.services();
  assert.equal(cloud.count(HYPERVISORS), 1);
  cloud.on(SERVICES, { json: { services: [service('a'), service('b')] } });
  cloud.later(31_000);
  // The background reading may be on its way still.
  while (cloud.count(HYPERVISORS) < 2) await os.compute.services();
  for (let i = 0; i < 5; i++) await os.compute.services();
  assert.equal(cloud.count(HYPERVISORS), 2);
});

test('a failing os-hypervisors costs the addresses, not the list', async () => {
  const os = await started({
    [SERVICES]: { json: { services: [service('a')] } },
    [HYPERVISORS]: { status: 400 },
  });
  assert.equal((await os.compute.services())[0]?.hostIp, null);
  await os.compute.services();
  assert.equal(cloud.count(HYPERVISORS), 1);
});

test('a cell that does not answer makes its hosts unknown, not down', async () => {
  const os = await started({ [SERVICES]: { json: { services: [silent('a'), service('b', { state: 'down' })] } } });
  const [a, b] = await os.compute.services();
  assert.deepEqual([a?.state, a?.serviceId, a?.disabledReason, b?.state], ['unknown', '', null, 'down']);
});

test('one service is found by its exact name only', async () => {
  const os = await started({ [SERVICES]: { json: { services: [service('node-10'), service('node-1')] } } });
  assert.equal((await os.compute.service('node-1'))?.host, 'node-1');
  assert.equal(await os.compute.service('node'), null);
  assert.equal(cloud.last(SERVICES).query.get('host'), 'node');
});

test('one PUT disables, gives the reason and forces down', async () => {
  const os = await started({
    'PUT /compute/v2.1/os-services/s-a': { json: { service: service('a', { status: 'disabled', forced_down: true }) } },
  });
  const change = { status: 'disabled', disabledReason: 'lifeboat:1', forcedDown: true } as const;
  const node = await os.compute.updateService('s-a', change);
  assert.deepEqual([node.status, node.forcedDown], ['disabled', true]);
  const put = cloud.last('PUT /compute/v2.1/os-services/s-a');
  assert.deepEqual(put.body, { status: 'disabled', disabled_reason: 'lifeboat:1', forced_down: true });
  assert.equal(put.headers['openstack-api-version'], 'compute 2.53');
});

test('a reason that Nova would drop or cut is refused before anything is sent', async () => {
  const os = await started({});
  const alone = await failureOf(os.compute.updateService('s-a', { disabledReason: 'x', forcedDown: true }));
  const long = await failureOf(os.compute.lock('i', 'x'.repeat(256)));
  assert.deepEqual([alone.maybeSent, long.maybeSent, cloud.requests.length], [false, false, 0]);
});

test('instances of exactly this host, with the groups that the list does not tell', async () => {
  const group = { id: 'g1', name: 'g', policy: 'anti-affinity', rules: {}, members: ['i1', 'i9'] };
  const os = await started({
    [SERVERS]: { json: { servers: [server('i1', 'a', { image: '' }), server('i2', 'a-other')] } },
    [GROUPS]: ({ query }) => ({ json: { server_groups: query.get('offset') === '0' ? [group] : [] } }),
  });
  const [one, ...more] = await os.compute.instances('a');
  assert.equal(more.length, 0);
  assert.deepEqual(one, {
    ...{ id: 'i1', name: 'name-i1', projectId: 'p1', userId: 'u1', host: 'a', vmState: 'active', taskState: null },
    ...{ powerState: 1, status: 'ACTIVE', locked: false, lockedReason: null, launchedAt: 't', volumeBacked: true },
    imageId: null,
    flavor: { name: 'small', vcpus: 1, ram: 512, disk: 15, ephemeral: 5, swap: 256, extraSpecs: { x: 'y' } },
    ...{ az: 'az1', metadata: { a: 'b' }, tags: ['t'], serverGroups: ['g1'], fault: null },
  });
  const asked = cloud.last(SERVERS);
  assert.equal(asked.query.toString(), 'all_tenants=1&host=a');
  assert.equal(asked.headers['openstack-api-version'], 'compute 2.73');
});

test('properties of images come in the same call, at a version that tells them; an older Nova tells none', async () => {
  const image = { id: 'img', properties: { os_distro: 'windows', hw_qemu_guest_agent: true } };
  const os = await started({
    [SERVERS]: { json: { servers: [server('i', 'h', { image }), server('v', 'h', { image: '' })] } },
    [GROUPS]: { json: { server_groups: [] } },
  });
  const version = { id: 'v2.1', version: '2.103', min_version: '2.1' };
  cloud.on('GET /compute/v2.1/', { json: { version } });
  const [i, v] = await os.compute.instances('h', { imageProperties: true });
  assert.deepEqual([i?.imageId, i?.imageProperties], ['img', { os_distro: 'windows', hw_qemu_guest_agent: 'true' }]);
  assert.deepEqual([v?.imageId, v?.imageProperties, v?.volumeBacked], [null, undefined, true]);
  assert.equal(cloud.last(SERVERS).headers['openstack-api-version'], 'compute 2.98');
  await os.compute.instances('h');
  assert.equal(cloud.last(SERVERS).headers['openstack-api-version'], 'compute 2.73');
  await cloud.close();
  const older = await started({
    [SERVERS]: { json: { servers: [] } },
    [SERVICES]: { json: { services: [service('h')] } },
  });
  await older.compute.instances('h', { imageProperties: true });
  assert.equal(cloud.last(SERVERS).headers['openstack-api-version'], 'compute 2.96');
});

test('an empty list from a cell that does not answer is an error, not "no instances"', async () => {
  const os = await started({
    [SERVERS]: { json: { servers: [] } },
    [MIGRATIONS]: { json: { migrations: [] } },
    [SERVICES]: { json: { services: [silent('a')] } },
  });
  assert.match((await failureOf(os.compute.instances('a'))).message, /the cell of a does not answer/);
  assert.match(
    (await failureOf(os.compute.migrations({ sourceCompute: 'a' }))).message,
    /the cell of a does not answer/,
  );
  cloud.on(SERVICES, { json: { services: [service('a', { state: 'down' })] } });
  assert.deepEqual(await os.compute.instances('a'), []);
});

test('a user to whom Nova hides the hosts is told so, not that the node is empty', async () => {
  const hidden = server('i1', 'a', { 'OS-EXT-SRV-ATTR:host': undefined });
  const os = await started({ [SERVERS]: { json: { servers: [hidden] } } });
  const e = await failureOf(os.compute.instances('a'));
  assert.equal(e.kind, 'forbidden');
  assert.match(e.message, /hides the host .*admin role/);
});

test('an instance that is gone is null; one of which only a part is told is an error', async () => {
  const os = await started({
    'GET /compute/v2.1/servers/i1': { json: { server: { id: 'i1', status: 'UNKNOWN', tenant_id: 'p1' } } },
  });
  assert.equal(await os.compute.instance('i2'), null);
  assert.match((await failureOf(os.compute.instance('i1'))).message, /only a part of instance i1 is told/);
});

test('asks for migrations by all of its filters', async () => {
  const os = await started({
    [MIGRATIONS]: { json: { migrations: [] } },
    [SERVICES]: { json: { services: [service('a')] } },
  });
  await os.compute.migrations({ sourceCompute: 'a', type: 'evacuation', changesSince: '2026-01-01T00:00:00Z' });
  const { query, headers } = cloud.last(MIGRATIONS);
  assert.deepEqual(Object.fromEntries(query), {
    ...{ source_compute: 'a', migration_type: 'evacuation', 'changes-since': '2026-01-01T00:00:00Z' },
  });
  assert.equal(headers['openstack-api-version'], 'compute 2.59');
});

test('records of another source are dropped, though Nova ignores the source beside a host', async () => {
  const row = (id: number, source: string, dest: string | null) => ({
    ...{ id, instance_uuid: 'i', migration_type: 'evacuation', status: 'accepted', source_compute: source },
    ...{ dest_compute: dest, created_at: 't', updated_at: null },
  });
  const migrations = [row(1, 'a', null), row(2, 'A', 'b'), row(3, 'b', 'a')];
  const os = await started({ [MIGRATIONS]: { json: { migrations } } });
  const ids = async (f: object) => (await os.compute.migrations(f)).map((r) => r.id);
  assert.deepEqual(await ids({ sourceCompute: 'a' }), [1]);
  assert.deepEqual(await ids({ host: 'a' }), [1, 3]);
  assert.deepEqual(await ids({ host: 'a', sourceCompute: 'a' }), [1]);
});

test('each verb posts the action that Nova knows, at a version that keeps the power state', async () => {
  const os = await started({ 'POST /compute/v2.1/servers/i/action': { status: 202 } });
  const { evacuate, lock, unlock, start, stop, resetState } = os.compute;
  await evacuate('i');
  await evacuate('i', 'b');
  await lock('i', 'lifeboat:1');
  for (const verb of [unlock, start, stop]) await verb('i');
  await resetState('i', 'active');
  const posts = cloud.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/action'));
  assert.deepEqual(
    posts.map((p) => p.body),
    [
      ...[{ evacuate: {} }, { evacuate: { host: 'b' } }, { lock: { locked_reason: 'lifeboat:1' } }],
      ...[{ unlock: null }, { 'os-start': null }, { 'os-stop': null }, { 'os-resetState': { state: 'active' } }],
    ],
  );
  assert.equal(posts[0]?.headers['openstack-api-version'], 'compute 2.94');
});
