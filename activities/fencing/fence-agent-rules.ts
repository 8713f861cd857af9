// What of the ClusterLabs fence agents is no proof that a machine is off, whatever an agent's own metadata says of it.

/** Agents whose `off` is no power off, or whose status is no reading of the power. */
const NO_POWER: Readonly<Record<string, string>> = {
  fence_ack_manual: 'asks a person, which is always the last level here',
  fence_kdump: 'waits for a crash dump, it cannot switch anything',
  fence_heuristics_ping: 'sends pings, it cannot switch anything',
  fence_crosslink: 'sends pings, it cannot switch anything',
  fence_sbd: 'writes a message to a disk; nobody sees from here whether a watchdog obeys',
  fence_scsi: 'takes away a disk, the machine stays on',
  fence_mpath: 'takes away a disk, the machine stays on',
  fence_brocade: 'closes a switch port, the machine stays on',
  fence_cisco_mds: 'closes a switch port, the machine stays on',
  fence_sanbox2: 'closes a switch port, the machine stays on',
  fence_ifmib: 'closes a switch port, the machine stays on',
  fence_compute: 'asks Nova, not the power',
  fence_evacuate: 'evacuates by itself',
};

/** Why an agent is refused by its name alone; null: it is not. */
export const whyNoPower = (agent: string): string | null => {
  const why = NO_POWER[agentName(agent)];
  return why === undefined ? null : `${agentName(agent)} ${why}`;
};

export const agentName = (agent: string): string => agent.slice(agent.lastIndexOf('/') + 1);

const TELLS_SECRETS = 'writes passwords where others read them';
const OURS = 'is what the driver itself says to the agent';
const REFUSED: Readonly<Record<string, string>> = {
  action: OURS,
  option: OURS,
  delay: 'a fence does not wait',
  missing_as_off: 'a misspelt outlet would read as off',
  disable_timeout: 'the agent would never end by itself',
  graceful: 'asking a system to shut down is no power off',
  network_fencing: 'cutting the network is no power off',
  record_only: 'it would switch nothing',
  suppress_errors: 'errors tell what is wrong',
  quiet: 'its words tell what is wrong',
  debug: TELLS_SECRETS,
  debug_file: TELLS_SECRETS,
  verbose: TELLS_SECRETS,
  verbose_level: TELLS_SECRETS,
  plug_separator: 'several outlets are written with a comma',
  help: 'switches nothing',
  version: 'switches nothing',
};

/** Names with a dash and with an underscore are the same to an agent. */
export const canonical = (parameter: string): string => {
  const name = parameter.replaceAll('-', '_').toLowerCase();
  return ALIASES[name] ?? name;
};
const ALIASES: Readonly<Record<string, string>> = {
  ipaddr: 'ip',
  port: 'plug',
  login: 'username',
  passwd: 'password',
  secure: 'ssh',
  cmd_prompt: 'command_prompt',
};

/** Why this parameter may not be given; null: it may. */
export function whyRefused(parameter: string, value: unknown): string | null {
  const name = canonical(parameter);
  if (name === 'method') return value === 'onoff' ? null : 'only onoff: a cycle switches the machine on again';
  if (name.endsWith('_script')) return `is run by a shell (write ${name.slice(0, -7)}: { command: [program, …] })`;
  return REFUSED[name] ?? null;
}

const SECRET = /(^|_)(passwd|password|secret|secret_key|token|apikey|community|hexadecimal_kg)$/;
export const isSecret = (parameter: string): boolean => SECRET.test(canonical(parameter));

/** How a device is spoken to, not which one it is. */
const MANNER =
  /^(username|method|identity_file|cipher|lanplus|auth|privlvl|retry_on|power_wait|stonith_status_sleep|command_prompt|separator|inet[46]_only|notls|tls.*|ssl.*|ssh.*|snmp_.*|sudo|use_sudo|login_.*|retries|insecure)$|_(timeout|path|retries)$/;

/** IPMI's and Redfish's agents, by how their devices are known to our own drivers: one BMC is one BMC. */
const IPMI = /^fence_(ipmilan(plus)?|ilo[345]|imm|idrac|openbmc_ipmi)$/;

/** The keys of the physical devices: one for each outlet. */
export function deviceKeys(agent: string, parameters: Readonly<Record<string, unknown>>): string[] {
  const name = agentName(agent);
  const given = new Map(Object.entries(parameters).map(([key, value]) => [canonical(key), value]));
  const text = (key: string): string | undefined => {
    const value = given.get(key);
    return value === undefined || typeof value === 'object' ? undefined : String(value);
  };
  const ip = text('ip')?.toLowerCase();
  if (IPMI.test(name) && ip && !given.has('target')) return [`ipmi ${ip}:${text('ipport') ?? '623'}`];
  if (name === 'fence_redfish' && ip && given.has('systems_uri')) {
    const port = text('ipport') ?? '443';
    return [`redfish ${ip}${port === '443' ? '' : `:${port}`} ${text('systems_uri')}`];
  }
  const which = [...given.keys()]
    .filter((key) => key !== 'plug' && !isSecret(key) && !MANNER.test(key))
    .sort()
    .map((key) => `${key}=${text(key)?.toLowerCase() ?? ''}`);
  const plugs = text('plug')?.split(',') ?? [];
  const rest = [name, ...which].join(' ');
  return plugs.length === 0 ? [rest] : plugs.map((plug) => `${rest} plug=${plug.trim()}`);
}
