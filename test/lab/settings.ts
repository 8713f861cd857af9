// What the lane must be told of an OpenStack lab: where it is, and the commands that break and mend it (docs/lab.md). Each key is an
// environment variable LIFEBOAT_LAB_<KEY> or a key of the YAML file that LIFEBOAT_LAB names.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { parse } from 'yaml';

/** What a lab has to tell: what it is, with an example. `{node}` is the node's name, `{n}` the number at its end. */
const REQUIRED = {
  clouds: 'its clouds.yaml, with the clouds `admin` and `ha` (Lifeboat) and one per project: /lab/clouds.yaml',
  fail: 'a command that makes a node fail, {how} is crash or power-loss: /lab/fail-node.sh {node} {how}',
  bmcup: 'a command that gives a BMC back after power-loss: /lab/bmc-up.sh {node}',
  start: 'a command that powers a node on, for tidying up: /lab/start-compute.sh {node}',
  guests: 'a JSON file by node, its keys are the instances that run there: /lab/state/{node}/instances.json',
  power: 'a file by node that says on or off: /lab/state/{node}/power',
} as const;

const OPTIONAL = {
  node: 'compute-2',
  projects: 'acme,globex,initech',
  tcpport: '22',
  bmchost: '127.0.0.1',
  bmcport: '1623{n}',
  bmcuser: 'admin',
  bmcpassword: 'secret',
  bmccipher: '3',
  /** The longest that a healthy node's updated_at stands still. */
  reportinterval: '4s',
  /** The comparison: a command that evacuates {count} instances of {node}, {width} at a time, and prints their seconds. */
  width: '',
  /** The comparison with Masakari: a command that evacuates {count} instances of {node} by it, and prints how long that took. */
  masakari: '',
  /** The drain: a JSON file by node, where `{"fail_spawn": ["id"]}` makes an instance break that arrives there. */
  knobs: '',
  /** The monitors: a command that kills nova-compute of {node} alone; the node lives on. */
  agent: '',
} as const;

export type LabSettings = Record<keyof typeof REQUIRED | keyof typeof OPTIONAL, string>;

/** Throws one text that names everything that is missing. */
export function labSettings(env: NodeJS.ProcessEnv = process.env): LabSettings {
  const file = env.LIFEBOAT_LAB ? (parse(readFileSync(env.LIFEBOAT_LAB, 'utf8')) as Record<string, unknown>) : {};
  const told = (key: string): string => {
    const value = env[`LIFEBOAT_LAB_${key.toUpperCase()}`] ?? file[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const unknown = Object.keys(file).filter((key) => !(key in REQUIRED) && !(key in OPTIONAL));
  if (unknown.length > 0) throw new Error(`${env.LIFEBOAT_LAB}: there is no key ${unknown.join(', ')} (docs/lab.md)`);
  const missing = Object.entries(REQUIRED).filter(([key]) => told(key) === '');
  if (missing.length > 0) throw new Error(tellMissing(missing));
  const required = Object.keys(REQUIRED).map((key) => [key, told(key)]);
  const optional = Object.entries(OPTIONAL).map(([key, value]) => [key, told(key) || value]);
  return Object.fromEntries([...required, ...optional]) as LabSettings;
}

const tellMissing = (missing: [string, string][]): string =>
  [
    'The lab lane needs a real OpenStack and is told of it by the environment (docs/lab.md). Missing:',
    ...missing.map(([key, what]) => `  LIFEBOAT_LAB_${key.toUpperCase()}  ${what}`),
  ].join('\n');

export const fill = (text: string, values: Record<string, string | number>): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));

export const forNode = (text: string, node: string, more: Record<string, string | number> = {}): string =>
  fill(text, { node, n: /\d+$/.exec(node)?.[0] ?? '', ...more });

/** Runs a command of the lab to its end; rejects with its last words. */
export async function command(line: string, timeoutMs = 120_000): Promise<string> {
  try {
    // Not in this folder: a daemon that a command starts lives longer than it.
    const options = { cwd: '/', timeout: timeoutMs, maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)('bash', ['-c', line], options);
    return stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`${line}: ${(stderr || message).trim().split('\n').slice(-3).join(' | ')}`);
  }
}
