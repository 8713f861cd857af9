import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os, { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { judgeCloud, type CloudConfig } from '../../../activities/openstack/cloud-config.ts';
import { readCloud } from '../../../activities/openstack/clouds-yaml.ts';
import { OpenStackError } from '../../../activities/openstack/errors.ts';

const SECRET = '0123e4';
const AUTH = `{auth_url: "https://keystone:5000/", username: ha, user_domain_name: Default, project_name: service, project_domain_name: Default}`;
const PROD = `clouds:
  prod:
    auth: ${AUTH}
    region_name: one
  lab:
    auth: ${AUTH}
`;
const SECURE = `clouds: {prod: {auth: {password: ${SECRET}}}, lab: {auth: {password: ${SECRET}}}}`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lifeboat-clouds-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(name: string, text: string): Promise<string> {
  const file = join(dir, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

/** With an empty working folder and home of its own. */
function load(cloud: string | undefined, env: NodeJS.ProcessEnv = {}, region?: string): CloudConfig {
  const where = { cloud, env: { HOME: join(dir, 'home'), ...env }, cwd: join(dir, 'cwd') };
  return judgeCloud(readCloud(where), region);
}

function refused(work: () => unknown, says: RegExp): void {
  assert.throws(work, (e) => {
    assert.ok(e instanceof OpenStackError && e.kind === 'config', String(e));
    assert.match(e.message, says);
    assert.ok(!inspect(e).includes(SECRET));
    assert.ok(e.message.length <= 300 && !e.message.includes('\n'));
    return true;
  });
}

test('reads clouds.yaml with the password of secure.yaml, and keeps the text as written', async () => {
  const file = await put('cwd/clouds.yaml', PROD);
  await put('cwd/secure.yaml', SECURE);
  const c = load('prod');
  assert.deepEqual([c.name, c.source, c.identityUrl, c.region], ['prod', file, 'https://keystone:5000/v3', 'one']);
  assert.equal(c.interface, 'public');
  assert.equal(c.tls, null);
  assert.ok(JSON.stringify(c.authBody()).includes(`"password":"${SECRET}"`));
});

test('printing a configuration shows no password', async () => {
  await put('cwd/clouds.yaml', PROD);
  await put('cwd/secure.yaml', SECURE);
  const c = load('prod');
  assert.ok(!inspect(c, { depth: 9, showHidden: true }).includes(SECRET) && !JSON.stringify(c).includes(SECRET));
});

test('looks in the working folder first, then in the user’s', async () => {
  const user = await put('home/.config/openstack/clouds.yaml', PROD);
  await put('home/.config/openstack/secure.yaml', SECURE);
  assert.equal(load('prod').source, user);
  const here = await put('cwd/clouds.yaml', PROD);
  assert.equal(load('prod').source, here);
});

test('OS_CLIENT_CONFIG_FILE names the file, and its secure.yaml lies beside it', async () => {
  const file = await put('etc/clouds.yaml', PROD);
  await put('etc/secure.yaml', SECURE);
  assert.equal(load(undefined, { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: 'lab' }).name, 'lab');
  refused(() => load('lab', { OS_CLIENT_CONFIG_FILE: join(dir, 'none.yaml') }), /none\.yaml: no such file/);
});

test('a given name goes before OS_CLOUD, OS_CLOUD before OS_AUTH_URL', async () => {
  await put('cwd/clouds.yaml', PROD);
  await put('cwd/secure.yaml', SECURE);
  const env = { OS_CLOUD: 'lab', OS_AUTH_URL: 'http://other:5000' };
  assert.equal(load('prod', env).name, 'prod');
  assert.equal(load(undefined, env).name, 'lab');
});

test('the only cloud of a file needs no name; of several one must be named', async () => {
  await put('cwd/clouds.yaml', PROD);
  refused(() => load(undefined), /no cloud was named.*has 2 \(set OS_CLOUD; known: lab, prod\)/);
  await put('cwd/clouds.yaml', PROD.replace(/ {2}lab[^]*/, ''));
  await put('cwd/secure.yaml', SECURE.replace(/, lab.*/, '}'));
  assert.equal(load(undefined).name, 'prod');
});

test('an unknown cloud is told with the known ones; no file with the places that were looked at', async () => {
  refused(
    () => load('prod'),
    /cloud prod: no clouds\.yaml found \(looked in .*cwd, .*\.config\/openstack, \/etc\/openstack/,
  );
  await put('cwd/clouds.yaml', PROD);
  refused(() => load('prd'), /cloud prd: not in .*clouds\.yaml \(known: lab, prod\)/);
  refused(() => load('constructor'), /cloud constructor: not in/);
});

test('a broken file is told by line, without a word of it', async () => {
  await put('cwd/clouds.yaml', `clouds:\n  prod:\n    auth: {password: "${SECRET}\n`);
  refused(() => load('prod'), /clouds\.yaml: not valid YAML at line \d+, column \d+/);
  await put('cwd/clouds.yaml', `clouds:\n  prod:\n    auth:\n      password: *${SECRET}\n`);
  refused(() => load('prod'), /has no anchor/);
});

test('what is missing is told, with where and how', async () => {
  await put('cwd/clouds.yaml', PROD);
  refused(
    () => load('prod'),
    /cloud prod: auth\.password is missing; it may stand in secure\.yaml \(in .*clouds\.yaml\)/,
  );
  const variant = async (change: (text: string) => string): Promise<void> => {
    await put('cwd/clouds.yaml', change(PROD.replaceAll('username: ha', `username: ha, password: ${SECRET}`)));
  };
  await variant((t) => t.replaceAll('project_name: service, ', ''));
  refused(() => load('prod'), /no scope; write auth\.project_name/);
  await variant((t) => t.replaceAll('user_domain_name: Default, ', ''));
  refused(() => load('prod'), /auth\.user_domain_name is missing; often it is Default/);
  await variant((t) => t.replaceAll('https://', `https://ha:${SECRET}@`));
  refused(() => load('prod'), /auth_url holds credentials/);
  await variant((t) => t.replaceAll('region_name: one', 'auth_type: v3oidcpassword'));
  refused(() => load('prod'), /auth_type v3oidcpassword is not supported; use v3password or v3applicationcredential/);
  await variant((t) => t.replaceAll('region_name: one', 'cacert: no/such.pem'));
  refused(() => load('prod'), /cacert .*cwd\/no\/such\.pem cannot be read, ENOENT/);
  await variant((t) => t.replaceAll('region_name: one', 'regions: [one, two]'));
  refused(() => load('prod'), /it has 2 regions; name one of one, two/);
  assert.equal(load('prod', {}, 'two').region, 'two');
});

const VARIABLES = {
  ...{ OS_AUTH_URL: 'http://k/identity/v2.0', OS_USERNAME: 'ha', OS_PASSWORD: SECRET, OS_DEFAULT_DOMAIN: 'default' },
  OS_ENDPOINT_TYPE: 'internalURL',
};

test('plain OS_* variables are enough', () => {
  const c = load(undefined, { ...VARIABLES, OS_PROJECT_NAME: 'service', OS_REGION_NAME: 'two', OS_INSECURE: '1' });
  assert.deepEqual([c.identityUrl, c.region, c.interface], ['http://k/identity/v3', 'two', 'internal']);
  assert.equal(c.tls?.insecure, true);
  const user = { name: 'ha', domain: { id: 'default' }, password: SECRET };
  const scope = { project: { name: 'service', domain: { id: 'default' } } };
  assert.deepEqual(c.authBody(), { auth: { identity: { methods: ['password'], password: { user } }, scope } });
});

test('the scope may be a project by id, a domain or the system', () => {
  const scope = (env: NodeJS.ProcessEnv) =>
    (load(undefined, { ...VARIABLES, ...env }).authBody() as { auth: { scope: unknown } }).auth.scope;
  assert.deepEqual(scope({ OS_PROJECT_ID: 'p1' }), { project: { id: 'p1' } });
  assert.deepEqual(scope({ OS_DOMAIN_NAME: 'd' }), { domain: { name: 'd' } });
  assert.deepEqual(scope({ OS_SYSTEM_SCOPE: 'all' }), { system: { all: true } });
});

test('an application credential brings its own scope', () => {
  const env = { OS_AUTH_URL: 'http://k', OS_APPLICATION_CREDENTIAL_SECRET: SECRET, OS_PROJECT_NAME: 'ignored' };
  const body = (more: NodeJS.ProcessEnv) => load(undefined, { ...env, ...more }).authBody();
  const methods = ['application_credential'];
  const byId = { id: 'ac-1', secret: SECRET };
  assert.deepEqual(body({ OS_APPLICATION_CREDENTIAL_ID: 'ac-1', OS_AUTH_TYPE: 'v3applicationcredential' }), {
    auth: { identity: { methods, application_credential: byId } },
  });
  const user = { name: 'ha', domain: { name: 'Default' } };
  const byName = { name: 'lifeboat', user, secret: SECRET };
  assert.deepEqual(
    body({ OS_APPLICATION_CREDENTIAL_NAME: 'lifeboat', OS_USERNAME: 'ha', OS_USER_DOMAIN_NAME: 'Default' }),
    { auth: { identity: { methods, application_credential: byName } } },
  );
});

test('a user without a home, as in a container, has clouds.yaml where OS_CLIENT_CONFIG_FILE says', async (t) => {
  const file = await put('mounted/clouds.yaml', PROD.replace('{', `{password: ${SECRET}, `));
  t.mock.method(os, 'homedir', () => {
    throw new Error('uv_os_homedir returned ENOENT');
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  assert.equal(load('prod', { HOME: undefined, OS_CLIENT_CONFIG_FILE: file }).source, file);
});
