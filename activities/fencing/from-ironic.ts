// BMC addresses as Ironic has them, for an inventory: which compute node each machine is, and how its device is reached.
// No password: Ironic shows none.
import type { BaremetalMachine } from '../openstack/types.ts';
import type { Block } from './inventory.ts';
import { ipmi } from './ipmi.ts';
import { oneLine } from './options.ts';
import { redfish } from './redfish.ts';

export type IronicKind = 'ipmi' | 'redfish';

/** `name={node}`, `properties.hostname={node}.example.org`: a fact of the machine, and where in it the node's name stands. */
export interface Match {
  fact: string;
  before: string;
  after: string;
}

export interface Found {
  kind: IronicKind;
  options: Block;
  /** The machine, for a person. */
  machine: string;
}

export interface FromIronic {
  /** By compute node, in the order of `hosts`. */
  found: Map<string, Found>;
  /** Nobody knows whose a device is: nothing of all this may be used. */
  dangers: string[];
  /** Compute nodes of which Ironic says nothing that can be used, and why. */
  missing: string[];
  /** What a person may want to know. */
  notes: string[];
}

/** Null: not written as `FACT=TEXT` with `{node}` in it exactly once. */
export function matchOf(text: string): Match | null {
  const parts = /^(name|resource_class|(?:properties|extra|instance_info)\.[^=]+)=([^{}]*)\{node\}([^{}]*)$/.exec(text);
  return parts ? { fact: parts[1]!, before: parts[2]!, after: parts[3]! } : null;
}

/** Pure. `hosts`: the compute nodes as Nova names them; a name must be exactly one of them. */
export function fromIronic(machines: readonly BaremetalMachine[], hosts: readonly string[], match: Match): FromIronic {
  const claims = new Map<string, BaremetalMachine[]>(hosts.map((host) => [host, []]));
  const strangers = machines.filter((machine) => {
    const own = claims.get(nameIn(machine, match) ?? '');
    own?.push(machine);
    return !own;
  });
  const result: FromIronic = { found: new Map(), dangers: twice(machines), missing: [], notes: [] };
  for (const [host, own] of claims) {
    const [machine, second] = own;
    if (second) result.dangers.push(`${host}: ${own.map(labelOf).join(' and ')} both say that they are it`);
    else if (!machine) result.missing.push(`${host}: no machine whose ${match.fact} says so`);
    else {
      const access = accessOf(machine);
      if ('why' in access) result.missing.push(`${host}: ${labelOf(machine)}: ${access.why}`);
      else {
        result.found.set(host, { ...access, machine: labelOf(machine) });
        result.notes.push(...notesOf(machine, access).map((note) => `${host}: ${note}`));
      }
    }
  }
  if (strangers.length) result.notes.push(`no compute node: ${strangers.map(labelOf).join(', ')}`);
  return result;
}

const labelOf = ({ id, name }: BaremetalMachine): string => oneLine(name ?? id);

function nameIn({ facts }: BaremetalMachine, { fact, before, after }: Match): string | null {
  const dot = fact.indexOf('.');
  const block = dot < 0 ? facts : facts[fact.slice(0, dot)];
  const value = isBlock(block) ? block[fact.slice(dot + 1)] : undefined;
  if (typeof value !== 'string' || !value.startsWith(before) || !value.endsWith(after)) return null;
  const name = value.slice(before.length, value.length - after.length);
  return name.length + before.length + after.length === value.length && name !== '' ? name : null;
}

/** One device of two machines, whether they are compute nodes or not: an off would hit the other one. */
function twice(machines: readonly BaremetalMachine[]): string[] {
  const owners = new Map<string, string[]>();
  for (const machine of machines) {
    const access = accessOf(machine);
    for (const key of 'why' in access ? [] : access.keys)
      owners.set(key, [...(owners.get(key) ?? []), labelOf(machine)]);
  }
  return [...owners].flatMap(([key, own]) => (own.length > 1 ? [`${key} is the device of ${own.join(' and ')}`] : []));
}

/** Which of our drivers speaks to it: by the interface that Ironic itself uses, else by its driver. */
const KINDS: Readonly<Record<string, IronicKind>> = {
  ipmitool: 'ipmi',
  ipmi: 'ipmi',
  redfish: 'redfish',
  'idrac-redfish': 'redfish',
};

type Access = { kind: IronicKind; options: Block; keys: readonly string[] };

function accessOf(machine: BaremetalMachine): Access | { why: string } {
  const { powerInterface, driver, access } = machine;
  const how = powerInterface ?? driver ?? 'none';
  const kind = KINDS[how];
  if (!kind) return { why: `its power is switched by ${oneLine(how)}, which is neither IPMI nor Redfish` };
  if (!text(access[`${kind}_address`]))
    return { why: `Ironic shows no ${kind}_address (may this user read driver_info?)` };
  return kind === 'ipmi' ? ipmiOf(access) : redfishOf(access);
}

const PASSWORD = { env: 'PASSWORD' };

/** ironic/drivers/modules/ipmitool.py: ADMINISTRATOR where nothing is said; the suite is ipmitool's choice then. */
function ipmiOf(access: Record<string, unknown>): Access | { why: string } {
  const suite = number(access.ipmi_cipher_suite);
  const port = number(access.ipmi_port);
  const options = {
    host: text(access.ipmi_address),
    ...(port !== null && port !== 623 && { port }),
    ...user(access.ipmi_username),
    ...(suite === 3 && { cipher: suite }),
    ...(text(access.ipmi_priv_level)?.toUpperCase() === 'OPERATOR' && { privilege: 'operator' }),
  };
  const parsed = ipmi.options.safeParse({ user: 'user', ...options, password: PASSWORD });
  if (!parsed.success) return { why: refusal(parsed.error.issues[0]) };
  return { kind: 'ipmi', options, keys: [ipmi.deviceKey(parsed.data)].flat() };
}

/** ironic/drivers/modules/redfish/utils.py: https where no scheme is given; without a system's path Ironic takes the only one. */
function redfishOf(access: Record<string, unknown>): Access | { why: string } {
  const address = text(access.redfish_address) ?? '';
  const whole = /^https?:\/\//i.test(address) ? address : `https://${address}`;
  // Behind the authority stands where its API begins, at most.
  const url = whole.replace(/\/redfish(\/v1)?\/?$/, '').replace(/\/$/, '');
  const system = text(access.redfish_system_id);
  if (!system) return { why: 'Ironic has no redfish_system_id (Lifeboat never takes the first system of a BMC)' };
  const options = { url, system, ...user(access.redfish_username) };
  const tls = url.startsWith('http:') ? { tls: 'insecure' } : {};
  const parsed = redfish.options.safeParse({ user: 'user', ...options, ...tls, password: PASSWORD });
  if (!parsed.success) return { why: refusal(parsed.error.issues[0]) };
  return { kind: 'redfish', options, keys: [redfish.deviceKey(parsed.data)].flat() };
}

function notesOf({ access }: BaremetalMachine, { kind, options }: Access): string[] {
  const suite = number(access.ipmi_cipher_suite);
  const verify = access.redfish_verify_ca;
  return [
    'user' in options ? null : `Ironic shows no ${kind}_username: write user in the configuration`,
    kind === 'ipmi' && suite !== null && suite !== 3 && suite !== 17
      ? `Ironic uses cipher suite ${suite}, Lifeboat 17 (or 3, by cipher: 3)`
      : null,
    kind === 'redfish' && String(options.url).startsWith('http:') ? 'plain http: needs tls: insecure' : null,
    kind === 'redfish' && verify !== undefined && String(verify).toLowerCase() !== 'true'
      ? `Ironic checks its certificate by ${oneLine(String(verify))}, Lifeboat by tls in the configuration`
      : null,
  ].filter((note) => note !== null);
}

const refusal = (issue: { path: PropertyKey[]; message: string } | undefined): string =>
  `${issue?.path.join('.') ?? 'it'}: ${issue?.message ?? 'cannot be used'}`;

const isBlock = (value: unknown): value is Block => typeof value === 'object' && value !== null;
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const number = (value: unknown): number | null => (/^\d+$/.test(String(value)) ? Number(value) : null);
const user = (value: unknown): { user?: string } => {
  const name = text(value);
  return name === null ? {} : { user: name };
};
