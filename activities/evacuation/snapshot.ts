// Everything that is read before the first change, and again before the first evacuation. Reads only.
import { decide, priorityOf, type Facts, type TightGroup } from '../../workflows/policy.ts';
import type { Policy } from '../../workflows/defaults.ts';
import type { InstanceView, MigrationRecord, Planned, Snapshot } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import { isoNow, type Clock } from './clock.ts';
import type { EvacuationActivities, Need } from './contract.ts';
import { asksForImages, type FactReader } from './facts.ts';
import { final } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';
import { isLockedByOthers } from './locks.ts';
import { needOf } from './needs.ts';
import { isDone, isEvacuationFrom, isOpen, isOpenMove } from './records.ts';

interface Reading {
  views: InstanceView[];
  evacuations: MigrationRecord[];
  moves: MigrationRecord[];
  tight: ReadonlyMap<string, GroupHere>;
  facts: ReadonlyMap<string, Facts>;
}

/** Four reads, one per server group with several members here, and what the rules of selection ask; however many instances there are. */
async function read(openstack: OpenStack, facts: FactReader, node: string, policy: Policy): Promise<Reading> {
  const { compute } = openstack;
  const o = { timeoutMs: policy.timings.novaReadMs };
  const [views, evacuations, moves] = await Promise.all([
    compute.instances(node, asksForImages(policy) ? { ...o, imageProperties: true } : o),
    compute.migrations({ sourceCompute: node, type: 'evacuation' }, o),
    compute.migrations({ host: node, type: 'live-migration' }, o),
  ]);
  const [tight, known] = await Promise.all([tightGroups(openstack, views, o), facts.read(node, views, policy)]);
  return { views, evacuations, moves: moves.filter(isOpenMove), tight, facts: known };
}

/** A hard-affinity group and its members on one node. */
interface GroupHere {
  id: string;
  name: string;
  members: InstanceView[];
}

/** Hard-affinity groups with two or more members on the node: Nova keeps them together, and nowhere is all of it at once. */
export async function tightGroups(
  openstack: OpenStack,
  views: InstanceView[],
  o: { timeoutMs: number },
): Promise<Map<string, GroupHere>> {
  const ids = [...new Set(views.flatMap((v) => v.serverGroups))];
  const several = ids
    .map((id) => ({ id, members: views.filter((v) => v.serverGroups.includes(id)) }))
    .filter(({ members }) => members.length > 1);
  const groups = await fewAtATime(several, async ({ id, members }) => {
    const group = await openstack.compute.serverGroup(id, o);
    return group?.policy === 'affinity' ? [{ id, name: group.name || id, members }] : [];
  });
  return new Map(groups.flat().map((g) => [g.id, g]));
}

/** The first of these that it is in, as its owner may read of it. */
export function tightGroupOf(view: InstanceView, tight: ReadonlyMap<string, GroupHere>): TightGroup | undefined {
  const found = view.serverGroups.map((id) => tight.get(id)).find((g) => g !== undefined);
  if (!found) return undefined;
  const { id, name, members } = found;
  const own = members.filter((m) => m.projectId === view.projectId).map((m) => m.name);
  return { id, name, members: own.sort((a, b) => a.localeCompare(b)), count: members.length };
}

function plan(view: InstanceView, r: Reading, policy: Policy): Planned {
  const of = (records: MigrationRecord[]): MigrationRecord | null =>
    records.find((m) => m.instanceId === view.id) ?? null;
  const group = tightGroupOf(view, r.tight);
  const context = {
    openEvacuation: of(r.evacuations.filter(isOpen)),
    openMigration: of(r.moves),
    hardAffinity: group !== undefined,
    ...(group ? { group } : {}),
    facts: r.facts.get(view.id) ?? {},
  };
  const { decision, reason, loses } = decide(view, context, policy);
  const { id, name, projectId, userId, vmState, powerState } = view;
  return {
    ...{ id, name, projectId, userId, vmState, powerState, decision, reason },
    locked: isLockedByOthers(view),
    ...(loses === undefined ? {} : { loses }),
    priority: priorityOf(view, policy, context.facts),
    rebuilding: view.taskState === 'rebuilding',
  };
}

const inOrder = (plans: Planned[]): Planned[] =>
  plans.sort((a, b) => b.priority - a.priority || a.name.localeCompare(b.name) || a.id.localeCompare(b.id));

const needsOf = (views: InstanceView[]): Record<string, Need> =>
  Object.fromEntries(views.map((v) => [v.id, needOf(v)]));

export function createSnapshots(
  openstack: OpenStack,
  clock: Clock,
  facts: FactReader,
): Pick<EvacuationActivities, 'takeSnapshot' | 'listAgain' | 'observe' | 'openRecords'> {
  const { compute } = openstack;
  return {
    async takeSnapshot({ node, serviceId, policy }) {
      const takenAt = isoNow(clock);
      const [row, r] = await Promise.all([compute.service(node), read(openstack, facts, node, policy)]);
      if (row === null) throw final('NotFound', `service of ${node}: it is gone from os-services`);
      if (row.serviceId !== serviceId)
        throw final('UuidChanged', `service of ${node}: its UUID is ${row.serviceId}, not ${serviceId}`);
      const snapshot: Snapshot = {
        node: row,
        instances: inOrder(r.views.map((v) => plan(v, r, policy))),
        lastEvacuationId: r.evacuations.reduce((max, m) => Math.max(max, m.id), 0),
        takenAt,
      };
      const incoming = r.moves.filter((m) => m.destCompute === node && m.sourceCompute !== node);
      return { snapshot, needs: needsOf(r.views), incoming };
    },

    async listAgain({ node, snapshot, policy }) {
      const r = await read(openstack, facts, node, policy);
      const here = new Set(r.views.map((v) => v.id));
      const missing = snapshot.instances.filter((i) => !here.has(i.id));
      const now = await fewAtATime(missing, async (i) => ({ was: i, view: await compute.instance(i.id) }));
      const gone: Awaited<ReturnType<EvacuationActivities['listAgain']>>['gone'] = [];
      const instances = r.views.map((v) => keepPast(plan(v, r, policy), snapshot));
      for (const { was, view } of now) {
        const at = isoNow(clock);
        const host = view?.host ?? null;
        if (view === null) gone.push({ id: was.id, reason: 'it was deleted', host: null, at });
        else if (host === node) instances.push(keepPast(plan(view, r, policy), snapshot));
        // An evacuation before us brought it there: watched to its end like one of ours.
        else if (r.evacuations.some((m) => m.instanceId === was.id && isDone(m) && m.destCompute === host))
          instances.push({ ...was, decision: 'adopt', reason: `an evacuation brought it to ${host}` });
        else gone.push({ id: was.id, reason: `somebody moved it to ${host ?? 'no host'}`, host, at });
      }
      return { instances: inOrder(instances), gone, needs: needsOf(r.views) };
    },

    async observe({ instances }) {
      const seen = await fewAtATime(instances, async (id) => {
        const v = await compute.instance(id);
        const view = v && { id, host: v.host, status: v.status, taskState: v.taskState, vmState: v.vmState };
        return [id, { view, at: isoNow(clock) }] as const;
      });
      return Object.fromEntries(seen);
    },

    async openRecords(node) {
      const records = await compute.migrations({ sourceCompute: node, type: 'evacuation' });
      // Nova destroys the local guest of each of these when nova-compute starts there again.
      return records.filter((m) => isEvacuationFrom(m, node) && (isOpen(m) || m.status === 'done'));
    },
  };
}

/** What the snapshot saw before anything began stays true: the state to return to, other people's locks, a rebuild on its way. */
function keepPast(plan: Planned, snapshot: Snapshot): Planned {
  const was = snapshot.instances.find((i) => i.id === plan.id);
  if (!was) return plan;
  const { vmState, powerState, locked, rebuilding } = was;
  return { ...plan, vmState, powerState, locked, rebuilding };
}
