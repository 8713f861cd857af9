import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { inspect } from 'node:util';
import { closedPort, failureOf } from './failures.ts';
import { PASSWORD, startCloud, token, type ScriptedCloud } from './scripted-cloud.ts';

const SERVICES = 'GET /compute/v2.1/os-services';
const SERVERS = 'GET /compute/v2.1/servers/detail';
const MIGRATIONS = 'GET /compute/v2.1/os-migrations';
const VERSIONS = 'GET /compute/v2.1/';
const ACTION = 'POST /compute/v2.1/servers/i-1/action';
const NONE = { json: { services: [] } };

let cloud: ScriptedCloud;
afterEach(() => cloud.close());

test('an error tells the call, the status, the words of the service and the request id in one line', async () => {
  cloud = await startCloud();
  const headers = { 'x-openstack-request-id': 'req-42' };
  cloud.on(SERVICES, { status: 403, headers, json: { forbidden: { code: 403, message: "Policy\ndoesn't allow it" } } });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.equal(e.message, "[GET] compute /os-services: 403 Policy doesn't allow it (request req-42)");
  assert.deepEqual([e.kind, e.status, e.requestId, e.maybeSent], ['forbidden', 403, 'req-42', true]);
});

test('an error is at most 300 characters and keeps the request id', async () => {
  cloud = await startCloud();
  const headers = { 'x-compute-request-id': 'req-43' };
  cloud.on(SERVICES, { status: 400, headers, json: { badRequest: { message: 'long '.repeat(500) } } });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.ok(e.message.length <= 300);
  assert.match(e.message, /… \(request req-43\)$/);
});

test('no secret is in an error, even where the cloud repeats it', async () => {
  cloud = await startCloud();
  const leak = `user lifeboat password ${PASSWORD} token ${token(1)} at https://u:${PASSWORD}x@db/nova`;
  cloud.on(SERVICES, { status: 500, json: { computeFault: { message: leak } } });
  cloud.on(MIGRATIONS, { text: `<html>${leak}</html>` });
  cloud.on(SERVERS, { status: 502, text: `<html>${leak}</html>` });
  const os = await cloud.connect();
  const calls = [() => os.compute.services(), () => os.compute.migrations({}), () => os.compute.instances('a')];
  for (const call of calls) {
    const e = await failureOf(call());
    for (const text of [e.message, e.stack ?? '', inspect(e, { depth: 9 }), JSON.stringify(e)]) {
      assert.ok(!text.includes(PASSWORD) && !text.includes(token(1)) && !text.includes('u:'), text);
    }
  }
  assert.ok(!inspect(os, { depth: 9, showHidden: true }).includes(PASSWORD));
});

test('a read that stumbles is tried again: 5xx, a dead connection, half a page', async () => {
  cloud = await startCloud();
  const replies = [{ status: 503, text: 'busy' }, 'reset', 'half', NONE] as const;
  cloud.on(SERVICES, (_, nth) => replies[nth - 1]!);
  assert.deepEqual(await (await cloud.connect()).compute.services(), []);
  assert.equal(cloud.count(SERVICES), 4);
});

test('waits between tries grow and are jittered', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, { status: 500 });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.equal(e.kind, 'server');
  const [a = 0, b = 0, c = 0] = cloud.pauses;
  assert.equal(cloud.pauses.length, 3);
  assert.ok(a >= 125 && a <= 250 && b >= 250 && b <= 500 && c >= 500 && c <= 1_000, String(cloud.pauses));
});

test('waits at least as long as Retry-After says', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, (_, nth) => (nth === 1 ? { status: 429, headers: { 'retry-after': '7' } } : NONE));
  await (await cloud.connect()).compute.services();
  assert.deepEqual(cloud.pauses, [7_000]);
});

test('does not wait past the time limit: the reason is told at once', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, {
    status: 429,
    headers: { 'retry-after': '3600' },
    json: { overLimit: { message: 'slow down' } },
  });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.deepEqual([e.kind, cloud.pauses.length, cloud.count(SERVICES)], ['rateLimited', 0, 1]);
});

test('a refusal is not tried again', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, { status: 400, json: { badRequest: { message: 'no' } } });
  await failureOf((await cloud.connect()).compute.services());
  assert.equal(cloud.count(SERVICES), 1);
});

test('a write is sent once, whatever is answered', async () => {
  cloud = await startCloud();
  const os = await cloud.connect();
  for (const reply of [{ status: 503 }, { status: 429, headers: { 'retry-after': '0' } }, 'reset', 'half'] as const) {
    const before = cloud.count(ACTION);
    cloud.on(ACTION, reply);
    const e = await failureOf(os.compute.evacuate('i-1'));
    assert.equal(cloud.count(ACTION), before + 1);
    assert.equal(e.maybeSent, true);
  }
});

test('a write whose answer does not come in time may have been sent', async () => {
  cloud = await startCloud();
  const os = await cloud.connect();
  cloud.on(ACTION, { status: 202 });
  await os.compute.evacuate('i-1');
  cloud.on(ACTION, 'hang');
  const e = await failureOf(os.compute.evacuate('i-1', undefined, { timeoutMs: 500 }));
  assert.deepEqual([e.kind, e.status, e.maybeSent, cloud.count(ACTION)], ['timeout', 0, true, 2]);
});

test('a write that found nobody listening was surely not sent', async () => {
  cloud = await startCloud();
  const os = await cloud.connect();
  cloud.on(ACTION, { status: 202 });
  await os.compute.lock('i-1', 'why');
  const port = await closedPort();
  const env = { ...cloud.env, OS_AUTH_URL: `http://127.0.0.1:${port}` };
  const e = await failureOf((await cloud.connect({ env })).compute.evacuate('i-1'));
  assert.deepEqual([e.kind, e.maybeSent], ['unreachable', false]);
  assert.match(e.message, /unreachable, ECONNREFUSED 127\.0\.0\.1:\d+/);
});

test('a write that waited for its turn until time was up was surely not sent', async () => {
  cloud = await startCloud();
  cloud.on(SERVERS, 'hang');
  const os = await cloud.connect({ concurrency: 1 });
  await os.identity.whoAmI();
  const leaving = new AbortController();
  const blocking = os.compute.instances('a', { signal: leaving.signal });
  const e = await failureOf(os.compute.evacuate('i-1', undefined, { timeoutMs: 200 }));
  assert.deepEqual([e.kind, e.maybeSent, cloud.count(ACTION)], ['timeout', false, 0]);
  leaving.abort(new Error('enough'));
  await assert.rejects(blocking, /enough/);
});

test('the last word before a write is asked when its turn has come; a no sends nothing', async () => {
  cloud = await startCloud();
  cloud.on(ACTION, { status: 202 });
  let free = () => {};
  const gate = new Promise<void>((r) => (free = r));
  cloud.on(SERVERS, { status: 400, after: gate });
  const os = await cloud.connect({ concurrency: 1 });
  await os.compute.lock('i-1', 'so that token and versions are there');
  const blocking = failureOf(os.compute.instances('a'));
  let asked = 0;
  const beforeSend = () => {
    asked += 1;
    throw new Error('the permission is too old');
  };
  const refused = assert.rejects(os.compute.evacuate('i-1', undefined, { beforeSend }), /the permission is too old/);
  while (cloud.count(SERVERS) === 0) await new Promise((r) => setTimeout(r, 1));
  assert.equal(asked, 0);
  free();
  await Promise.all([blocking, refused]);
  assert.deepEqual([asked, cloud.count(ACTION)], [1, 1]);
  // The place was given back.
  await os.compute.evacuate('i-1', undefined, { beforeSend: () => undefined });
  assert.equal(cloud.count(ACTION), 2);
});

test('never more calls at a time than allowed', async () => {
  cloud = await startCloud();
  let open = 0;
  let most = 0;
  cloud.on(SERVICES, () => {
    most = Math.max(most, ++open);
    const after = new Promise((r) => setTimeout(r, 5)).then(() => open--);
    return { ...NONE, after };
  });
  const os = await cloud.connect({ concurrency: 3 });
  await Promise.all(Array.from({ length: 20 }, () => os.compute.services()));
  assert.equal(most, 3);
});

test('a redirect is not followed: the token goes nowhere else', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, { status: 302, headers: { location: `${cloud.url}/elsewhere` } });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.equal(e.kind, 'config');
  assert.ok(!cloud.requests.some((r) => r.path === '/elsewhere'));
});

test('an answer of another shape is an error, not an empty list', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, { json: { service: [] } });
  const e = await failureOf((await cloud.connect()).compute.services());
  assert.match(e.message, /an unexpected answer at services/);
});

test('a cloud that is too old is told with what is needed and what it has', async () => {
  cloud = await startCloud();
  cloud.on(VERSIONS, { json: { version: { id: 'v2.1', version: '2.42', min_version: '2.1' } } });
  const os = await cloud.connect();
  const e = await failureOf(os.compute.evacuate('i-1'));
  assert.deepEqual([e.kind, e.maybeSent, cloud.count(ACTION)], ['tooOld', false, 0]);
  assert.match(e.message, /microversion 2\.68 to 2\.94 is needed \(.*\), this cloud has 2\.1 to 2\.42/);
});

test('asks for versions once and takes the highest that a call knows', async () => {
  cloud = await startCloud();
  cloud.on(VERSIONS, { json: { version: { id: 'v2.1', version: '2.80', min_version: '2.1' } } });
  cloud.on(ACTION, { status: 202 });
  cloud.on(SERVICES, NONE);
  const os = await cloud.connect();
  await Promise.all([os.compute.services(), os.compute.evacuate('i-1')]);
  assert.equal(cloud.count(VERSIONS), 1);
  assert.equal(cloud.last(ACTION).headers['openstack-api-version'], 'compute 2.80');
  assert.equal(cloud.last(SERVICES).headers['openstack-api-version'], 'compute 2.69');
});

const record = (id: number) => ({
  ...{ id, instance_uuid: `i-${id}`, migration_type: 'evacuation', status: 'done', source_compute: 'a' },
  ...{ dest_compute: 'b', created_at: '2026-01-01T00:00:00Z', updated_at: null },
});
const next = (marker: string) => [{ rel: 'next', href: `http://internal.example/v2.1/os-migrations?marker=${marker}` }];

test('follows pages to the end by their query, at our own address', async () => {
  cloud = await startCloud();
  cloud.on(MIGRATIONS, ({ query }) => {
    const marker = query.get('marker');
    if (marker === null) return { json: { migrations: [record(3)], migrations_links: next('x&source_compute=a') } };
    return { json: { migrations: [record(2)] } };
  });
  const records = await (await cloud.connect()).compute.migrations({});
  assert.deepEqual(
    records.map((r) => r.id),
    [3, 2],
  );
  assert.equal(cloud.last(MIGRATIONS).query.get('source_compute'), 'a');
});

test('a page that fails fails the whole list', async () => {
  cloud = await startCloud();
  cloud.on(MIGRATIONS, ({ query }) =>
    query.has('marker') ? { status: 500 } : { json: { migrations: [record(3)], migrations_links: next('x') } },
  );
  const e = await failureOf((await cloud.connect()).compute.migrations({}));
  assert.equal(e.status, 500);
});

test('pages that go round in a circle are an error', async () => {
  cloud = await startCloud();
  cloud.on(MIGRATIONS, { json: { migrations: [record(3)], migrations_links: next('x') } });
  const e = await failureOf((await cloud.connect()).compute.migrations({}));
  assert.match(e.message, /its pages do not end/);
});
