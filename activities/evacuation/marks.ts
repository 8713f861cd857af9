// The node's row in os-services: marked once the node is proven off, and given back by readmission. Every change is read back.
import { readMarker } from '../../workflows/contract.ts';
import type { NodeView } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { EvacuationActivities } from './contract.ts';
import { failureOf, final, isForbidden, isLost } from './failure.ts';

type Marks = Pick<EvacuationActivities, 'markNode' | 'readService' | 'unforce' | 'enable'>;

/** Reads and changes one row of os-services, of exactly the service that is meant. */
export function rowsIn({ compute }: Pick<OpenStack, 'compute'>): {
  rowOf(node: string, serviceId: string): Promise<NodeView>;
  write(row: NodeView, change: Change): Promise<NodeView>;
} {
  async function rowOf(node: string, serviceId: string): Promise<NodeView> {
    const row = await compute.service(node);
    if (row === null) throw final('NotFound', `service of ${node}: it is gone from os-services`);
    if (row.serviceId !== serviceId)
      throw final(
        'UuidChanged',
        `service of ${node}: its UUID is ${row.serviceId}, not ${serviceId} (the node was rebuilt)`,
      );
    return row;
  }

  /** Changes the row, unless it is so already; a lost reply is settled by reading. */
  async function write(row: NodeView, change: Change): Promise<NodeView> {
    if (isAs(row, change)) return row;
    try {
      await compute.updateService(row.serviceId, change);
    } catch (error) {
      const failure = failureOf(error);
      if (failure && isForbidden(failure)) throw final('Forbidden', failure.message);
      if (!failure || !isLost(failure)) throw error;
    }
    const after = await rowOf(row.host, row.serviceId);
    if (!isAs(after, change)) throw new Error(`service of ${row.host}: the change was not taken (it is tried again)`);
    return after;
  }

  return { rowOf, write };
}

export function createMarks(openstack: OpenStack): Marks {
  const { compute } = openstack;
  const { rowOf, write } = rowsIn(openstack);
  return {
    readService: (node) => compute.service(node),

    async markNode({ serviceId, node, marker, forcedDown = true, before, as }) {
      const row = await rowOf(node, serviceId);
      const found = readMarker(row.disabledReason);
      const wanted = readMarker(marker);
      // The last step writes the outcome: what a person changed meanwhile is not fought.
      if (wanted?.outcome && found?.run !== wanted.run) return row;
      const known = before === undefined || row.disabledReason === before.disabledReason;
      if (row.status === 'disabled' && found === null && !known)
        throw final(
          'NotOurs',
          `service of ${node}: a person disabled it meanwhile: ${row.disabledReason ?? 'no reason given'} (look, then retry)`,
        );
      if (as !== undefined && found?.run !== wanted?.run) stillAs(row, as);
      return write(row, { status: 'disabled', disabledReason: marker, forcedDown });
    },

    async unforce({ serviceId, marker }) {
      const row = (await compute.services()).find((n) => n.serviceId === serviceId);
      if (!row) throw final('NotFound', `service ${serviceId}: it is gone from os-services`);
      if (marker !== undefined && readMarker(row.disabledReason) === null) throw byPerson(row);
      try {
        const mark: Change = marker === undefined ? {} : { status: 'disabled', disabledReason: marker };
        await write(row, { ...mark, forcedDown: false });
        return { ok: true, why: '' };
      } catch (error) {
        const failure = failureOf(error);
        // Nova refuses while evacuation records of the node wait for its cleanup (nova/api/openstack/compute/services.py).
        if (failure?.status === 400) return { ok: false, why: failure.message };
        throw error;
      }
    },

    async enable({ serviceId, node }) {
      const row = await rowOf(node, serviceId);
      if (row.status === 'enabled') return row;
      const ours = readMarker(row.disabledReason);
      if (ours === null) throw byPerson(row);
      if (ours.was !== null) return write(row, { status: 'disabled', disabledReason: ours.was });
      return write(row, { status: 'enabled' });
    },
  };
}

/** Between the proof and this write anything may lie: a worker that slept, or a Temporal that was restored from a copy. */
function stillAs(row: NodeView, as: 'marked' | Pick<NodeView, 'updatedAt'>): void {
  const why =
    as === 'marked'
      ? `it does not carry the run's marker any more (${row.disabledReason ?? 'no reason'})`
      : row.updatedAt === as.updatedAt
        ? null
        : `it moved since the evidence (updated_at ${row.updatedAt ?? 'none'})`;
  if (why) throw final('RowMoved', `service of ${row.host}: ${why}`);
}

const byPerson = (row: NodeView): Error =>
  final('NotOurs', `service of ${row.host}: disabled by a person: ${row.disabledReason ?? 'no reason given'}`);

type Change = { status?: 'enabled' | 'disabled'; disabledReason?: string; forcedDown?: boolean };

const isAs = (row: NodeView, c: Change): boolean =>
  (c.status === undefined || row.status === c.status) &&
  (c.disabledReason === undefined || row.disabledReason === c.disabledReason) &&
  (c.forcedDown === undefined || row.forcedDown === c.forcedDown);
