// The durations and sizes of a simulated data centre. Durations are milliseconds of cloud time; `timeScale` 0.1 makes all
// of them (and the cloud's clock) ten times faster, so that their proportions stay true.

export interface Durations {
  /** nova.conf report_interval. */
  reportIntervalMs: number;
  /** nova.conf service_down_time. */
  serviceDownTimeMs: number;
  /** From the evacuate's answer to the conductor picking it up. */
  castMs: number;
  /** From the choice of a destination to its claim (record accepted → pre-migrating). */
  claimMs: number;
  /** From the claim to the guest running at the destination. */
  rebuildMs: number;
  /** From the guest running to host and record being written (record done). */
  finishMs: number;
  /** A live migration, from the choice of its destination to the switch. */
  migrateMs: number;
  /** Booting and stopping of a guest (os-start, os-stop, the stop after the evacuation of a stopped one). */
  guestStartMs: number;
  guestStopMs: number;
  /** From power on to the operating system answering. */
  bootMs: number;
  /** From the operating system (or agentUp) to nova-compute's start, which cleans up and reports. */
  agentStartMs: number;
  /** nova.conf rpc_response_timeout: a disable that calls a dead node, which Nova still holds for up, waits this long. */
  rpcTimeoutMs: number;
  /** From a BMC's accepted command to its effect. */
  bmcOffMs: number;
  bmcOnMs: number;
}

export const DURATIONS: Durations = {
  reportIntervalMs: 10_000,
  serviceDownTimeMs: 60_000,
  castMs: 300,
  claimMs: 200,
  rebuildMs: 2_000,
  finishMs: 100,
  migrateMs: 5_000,
  guestStartMs: 500,
  guestStopMs: 500,
  bootMs: 20_000,
  agentStartMs: 5_000,
  rpcTimeoutMs: 60_000,
  bmcOffMs: 300,
  bmcOnMs: 300,
};

export interface ProjectOption {
  name: string;
  /** Names of its users; the address is `<name>@<project>.example`. */
  users?: string[];
}

export interface WorldOptions {
  /** Everything random comes from it: ids, layout, jitter, ties of the scheduler. */
  seed?: number;
  nodes?: number;
  /** Laid out round robin over nodes and projects. */
  instances?: number;
  projects?: ProjectOption[];
  /** Availability zones; nodes are dealt out to them in blocks. */
  zones?: string[];
  /** What each node can carry. */
  capacity?: Capacity;
  timeScale?: number;
  durations?: Partial<Durations>;
  /** nova.conf osapi max_limit. */
  pageLimit?: number;
  /** Highest microversions offered. */
  computeMax?: string;
  placementMax?: string;
  /** Real seconds until a token expires (not scaled). */
  tokenSeconds?: number;
  /** Where the disks of image-backed instances lie; every third instance is volume-backed in any case. */
  imageBackedDisks?: 'shared' | 'local';
  /** Guests start when the operating system boots, before nova-compute can clean up (libvirt-guests ON_BOOT=start). Nova's default is no. */
  guestsAtBoot?: boolean;
  /** `none` saves time in worlds of a thousand nodes. */
  bmcs?: 'all' | 'none';
  region?: string;
}

export interface Capacity {
  vcpus: number;
  /** MiB */
  ram: number;
  /** GiB */
  disk: number;
}

export interface Settings extends Required<Omit<WorldOptions, 'durations'>> {
  durations: Durations;
}

export const DEFAULT_PROJECTS: ProjectOption[] = [
  { name: 'acme', users: ['alice', 'adam'] },
  { name: 'globex', users: ['bob'] },
  { name: 'initech', users: ['carol'] },
];

export function settingsOf(o: WorldOptions): Settings {
  return {
    seed: o.seed ?? 1,
    nodes: o.nodes ?? 8,
    instances: o.instances ?? 40,
    projects: o.projects ?? DEFAULT_PROJECTS,
    zones: o.zones ?? ['nova'],
    capacity: o.capacity ?? { vcpus: 64, ram: 131_072, disk: 2_000 },
    timeScale: o.timeScale ?? 1,
    durations: { ...DURATIONS, ...o.durations },
    pageLimit: o.pageLimit ?? 1_000,
    computeMax: o.computeMax ?? '2.103',
    placementMax: o.placementMax ?? '1.39',
    tokenSeconds: o.tokenSeconds ?? 3_600,
    imageBackedDisks: o.imageBackedDisks ?? 'shared',
    guestsAtBoot: o.guestsAtBoot ?? false,
    bmcs: o.bmcs ?? 'all',
    region: o.region ?? 'RegionOne',
  };
}
