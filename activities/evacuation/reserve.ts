// What the API shows of reserved nodes, and their two changes. Whose a reserved node is, the watch decides: two recoveries never get one.
import { readMarker } from '../../workflows/contract.ts';
import { like, matches } from '../../workflows/policy.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { NodeView } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import { failureOf, isLost } from './failure.ts';
import { isOpen, isOpenMove } from './records.ts';
import type { ReserveActivities, ReservedNode } from './reserve-contract.ts';

type Reserve = NonNullable<Policy['evacuation']['reserve']>;

/** A person disabled it for this, and it could take instances at once. */
export const isReserved = (row: NodeView, { reason }: Pick<Reserve, 'reason'>): boolean =>
  row.status === 'disabled' &&
  row.state === 'up' &&
  !row.forcedDown &&
  readMarker(row.disabledReason) === null &&
  like([reason], row.disabledReason ?? '');

/** Names of the aggregates that count, of those that this host is in. */
const groupsOf = (host: string, all: Readonly<Record<string, readonly string[]>>, reserve: Reserve): string[] =>
  Object.entries(all)
    .filter(([name, hosts]) => hosts.includes(host) && (!reserve.aggregates || matches(reserve.aggregates, name)))
    .map(([name]) => name);

export function createReserve(openstack: OpenStack): ReserveActivities {
  const { compute } = openstack;

  /** By zone, or by an aggregate that both are in. */
  async function neighbours(node: string, rows: readonly NodeView[], reserve: Reserve): Promise<NodeView[]> {
    const failed = rows.find((r) => r.host === node);
    const reserved = rows.filter((r) => r.host !== node && isReserved(r, reserve));
    if (!failed || reserved.length === 0) return [];
    if (reserve.by === 'zone') return reserved.filter((r) => r.zone === failed.zone);
    const all = await compute.aggregates();
    const mine = new Set(groupsOf(node, all, reserve));
    return reserved.filter((r) => groupsOf(r.host, all, reserve).some((name) => mine.has(name)));
  }

  async function write(host: string, change: Parameters<typeof compute.updateService>[1]): Promise<void> {
    const row = await compute.service(host);
    if (!row) throw new Error(`service of ${host}: it is gone from os-services`);
    await compute.updateService(row.serviceId, change).catch((error: unknown) => {
      const failure = failureOf(error);
      if (!failure || !isLost(failure)) throw error;
    });
  }

  return {
    async listReserve({ node, policy }) {
      const { reserve } = policy.evacuation;
      if (!reserve) return [];
      const rows = await neighbours(node, await compute.services(), reserve);
      const empty: ReservedNode[] = [];
      for (const { host, disabledReason } of rows.sort((a, b) => a.host.localeCompare(b.host)))
        if ((await compute.instances(host)).length === 0) empty.push({ host, reason: disabledReason ?? '' });
      return empty;
    },

    async enableReserve({ host, reason }) {
      const row = await compute.service(host);
      if (row?.status === 'enabled' && row.state === 'up') return { ok: true, why: '' };
      // Between the list and now somebody may have taken it for something else.
      if (!row || row.disabledReason !== reason || row.state !== 'up' || row.forcedDown)
        return { ok: false, why: `it is not as it was: ${row?.disabledReason ?? 'gone, or not up'}` };
      await write(host, { status: 'enabled' });
      const after = await compute.service(host);
      if (after?.status !== 'enabled')
        throw new Error(`service of ${host}: the change was not taken (it is tried again)`);
      return { ok: true, why: '' };
    },

    async giveBackReserve({ host, reason, timeoutMs }) {
      const o = { timeoutMs };
      const [row, views, moves] = await Promise.all([
        compute.service(host, o),
        compute.instances(host, o),
        compute.migrations({ host }, o),
      ]);
      if (!row) return { givenBack: false, why: 'it is gone from os-services' };
      if (row.status === 'disabled') return { givenBack: row.disabledReason === reason, why: row.disabledReason ?? '' };
      const coming = moves.filter(
        (m) => m.destCompute === host && (isOpenMove(m) || (m.type === 'evacuation' && isOpen(m))),
      );
      if (views.length + coming.length > 0)
        return { givenBack: false, why: `${views.length} instances are on it, ${coming.length} on their way` };
      await write(host, { status: 'disabled', disabledReason: reason });
      const after = await compute.service(host);
      if (after?.disabledReason !== reason)
        throw new Error(`service of ${host}: the change was not taken (it is tried again)`);
      return { givenBack: true, why: '' };
    },
  };
}
