// Nova's scheduler and the claims of its compute nodes, as far as an evacuation meets them.
import type { Centre, Resources } from './centre.ts';
import { serviceIsUp } from './centre.ts';
import type { Flavor, Instance, Node } from './model.ts';

export function needOf(flavor: Flavor, volumeBacked: boolean): Resources {
  const disk = (volumeBacked ? 0 : flavor.disk) + flavor.ephemeral + Math.ceil(flavor.swap / 1024);
  return { VCPU: flavor.vcpus, MEMORY_MB: flavor.ram, ...(disk > 0 ? { DISK_GB: disk } : {}) };
}

export function capacityOf(node: Node): Resources {
  return { VCPU: node.capacity.vcpus, MEMORY_MB: node.capacity.ram, DISK_GB: node.capacity.disk };
}

export function usedOf(centre: Centre, node: Node): Resources {
  const used: Resources = { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 };
  for (const byProvider of centre.allocations.values()) {
    const mine = byProvider.get(node.hypervisorId);
    for (const [name, amount] of Object.entries(mine ?? {})) used[name] = (used[name] ?? 0) + amount;
  }
  return used;
}

export function fits(centre: Centre, node: Node, need: Resources): boolean {
  const capacity = capacityOf(node);
  const used = usedOf(centre, node);
  return Object.entries(need).every(([name, amount]) => (used[name] ?? 0) + amount <= (capacity[name] ?? 0));
}

/** Placement, then the filters: compute (up, enabled), zone, aggregates, cell, server group. */
export function candidates(centre: Centre, instance: Instance, ignore: string[], only?: string): Node[] {
  const source = instance.host ? centre.nodes.get(instance.host) : undefined;
  const need = needOf(instance.flavor, instance.disk === 'volume');
  return [...centre.nodes.values()].filter(
    (node) =>
      !ignore.includes(node.name) &&
      (only === undefined || node.name === only) &&
      !node.service.disabled &&
      !node.service.disabledTrait &&
      serviceIsUp(centre, node) &&
      (!source || node.cell === source.cell) &&
      !centre.downCells.has(node.cell) &&
      (instance.requestedZone === null || node.zone === instance.requestedZone) &&
      inAggregates(node, instance.flavor) &&
      groupAllows(centre, instance, node) &&
      fits(centre, node, need),
  );
}

// AggregateInstanceExtraSpecsFilter, with the one key that this world knows.
function inAggregates(node: Node, flavor: Flavor): boolean {
  const wanted = flavor.extraSpecs['aggregate_instance_extra_specs:pool'];
  return wanted === undefined || node.aggregates.includes(wanted);
}

/** Also nova-compute's late check, since parallel scheduling can break the group's policy. */
export function groupAllows(centre: Centre, instance: Instance, node: Node): boolean {
  const group = instance.group ? centre.groups.get(instance.group) : undefined;
  if (!group || group.policy.startsWith('soft-')) return true;
  const others = group.members
    .filter((id) => id !== instance.id)
    .map((id) => centre.instances.get(id))
    .filter((other): other is Instance => other !== undefined && !other.deleted && other.host !== null);
  if (group.policy === 'anti-affinity') return others.every((other) => other.host !== node.name);
  return others.every((other) => other.host === node.name);
}

/** The most free memory wins; ties by the seed. */
export function choose(centre: Centre, from: Node[]): Node | null {
  const free = (node: Node) => node.capacity.ram - (usedOf(centre, node)['MEMORY_MB'] ?? 0);
  const best = Math.max(...from.map(free));
  const ties = from.filter((node) => free(node) === best);
  return ties[centre.random.below(ties.length)] ?? null;
}

export function allocate(centre: Centre, instance: Instance, node: Node): void {
  const byProvider = centre.allocations.get(instance.id) ?? new Map<string, Resources>();
  byProvider.set(node.hypervisorId, needOf(instance.flavor, instance.disk === 'volume'));
  centre.allocations.set(instance.id, byProvider);
}

export function release(centre: Centre, instance: Instance, node: Node): void {
  centre.allocations.get(instance.id)?.delete(node.hypervisorId);
}
