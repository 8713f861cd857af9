// Where the settings of a cloud come from: clouds.yaml (+ secure.yaml) or plain OS_* variables, as every OpenStack tool reads
// them. Reads files only; no message ever holds a value that could be a secret, nor a line of a file.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { configError } from './errors.ts';

export interface Where {
  cloud?: string;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** One cloud as written: every scalar is the text that stands there (a password 0123 stays 0123). */
export interface RawCloud {
  name: string;
  /** For error texts: the file, or the variables. */
  source: string;
  settings: Tree;
  /** Makes `~` and relative paths of the settings absolute. */
  path(p: string): string;
}

export interface Tree {
  [key: string]: string | Tree | unknown[];
}

/**
 * Chooses like openstacksdk: the given name, else OS_CLOUD, else OS_AUTH_URL and friends, else the only cloud of the file.
 * Throws OpenStackError (kind config) that says what was looked for, where, and what is known.
 */
export function readCloud(where: Where): RawCloud {
  const path = (p: string) => resolve(where.cwd, p.replace(/^~(?=\/|$)/, home(where.env)));
  const wanted = where.cloud || where.env.OS_CLOUD || undefined;
  if (!wanted && where.env.OS_AUTH_URL) {
    return { name: 'OS_*', source: 'the OS_* variables', settings: fromVariables(where.env), path };
  }
  const file = findConfig(where, path);
  if (!file) {
    const looked = searchPath(where).join(', ');
    throw configError(
      wanted
        ? `cloud ${wanted}: no clouds.yaml found (looked in ${looked}; or name the file in OS_CLIENT_CONFIG_FILE)`
        : `OpenStack: no cloud is configured (write a clouds.yaml in ${looked}, or set OS_CLIENT_CONFIG_FILE, or OS_AUTH_URL and friends)`,
    );
  }
  const secure = findSecure(where, path, file);
  const clouds = merge(cloudsOf(file), secure ? cloudsOf(secure) : {});
  const known = Object.keys(clouds).sort();
  const name = wanted ?? (known.length === 1 ? known[0] : undefined);
  if (name === undefined) {
    throw configError(
      `OpenStack: no cloud was named and ${file} has ${known.length} (set OS_CLOUD; known: ${known.join(', ')})`,
    );
  }
  const settings = Object.hasOwn(clouds, name) ? clouds[name] : undefined;
  if (!isTree(settings)) {
    throw configError(`cloud ${name}: not in ${file} (known: ${known.join(', ') || 'none'})`);
  }
  return { name, source: file, settings, path };
}

/** A user that only a container knows has no home, and homedir() throws: then there is nothing of theirs to look for. */
function home(env: NodeJS.ProcessEnv): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return '/';
  }
}

function searchPath(where: Where): string[] {
  const user = where.env.XDG_CONFIG_HOME || join(home(where.env), '.config');
  return [where.cwd, join(user, 'openstack'), '/etc/openstack'];
}

function findConfig(where: Where, path: (p: string) => string): string | null {
  const given = where.env.OS_CLIENT_CONFIG_FILE;
  if (!given) return firstFile(searchPath(where), 'clouds');
  if (!existsSync(path(given))) {
    throw configError(`${path(given)}: no such file (OS_CLIENT_CONFIG_FILE names it)`);
  }
  return path(given);
}

function findSecure(where: Where, path: (p: string) => string, config: string): string | null {
  const given = where.env.OS_CLIENT_SECURE_FILE;
  if (!given) return firstFile([dirname(config), ...searchPath(where)], 'secure');
  if (!existsSync(path(given))) {
    throw configError(`${path(given)}: no such file (OS_CLIENT_SECURE_FILE names it)`);
  }
  return path(given);
}

function firstFile(dirs: string[], stem: string): string | null {
  for (const dir of dirs) {
    for (const ext of ['yaml', 'yml', 'json']) {
      const file = join(dir, `${stem}.${ext}`);
      if (existsSync(file)) return file;
    }
  }
  return null;
}

function cloudsOf(file: string): Tree {
  const clouds = parseFile(file).clouds ?? {};
  // An empty `clouds:` is the empty text in this schema.
  if (clouds === '') return {};
  if (!isTree(clouds)) throw configError(`${file}: "clouds" is not a mapping of names to settings`);
  return clouds;
}

function parseFile(file: string): Tree {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (e) {
    throw configError(`${file}: cannot be read, ${codeOf(e)} (may this user read it?)`);
  }
  const lines = new LineCounter();
  // failsafe: all scalars stay text. No pretty errors: they quote the line, which may be the password's.
  const doc = parseDocument(text, { schema: 'failsafe', merge: true, prettyErrors: false, lineCounter: lines });
  const wrong = doc.errors[0];
  if (wrong) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    throw configError(`${file}: not valid YAML at line ${line}, column ${col} (${wrong.code})`);
  }
  let tree: unknown;
  try {
    tree = doc.toJS();
  } catch {
    // Its text would quote the alias, and an unquoted password that begins with * is one.
    throw configError(`${file}: an alias (*name) has no anchor (quote values that begin with *)`);
  }
  if (tree === null || tree === '') return {};
  if (!isTree(tree)) throw configError(`${file}: the top of the file is not a mapping (it begins with "clouds:")`);
  return tree;
}

function codeOf(e: unknown): string {
  return e instanceof Error && 'code' in e ? String(e.code) : 'unknown error';
}

export function isTree(x: unknown): x is Tree {
  return typeof x === 'object' && x !== null && !Array.isArray(x);
}

/** secure.yaml over clouds.yaml, key by key. */
function merge(base: Tree, over: Tree): Tree {
  const out: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const under = out[key];
    out[key] = isTree(under) && isTree(value) ? merge(under, value) : value;
  }
  return out;
}

/** What stands under `auth` in clouds.yaml; the variable is OS_ and the name in capitals. */
export const AUTH_KEYS = [
  'auth_url',
  'username',
  'user_id',
  'password',
  'user_domain_name',
  'user_domain_id',
  'project_name',
  'project_id',
  'project_domain_name',
  'project_domain_id',
  'domain_name',
  'domain_id',
  'system_scope',
  'default_domain',
  'default_domain_name',
  'default_domain_id',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
] as const;

const TOP_KEYS = ['auth_type', 'region_name', 'interface', 'endpoint_type', 'cacert', 'cert', 'key', 'insecure'];

function fromVariables(env: NodeJS.ProcessEnv): Tree {
  const pick = (keys: readonly string[]): Tree =>
    Object.fromEntries(
      keys.flatMap((k) => {
        const value = env[`OS_${k.toUpperCase()}`];
        return value ? [[k, value]] : [];
      }),
    );
  return { ...pick(TOP_KEYS), auth: pick(AUTH_KEYS) };
}
