import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { failureOf } from './failures.ts';
import { startCloud, type ScriptedCloud } from './scripted-cloud.ts';

const CANDIDATES = 'GET /placement/allocation_candidates';
const PROVIDERS = 'GET /placement/resource_providers';
const ASSIGNMENTS = 'GET /identity/v3/role_assignments';

let cloud: ScriptedCloud;
afterEach(() => cloud.close());

const room = (capacity: number, used: number) => ({ capacity, used });

test('tells the room of each node by name and host: NUMA cells and a shared disk belong to their node', async () => {
  cloud = await startCloud();
  cloud.on('GET /compute/v2.1/os-hypervisors/detail', {
    json: { hypervisors: [{ hypervisor_hostname: 'a.example', host_ip: '10.0.0.1', service: { host: 'a' } }] },
  });
  const request = (cpu: string) => ({
    allocations: {
      [cpu]: { resources: { VCPU: 1, MEMORY_MB: 512 } },
      'rp-disk': { resources: { DISK_GB: 10 } },
    },
  });
  cloud.on(CANDIDATES, {
    json: {
      allocation_requests: [request('rp-a-numa0'), request('rp-a-numa1')],
      provider_summaries: {
        'rp-a-numa0': { resources: { VCPU: room(8, 7), MEMORY_MB: room(4096, 0) }, root_provider_uuid: 'rp-a' },
        'rp-a-numa1': { resources: { VCPU: room(8, 2), MEMORY_MB: room(4096, 1024) }, root_provider_uuid: 'rp-a' },
        'rp-disk': { resources: { DISK_GB: room(1000, 400) }, root_provider_uuid: 'rp-disk' },
      },
    },
  });
  cloud.on(PROVIDERS, { json: { resource_providers: [{ uuid: 'rp-a', name: 'a.example' }] } });
  const os = await cloud.connect();
  const expected = [{ provider: 'a.example', host: 'a', free: { VCPU: 6, MEMORY_MB: 4096, DISK_GB: 600 } }];
  assert.deepEqual(await os.placement.candidates({ vcpus: 1, ram: 512, disk: 10 }), expected);
  assert.deepEqual(await os.placement.candidates({ vcpus: 1, ram: 512, disk: 10 }), expected);
  assert.equal(cloud.count(PROVIDERS), 1);
});

test('asks for no amount of zero, which Placement refuses', async () => {
  cloud = await startCloud();
  cloud.on(CANDIDATES, { json: { allocation_requests: [], provider_summaries: {} } });
  const os = await cloud.connect();
  assert.deepEqual(await os.placement.candidates({ vcpus: 2, ram: 512, disk: 0, extra: { VGPU: 1 } }), []);
  assert.equal(cloud.last(CANDIDATES).query.get('resources'), 'VCPU:2,MEMORY_MB:512,VGPU:1');
});

test('a Placement that fails is an error, not "no room"', async () => {
  cloud = await startCloud();
  cloud.on(CANDIDATES, { status: 500 });
  const e = await failureOf((await cloud.connect()).placement.candidates({ vcpus: 1, ram: 1, disk: 1 }));
  assert.equal(e.status, 500);
});

test('everybody with a role on the project is told once, with their roles, except ourselves', async () => {
  cloud = await startCloud();
  const row = (id: string, role: string) => ({
    ...{ user: { id, name: id }, role: { id: role, name: role }, scope: { project: { id: 'p1' } } },
  });
  cloud.on(ASSIGNMENTS, ({ query }) =>
    query.get('page') === '2'
      ? { json: { role_assignments: [row('u-gone', 'member')], links: { next: null } } }
      : {
          json: {
            role_assignments: [
              row('u-1', 'member'),
              row('u-1', 'reader'),
              row('u-off', 'r'),
              row('u-lifeboat', 'admin'),
            ],
            links: { next: `http://inside/v3/role_assignments?${query.toString()}&page=2` },
          },
        },
  );
  cloud.on('GET /identity/v3/users/u-1', { json: { user: { id: 'u-1', name: 'ann', email: 'ann@acme.example' } } });
  cloud.on('GET /identity/v3/users/u-off', { json: { user: { id: 'u-off', name: 'off', enabled: false } } });
  const os = await cloud.connect();
  const expected = [
    { userId: 'u-1', name: 'ann', email: 'ann@acme.example', enabled: true, roles: ['member', 'reader'] },
    { userId: 'u-off', name: 'off', email: null, enabled: false, roles: ['r'] },
    { userId: 'u-gone', name: 'u-gone', email: null, enabled: false, roles: ['member'] },
  ];
  assert.deepEqual(await os.identity.peopleOf('p1'), expected);
  const { query } = cloud.last(ASSIGNMENTS);
  assert.deepEqual([query.get('effective'), query.get('include_names')], ['true', 'true']);
  assert.equal(query.get('scope.project.id'), 'p1');
});

test('tells who we are from the token alone', async () => {
  cloud = await startCloud();
  assert.deepEqual(await (await cloud.connect()).identity.whoAmI(), {
    ...{ userId: 'u-lifeboat', userName: 'lifeboat', roles: ['admin'], projectId: 'p-service' },
  });
  assert.equal(cloud.requests.length, 1);
});

test('an image is read once in ten minutes, its own words as properties; one that is gone is null', async () => {
  cloud = await startCloud();
  const path = 'GET /image/v2/images/a';
  cloud.on(path, { json: { id: 'a', name: 'ubuntu', tags: ['gold'], scratch: 'yes', min_disk: 0, protected: false } });
  const os = await cloud.connect();
  const found = { tags: ['gold'], properties: { id: 'a', name: 'ubuntu', scratch: 'yes' } };
  for (let n = 0; n < 3; n++) assert.deepEqual(await os.images.image('a'), found);
  assert.equal(await os.images.image('b'), null);
  assert.equal(await os.images.image('b'), null);
  assert.deepEqual([cloud.count(path), cloud.count('GET /image/v2/images/b')], [1, 1]);
  cloud.later(601_000);
  await os.images.image('a');
  assert.equal(cloud.count(path), 2);
  cloud.on('GET /image/v2/images/c', { status: 403 });
  assert.equal((await failureOf(os.images.image('c'))).status, 403);
});
