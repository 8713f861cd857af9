// Whether a power device would serve a fence: what a probe tells of it, and what has changed since the watch was told. Never evidence: a
// reading of a probe makes no node failed and proves nothing.

/** `contradiction`: it says off while its node goes on reporting to Nova, so it is most likely another machine's. */
export const HEALTHS = [
  ...(['ok', 'contradiction', 'unknown', 'auth', 'unreachable', 'timeout', 'privilege'] as const),
  ...(['refused', 'mismatch', 'misconfigured', 'protocol'] as const),
];
export type DeviceHealth = (typeof HEALTHS)[number];

export interface BrokenDevice {
  node: string;
  level: string;
  /** `ipmi 10.0.0.7:623`: unique within the level of a node. */
  label: string;
  health: DeviceHealth;
  /** One redacted line; empty where very many broke at once. */
  detail: string;
  /** What a person types to see with their own eyes. */
  byHand: string;
}

/** As the watch keeps it. */
export interface KnownBroken extends BrokenDevice {
  since: string;
  /** When it was asked last: one that refused the login is left alone for a while. */
  askedAt: string;
}

/** What one round says to the watch: the numbers, and what changed. Small also where the fleet is large and nothing changed. */
export interface DeviceReport {
  readAt: string;
  counts: Partial<Record<DeviceHealth, number>>;
  /** Nodes that no device is configured for. */
  bare: number;
  /** New, or another kind of trouble than before, or refused once more. */
  broken: BrokenDevice[];
  well: string[];
  /** No longer configured, or of a node that is gone. */
  gone: string[];
}

/** What the watch shows. */
export interface DeviceState {
  readAt: string;
  counts: DeviceReport['counts'];
  bare: number;
  broken: KnownBroken[];
}

export const deviceName = ({ node, level, label }: Pick<BrokenDevice, 'node' | 'level' | 'label'>): string =>
  `${node}/${level}/${label}`;

/** What was read in a round, of the devices that were asked or left alone. */
export interface ProbeReading {
  ok: string[];
  broken: BrokenDevice[];
  /** Not asked: they rest, or their node is busy. What was known of them stays. */
  left: string[];
  bare: number;
}

/** So many devices of a round, or of a batch, are told with their words; a switch that fails breaks a thousand at once. */
export const WITH_WORDS = 100;

/** The round as it is told to a watch that knows `known`. Pure. */
export function reportOf(readAt: string, reading: ProbeReading, known: readonly KnownBroken[]): DeviceReport {
  const before = new Map(known.map((device) => [deviceName(device), device]));
  const counts: DeviceReport['counts'] = {};
  const count = (health: DeviceHealth): void => void (counts[health] = (counts[health] ?? 0) + 1);
  for (const _ of reading.ok) count('ok');
  for (const { health } of reading.broken) count(health);
  const left = new Set(reading.left);
  const stays = [...left].flatMap((name) => before.get(name) ?? []);
  for (const { health } of stays) count(health);
  const changed = reading.broken.filter((device) => {
    const was = before.get(deviceName(device));
    return was?.health !== device.health || REFUSALS.includes(device.health);
  });
  const met = new Set([...reading.ok, ...reading.broken.map(deviceName), ...left]);
  return {
    readAt,
    counts,
    bare: reading.bare,
    broken: changed.map((device, i) => (i < WITH_WORDS ? device : { ...device, detail: '', byHand: '' })),
    well: reading.ok.filter((name) => before.has(name)),
    gone: [...before.keys()].filter((name) => !met.has(name)),
  };
}

/** BMCs lock an account after some wrong logins, also ours. */
const REFUSALS: readonly DeviceHealth[] = ['auth'];
const REST_ROUNDS = 6;

/** Devices that this round leaves alone: they refused us within the last rounds. */
export function resting(known: readonly KnownBroken[], now: number, everyMs: number): string[] {
  // Half a round of tolerance: rounds do not begin to the second.
  const restMs = (REST_ROUNDS - 0.5) * everyMs;
  return known
    .filter(({ health, askedAt }) => REFUSALS.includes(health) && now - Date.parse(askedAt) < restMs)
    .map(deviceName);
}

const TODO: readonly { healths: readonly DeviceHealth[]; what: string; todo: string }[] = [
  {
    healths: ['mismatch', 'contradiction'],
    what: 'another machine',
    todo: 'this is most likely the device of another machine: correct its address or its identity before anything else',
  },
  {
    healths: ['auth'],
    what: 'login refused',
    todo: `correct the user or the password, or unlock the account; it is tried again only every ${REST_ROUNDS} rounds, since devices lock accounts`,
  },
  {
    healths: ['privilege'],
    what: 'right missing',
    todo: 'the login works and may not switch: give the account that right',
  },
  {
    healths: ['unreachable', 'timeout'],
    what: 'no answer',
    todo: 'is the device alive, its cable, its address, the management network, a firewall? Many at once: look at the network first',
  },
  { healths: ['misconfigured'], what: 'configuration', todo: 'correct it where fencing.levels describes this device' },
  {
    healths: ['refused', 'protocol', 'unknown'],
    what: 'answers, and does not tell its power',
    todo: 'look at the device; a restart of the BMC itself often helps',
  },
];

/** Of one kind of trouble at most so many devices are listed. */
const LISTED = 10;

/** One paragraph per kind of trouble, with what to do, and the devices below it. */
export function adviceFor(broken: readonly BrokenDevice[]): string[] {
  return TODO.flatMap(({ healths, what, todo }) => {
    const own = broken.filter(({ health }) => healths.includes(health));
    if (own.length === 0) return [];
    const listed = own.slice(0, LISTED).map((d) => {
      const words = d.detail || `${d.label}: ${d.health}`;
      return `${d.node}, level ${d.level}: ${words}${d.byHand ? ` (by hand: ${d.byHand})` : ''}`;
    });
    const more = own.length - listed.length;
    return [
      `${own.length} × ${what}: ${todo}`,
      ...listed,
      ...(more > 0 ? [`and ${more} more: ${namesOf(own.slice(LISTED))}`] : []),
    ];
  });
}

/** Names of the nodes, at most 40 of them. */
export function namesOf(devices: readonly { node: string }[]): string {
  const names = [...new Set(devices.map(({ node }) => node))];
  return names.length <= 40 ? names.join(', ') : `${names.slice(0, 40).join(', ')} and ${names.length - 40} more nodes`;
}

/** The watch's alarm while any device is broken. */
export const DEVICES_ALARM = 'devices';
