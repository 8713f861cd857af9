// Which address and which names belong to a host: os-hypervisors, kept for 10 minutes. A helper of os-services and Placement: when
// it fails, what was known stays, and nothing else fails with it.
import { HYPERVISORS, type Hypervisor } from './compute-views.ts';
import { unlessAborted } from './limit.ts';
import type { Time } from './retry.ts';
import type { Service } from './service.ts';

const KEEP_MS = 10 * 60_000;
const AGAIN_MS = 30_000;
const FIRST_WAIT_MS = 5_000;

/**
 * Not 2.88 or later: since then Nova asks every compute for its uptime by RPC while it answers, and hangs on a dead one.
 * (nova/api/openstack/compute/hypervisors.py)
 */
const VERSIONS = { from: '2.53', to: '2.87', why: 'hypervisors by UUID with their service' };

export interface Hypervisors {
  /** Address by os-services host. Waits only for the very first answer, and not longer than 5 s; later ones come in the background. */
  addresses(hosts: string[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** os-services host by hypervisor hostname; waits for the first answer. */
  hostOf(hypervisor: string): Promise<string | null>;
  close(): Promise<void>;
}

export function createHypervisors(nova: Service, time: Time): Hypervisors {
  const stop = new AbortController();
  let addresses = new Map<string, string>();
  let hosts = new Map<string, string>();
  let readAt: number | null = null;
  let triedAt: number | null = null;
  let reading: Promise<void> | null = null;

  const refresh = async (): Promise<void> => {
    triedAt = time.now();
    const call = { method: 'GET', path: '/os-hypervisors/detail', versions: VERSIONS } as const;
    const timeoutMs = readAt === null ? FIRST_WAIT_MS : undefined;
    const { rows } = await nova.list(call, HYPERVISORS, { signal: stop.signal, timeoutMs });
    addresses = addressesOf(rows);
    hosts = new Map(rows.map((r) => [r.hypervisor_hostname, r.service.host]));
    readAt = time.now();
  };
  const look = (wanted: string[]): Promise<void> | null => {
    const now = time.now();
    const fresh = readAt !== null && now - readAt < KEEP_MS && wanted.every((h) => addresses.has(h));
    const justTried = triedAt !== null && now - triedAt < AGAIN_MS;
    if (reading || fresh || justTried || stop.signal.aborted) return reading;
    // Whatever happens to it: the map that we have stays.
    reading = refresh()
      .catch(() => {})
      .finally(() => (reading = null));
    return reading;
  };

  return {
    addresses: async (wanted, signal) => {
      const work = look(wanted);
      if (readAt === null && work) await unlessAborted(work, signal);
      return addresses;
    },
    hostOf: async (hypervisor) => {
      const work = look([]);
      if (readAt === null) await work;
      return hosts.get(hypervisor) ?? null;
    },
    close: async () => {
      stop.abort(new Error('the client was closed'));
      await reading;
    },
  };
}

/** By `service.host`, never by a name pattern: `node-1` would find `node-10`. Ironic's many hypervisors of a host tell none. */
function addressesOf(rows: Hypervisor[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const r of rows) if (r.host_ip && !out.has(r.service.host)) out.set(r.service.host, r.host_ip);
  return out;
}
