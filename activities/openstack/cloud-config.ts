// Judges the settings of one cloud and makes of them what the session needs. Errors come at once, not at the first call.
import { readFileSync } from 'node:fs';
import { AUTH_KEYS, isTree, type RawCloud, type Tree } from './clouds-yaml.ts';
import { configError } from './errors.ts';
import type { Tls } from './http.ts';

export interface CloudConfig {
  name: string;
  source: string;
  /** Ends in /v3, no slash after it. */
  identityUrl: string;
  region: string | null;
  interface: 'public' | 'internal' | 'admin';
  tls: Tls | null;
  /** `compute_endpoint_override` and friends, by service type. */
  overrides: Record<string, string>;
  /** The body of POST /auth/tokens. A function, so that printing this object shows no password. */
  authBody(): unknown;
  /** What no text may contain. */
  secrets(): string[];
}

type AuthKey = (typeof AUTH_KEYS)[number];
type Auth = Partial<Record<AuthKey, string>>;

/** Throws OpenStackError (kind config): what is missing of which cloud in which file, and how to mend it. */
export function judgeCloud(raw: RawCloud, region?: string): CloudConfig {
  const fail = (why: string): never => {
    throw configError(`cloud ${raw.name}: ${why} (in ${raw.source})`);
  };
  const text = (key: string): string | undefined => {
    const v = raw.settings[key];
    return typeof v === 'string' && v !== '' ? v : undefined;
  };
  const auth = authOf(raw.settings);
  if (!auth.auth_url && text('profile')) fail('"profile" is not supported here; write auth.auth_url');
  const method = authMethod(text('auth_type'), auth, fail);
  const identity = method === 'password' ? passwordIdentity(auth, fail) : credentialIdentity(auth, fail);
  const scope = method === 'password' ? scopeOf(auth, fail) : undefined;
  const secret = method === 'password' ? auth.password! : auth.application_credential_secret!;
  return {
    name: raw.name,
    source: raw.source,
    identityUrl: identityUrl(auth.auth_url, fail),
    region: region ?? regionOf(raw.settings, text, fail),
    interface: interfaceOf(text('interface') ?? text('endpoint_type'), fail),
    tls: tlsOf(raw, text, fail),
    overrides: overridesOf(raw.settings, fail),
    authBody: () => ({ auth: scope ? { identity, scope } : { identity } }),
    secrets: () => [secret],
  };
}

type Fail = (why: string) => never;
type Text = (key: string) => string | undefined;

/** Some files write the keys of `auth` beside it; `auth` wins. */
function authOf(settings: Tree): Auth {
  const auth = isTree(settings.auth) ? settings.auth : {};
  return Object.fromEntries(
    AUTH_KEYS.flatMap((k) => {
      const v = auth[k] || settings[k];
      return typeof v === 'string' && v !== '' ? [[k, v]] : [];
    }),
  );
}

function authMethod(type: string | undefined, auth: Auth, fail: Fail): 'password' | 'application_credential' {
  const credential = auth.application_credential_id ?? auth.application_credential_name;
  if (type === undefined) return credential ? 'application_credential' : 'password';
  if (type === 'password' || type === 'v3password') return 'password';
  if (type === 'v3applicationcredential') return 'application_credential';
  return fail(`auth_type ${type} is not supported; use v3password or v3applicationcredential`);
}

/** Keystone wants a domain beside every name, none beside an id. */
function domain(auth: Auth, kind: 'user' | 'project', fail: Fail): { id: string } | { name: string } {
  const id = auth[`${kind}_domain_id`] ?? auth.default_domain_id ?? auth.default_domain;
  const name = auth[`${kind}_domain_name`];
  if (name) return { name };
  if (id) return { id };
  if (auth.default_domain_name) return { name: auth.default_domain_name };
  return fail(`auth.${kind}_domain_name is missing; often it is Default`);
}

function userOf(auth: Auth, fail: Fail) {
  if (auth.user_id) return { id: auth.user_id };
  if (!auth.username) return fail('auth.username is missing');
  return { name: auth.username, domain: domain(auth, 'user', fail) };
}

function passwordIdentity(auth: Auth, fail: Fail) {
  const user = userOf(auth, fail);
  if (!auth.password) return fail('auth.password is missing; it may stand in secure.yaml');
  return { methods: ['password'], password: { user: { ...user, password: auth.password } } };
}

function credentialIdentity(auth: Auth, fail: Fail) {
  const secret = auth.application_credential_secret;
  if (!secret) return fail('auth.application_credential_secret is missing; it may stand in secure.yaml');
  const id = auth.application_credential_id;
  const name = auth.application_credential_name;
  if (!id && !name) return fail('auth.application_credential_id is missing');
  const who = id ? { id } : { name, user: userOf(auth, fail) };
  return { methods: ['application_credential'], application_credential: { ...who, secret } };
}

function scopeOf(auth: Auth, fail: Fail) {
  if (auth.project_id) return { project: { id: auth.project_id } };
  if (auth.project_name) return { project: { name: auth.project_name, domain: domain(auth, 'project', fail) } };
  if (auth.system_scope) {
    return auth.system_scope === 'all'
      ? { system: { all: true } }
      : fail('auth.system_scope is not "all", the only one that Keystone knows');
  }
  if (auth.domain_id) return { domain: { id: auth.domain_id } };
  if (auth.domain_name) return { domain: { name: auth.domain_name } };
  return fail(
    'no scope; write auth.project_name (and project_domain_name), auth.domain_name or auth.system_scope: all',
  );
}

function identityUrl(authUrl: string | undefined, fail: Fail): string {
  if (!authUrl) return fail('auth.auth_url is missing');
  let url: URL;
  try {
    url = new URL(authUrl);
  } catch {
    return fail('auth.auth_url is not a URL; it reads like https://keystone.example:5000/v3');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    fail('auth.auth_url does not begin with http:// or https://');
  if (url.username || url.password) fail('auth.auth_url holds credentials; they belong into username and password');
  return identityBase(authUrl);
}

/** Keystone's v3 root of whatever a catalog or a file names: `…:5000`, `…/identity/v2.0`, `…/v3/`. */
export function identityBase(url: string): string {
  const u = new URL(url);
  const path = u.pathname.replace(/\/+$/, '').replace(/\/v(2\.0|3)$/, '');
  return `${u.origin}${path}/v3`;
}

function regionOf(settings: Tree, text: Text, fail: Fail): string | null {
  const one = text('region_name');
  if (one) return one;
  if (!Array.isArray(settings.regions)) return null;
  const names = settings.regions.map((r) => (isTree(r) ? r.name : r)).filter((r) => typeof r === 'string');
  if (names.length > 1) fail(`it has ${names.length} regions; name one of ${names.join(', ')} as region_name`);
  return names[0] ?? null;
}

function interfaceOf(value: string | undefined, fail: Fail): CloudConfig['interface'] {
  const v = (value ?? 'public').replace(/URL$/, '');
  if (v === 'public' || v === 'internal' || v === 'admin') return v;
  return fail('interface is not one of public, internal, admin');
}

function tlsOf(raw: RawCloud, text: Text, fail: Fail): Tls | null {
  const insecure = truthy(text('insecure')) || falsy(text('verify'));
  const load = (key: string): string | undefined => {
    const file = text(key);
    if (!file) return undefined;
    try {
      return readFileSync(raw.path(file), 'utf8');
    } catch (e) {
      const code = e instanceof Error && 'code' in e ? String(e.code) : 'unknown error';
      return fail(`${key} ${raw.path(file)} cannot be read, ${code}`);
    }
  };
  const files = { ca: load('cacert'), cert: load('cert'), key: load('key') };
  return insecure || files.ca || files.cert ? { ...files, insecure } : null;
}

const truthy = (v: string | undefined) => /^(true|yes|on|1)$/i.test(v ?? '');
const falsy = (v: string | undefined) => /^(false|no|off|0)$/i.test(v ?? '');

function overridesOf(settings: Tree, fail: Fail): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [k, v] of Object.entries(settings)) {
    const service = /^(\w+)_endpoint_override$/.exec(k)?.[1];
    if (!service || v === '') continue;
    if (typeof v !== 'string' || !URL.canParse(v)) fail(`${k} is not a URL`);
    else out[service] = v;
  }
  return out;
}
