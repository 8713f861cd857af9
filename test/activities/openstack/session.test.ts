import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { failureOf as failure } from './failures.ts';
import { login, PASSWORD, startCloud, token, type ScriptedCloud } from './scripted-cloud.ts';

const TOKENS = 'POST /identity/v3/auth/tokens';
const SERVICES = 'GET /compute/v2.1/os-services';
const NONE = { json: { services: [] } };
const EXPIRED = { status: 401, json: { error: { message: 'The request you have made requires authentication.' } } };

let cloud: ScriptedCloud;
afterEach(() => cloud.close());

test('opens no connection before the first call', async () => {
  cloud = await startCloud();
  await cloud.connect();
  assert.equal(cloud.requests.length, 0);
});

test('many callers at once share one login', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, NONE);
  const os = await cloud.connect();
  await Promise.all(Array.from({ length: 20 }, () => os.compute.services()));
  assert.equal(cloud.count(TOKENS), 1);
  assert.equal(cloud.last(SERVICES).headers['x-auth-token'], token(1));
});

test('asks for the project scope with names and their domains', async () => {
  cloud = await startCloud();
  await (await cloud.connect()).identity.whoAmI();
  const user = { name: 'lifeboat', domain: { name: 'Default' }, password: PASSWORD };
  assert.deepEqual(cloud.last(TOKENS).body, {
    auth: {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: 'service', domain: { name: 'Default' } } },
    },
  });
});

test('renews a token before it ends', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, NONE);
  const os = await cloud.connect();
  await os.compute.services();
  cloud.later(3_600_000 - 6 * 60_000);
  await os.compute.services();
  assert.equal(cloud.count(TOKENS), 1);
  cloud.later(2 * 60_000);
  await os.compute.services();
  assert.equal(cloud.count(TOKENS), 2);
});

test('a refused token is renewed once for all who used it, and the calls are repeated', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, (seen) => (seen.headers['x-auth-token'] === token(1) ? EXPIRED : NONE));
  const os = await cloud.connect();
  await os.identity.whoAmI();
  await Promise.all(Array.from({ length: 10 }, () => os.compute.services()));
  assert.equal(cloud.count(TOKENS), 2);
});

test('a service that refuses every token is told as such after one renewal', async () => {
  cloud = await startCloud();
  cloud.on(SERVICES, EXPIRED);
  const e = await failure((await cloud.connect()).compute.services());
  assert.deepEqual([e.kind, e.status, cloud.count(SERVICES), cloud.count(TOKENS)], ['auth', 401, 2, 2]);
});

test('a wrong password is told with the place to mend it, and not tried again in a loop', async () => {
  cloud = await startCloud();
  cloud.on(TOKENS, EXPIRED);
  const os = await cloud.connect();
  const e = await failure(os.compute.services());
  assert.equal(e.kind, 'auth');
  assert.equal(e.maybeSent, false);
  assert.match(
    e.message,
    /^\[POST\] identity \/auth\/tokens: 401 The request .* \(check user, password, .*OS_\* variables\)/,
  );
  await failure(os.compute.services());
  assert.equal(cloud.count(TOKENS), 1);
  cloud.later(31_000);
  cloud.on(TOKENS, (_, nth) => login(cloud.url, nth, 3_600_000));
  cloud.on(SERVICES, NONE);
  assert.deepEqual(await os.compute.services(), []);
});

test('a Keystone that stumbles is asked again', async () => {
  cloud = await startCloud();
  cloud.on(TOKENS, (_, nth) => (nth < 3 ? { status: 503, text: 'busy' } : login(cloud.url, nth, 3_600_000)));
  assert.equal((await (await cloud.connect()).identity.whoAmI()).userName, 'lifeboat');
});

test('one caller that leaves does not end the login of the others', async () => {
  cloud = await startCloud();
  let go = () => {};
  const gate = new Promise<void>((r) => (go = r));
  cloud.on(TOKENS, () => ({ ...(login(cloud.url, 1, 3_600_000) as object), after: gate }));
  const os = await cloud.connect();
  const leaving = new AbortController();
  const first = os.identity.whoAmI({ signal: leaving.signal });
  const second = os.identity.whoAmI();
  leaving.abort(new Error('shutting down'));
  await assert.rejects(first, /shutting down/);
  go();
  assert.equal((await second).userId, 'u-lifeboat');
  assert.equal(cloud.count(TOKENS), 1);
});

test('an endpoint that is not there is told with what there is', async () => {
  cloud = await startCloud();
  const mars = await failure((await cloud.connect({ region: 'mars' })).compute.services());
  assert.equal(mars.kind, 'config');
  assert.match(
    mars.message,
    /none for the public interface in region mars \(it has public in one, .*set region_name or interface\)/,
  );
  const env = { ...cloud.env, OS_REGION_NAME: '' };
  const either = await failure((await cloud.connect({ env })).compute.services());
  assert.match(either.message, /several regions have one: one, two \(set region_name\)/);
});

test('an address that is no Keystone is told, without its page', async () => {
  cloud = await startCloud();
  cloud.on(TOKENS, { text: '<html>intranet secret page</html>' });
  const e = await failure((await cloud.connect()).compute.services());
  assert.equal(e.kind, 'server');
  assert.doesNotMatch(e.message, /intranet/);
});
