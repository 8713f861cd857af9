// What a drain reads and writes of its node: which instances can be live-migrated, and the row that keeps new ones away.
import { readMarker } from '../../workflows/contract.ts';
import { leftAlone, priorityOf, tight, type Facts, type TightGroup } from '../../workflows/policy.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { InstanceView, NodeView, Planned } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { DrainActivities } from './drain-contract.ts';
import { asksForImages, type FactReader } from './facts.ts';
import { final } from './failure.ts';
import { isLockedByOthers } from './locks.ts';
import { rowsIn } from './marks.ts';
import { isOpenMove } from './records.ts';
import { tightGroupOf, tightGroups } from './snapshot.ts';

type Sorted = Pick<Planned, 'decision' | 'reason'>;

const keep = (reason: string): Sorted => ({ decision: 'keep', reason });

/**
 * What Nova live-migrates: active and paused instances that nothing else is being done to (nova/compute/api.py, live_migrate). Whoever
 * is left alone by the policy is left alone here, too; whether an owner opted in does not matter: nothing of theirs is lost.
 */
export function decideMove(
  i: InstanceView,
  about: { moving: boolean; tight: boolean; group?: TightGroup | undefined; facts?: Facts | undefined },
  { evacuation: e }: Policy,
): Sorted {
  if (i.taskState === 'deleting' || i.taskState === 'soft-deleting' || /delete/.test(i.vmState))
    return keep('it is being deleted');
  if (about.moving) return { decision: 'hold', reason: 'a migration of it is under way already' };
  const left = leftAlone(i, about.facts ?? {}, e);
  if (left !== null) return keep(left);
  if (i.vmState === 'stopped')
    return keep('it is off: only what runs is live-migrated (openstack server migrate moves it)');
  if (i.vmState !== 'active' && i.vmState !== 'paused') return keep(`Nova does not live-migrate what is ${i.vmState}`);
  if (about.tight) return keep(`${tight(about.group)}: Nova does not move them apart`);
  return { decision: 'evacuate', reason: '' };
}

export function createDrain(
  openstack: OpenStack,
  facts: FactReader,
): Pick<DrainActivities, 'planDrain' | 'markDrained'> {
  const { compute } = openstack;

  const { rowOf, write } = rowsIn(openstack);
  return {
    async planDrain({ node, serviceId, policy }) {
      const o = { timeoutMs: policy.timings.novaReadMs };
      const [row, views, moves] = await Promise.all([
        rowOf(node, serviceId),
        compute.instances(node, asksForImages(policy) ? { ...o, imageProperties: true } : o),
        compute.migrations({ host: node, type: 'live-migration' }, o),
      ]);
      const [groups, known] = await Promise.all([tightGroups(openstack, views, o), facts.read(node, views, policy)]);
      const instances = views.map((view): Planned => {
        const moving = moves.some((m) => m.instanceId === view.id && isOpenMove(m));
        const group = tightGroupOf(view, groups);
        const { id, name, projectId, userId, vmState, powerState } = view;
        return {
          ...{ id, name, projectId, userId, vmState, powerState, rebuilding: false },
          ...decideMove(view, { moving, tight: group !== undefined, group, facts: known.get(view.id) }, policy),
          locked: isLockedByOthers(view),
          priority: priorityOf(view, policy, known.get(view.id)),
        };
      });
      instances.sort((a, b) => b.priority - a.priority || a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
      const out = moves.filter((m) => m.sourceCompute === node);
      return { node: row, instances, lastMigrationId: out.reduce((max, m) => Math.max(max, m.id), 0) };
    },

    async markDrained({ serviceId, node, marker, before }) {
      const row = await rowOf(node, serviceId);
      refuseOthers(row, marker, before);
      return write(row, { status: 'disabled', disabledReason: marker });
    },
  };
}

/** A recovery's mark is never written over: it stands for a proof. Nor is what a person said meanwhile. */
function refuseOthers(row: NodeView, marker: string, before: Pick<NodeView, 'disabledReason'>): void {
  const found = readMarker(row.disabledReason);
  const ours = found !== null && found.run === readMarker(marker)?.run;
  if (ours) return;
  if (row.forcedDown || (found !== null && found.outcome === null))
    throw final('NotOurs', `service of ${row.host}: a recovery holds it (${row.disabledReason ?? 'forced down'})`);
  if (row.status === 'disabled' && row.disabledReason !== before.disabledReason)
    throw final(
      'NotOurs',
      `service of ${row.host}: somebody disabled it meanwhile: ${row.disabledReason ?? 'no reason given'} (look, then retry)`,
    );
}
