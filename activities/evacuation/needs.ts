// What Placement has to have free for one more instance of a flavor.
import type { InstanceView } from '../../workflows/domain.ts';
import type { Need } from './contract.ts';

const MIB_PER_GIB = 1024;

/**
 * The resource classes that Nova's scheduler will ask for (nova/scheduler/utils.py): a dedicated CPU policy asks for PCPU, a
 * volume-backed root disk for none, `resources:` extra specs for their own class or instead of the standard one.
 */
export function needOf(i: Pick<InstanceView, 'flavor' | 'volumeBacked'>): Need {
  const { vcpus, ram, disk, swap, extraSpecs } = i.flavor;
  const ephemeral = 'ephemeral' in i.flavor && typeof i.flavor.ephemeral === 'number' ? i.flavor.ephemeral : 0;
  const need: Need = { vcpus, ram, disk: (i.volumeBacked ? ephemeral : disk) + Math.ceil(swap / MIB_PER_GIB) };
  const extra: Record<string, number> = {};
  if (extraSpecs['hw:cpu_policy'] === 'dedicated') {
    extra.PCPU = vcpus;
    need.vcpus = 0;
  }
  for (const [key, value] of Object.entries(extraSpecs)) {
    const resource = /^resources:([A-Z0-9_]+)$/.exec(key)?.[1];
    const amount = Number(value);
    if (!resource || !Number.isInteger(amount) || amount < 0) continue;
    if (resource === 'VCPU') need.vcpus = amount;
    else if (resource === 'MEMORY_MB') need.ram = amount;
    else if (resource === 'DISK_GB') need.disk = amount;
    else if (amount > 0) extra[resource] = amount;
  }
  return Object.keys(extra).length > 0 ? { ...need, extra } : need;
}

/** By resource class, zeros left out. */
export function classesOf(n: Need): Record<string, number> {
  const all = { VCPU: n.vcpus, MEMORY_MB: n.ram, DISK_GB: n.disk, ...n.extra };
  return Object.fromEntries(Object.entries(all).filter(([, amount]) => amount > 0));
}

/** The same text for the same need: instances of one flavor are asked for once. */
export const needKey = (n: Need): string =>
  JSON.stringify(Object.entries(classesOf(n)).sort(([a], [b]) => a.localeCompare(b)));
