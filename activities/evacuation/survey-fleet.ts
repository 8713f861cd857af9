// The whole fleet's loads and the room for them, for a drill. Reads only.
import { setImmediate as breathe } from 'node:timers/promises';
import type { Policy } from '../../workflows/defaults.ts';
import type { NodeView, Planned } from '../../workflows/domain.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { EvacuationActivities, FleetSurvey, Need } from './contract.ts';
import { failureOf, textOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';
import type { Room } from './fit.ts';
import { biggest, ifGone, type Load } from './fleet-fit.ts';
import { classesOf } from './needs.ts';
import type { Rooms } from './room.ts';

/** Nodes that are read at once, four lists each: a recovery's own reads go beside them. */
const WIDTH = 4;

interface Deps {
  openstack: OpenStack;
  rooms: Rooms;
  takeSnapshot: EvacuationActivities['takeSnapshot'];
}

interface Reading extends Load {
  view: NodeView;
  instances: Planned[];
  trouble: string;
}

/**
 * Lists every node's instances once and asks Placement once per distinct need. A node that cannot be read says so in `trouble` and
 * counts as empty; rejects where the services or Placement cannot be read. Its answer grows by the node, not by the instance.
 */
export async function surveyFleet(
  { openstack, rooms, takeSnapshot }: Deps,
  { policy, together }: { policy: Policy; together: number[] },
): Promise<FleetSurvey> {
  const services = await openstack.compute.services({ timeoutMs: policy.timings.novaReadMs });
  const loads = await fewAtATime(services, (view) => read(takeSnapshot, view, policy), WIDTH);
  const needs = loads.flatMap((l) => l.waiting.map((w) => w.need)).filter((n) => Object.keys(classesOf(n)).length > 0);
  const { room, hosts } = await rooms.survey(needs, '', policy.timings);
  const nodes: FleetSurvey['nodes'] = [];
  for (const load of loads) {
    // A large fleet takes seconds to compute: what is evacuated meanwhile has to beat.
    await breathe();
    nodes.push(summary(load, room, services));
  }
  const groups: FleetSurvey['together'] = [];
  for (const k of together) {
    await breathe();
    const gone = biggest(room, loads, k);
    const moves = gone.reduce((n, l) => n + l.waiting.length, 0);
    groups.push({ nodes: gone.map((l) => l.node), moves, fits: ifGone(room, gone).size });
  }
  return { nodes, together: groups, destinations: hosts.length, zones: new Set(services.map((s) => s.zone)).size };
}

async function read(takeSnapshot: Deps['takeSnapshot'], view: NodeView, policy: Policy): Promise<Reading> {
  const { host: node, zone, serviceId } = view;
  const base = { view, node, zone };
  try {
    const { snapshot, needs } = await takeSnapshot({ node, serviceId, policy });
    const none: Need = { vcpus: 0, ram: 0, disk: 0 };
    const waiting = snapshot.instances
      .filter((i) => i.decision !== 'keep')
      .map((i) => ({ id: i.id, need: needs[i.id] ?? none }));
    return { ...base, instances: snapshot.instances, waiting, trouble: '' };
  } catch (error) {
    const failure = failureOf(error);
    return { ...base, instances: [], waiting: [], trouble: failure ? textOf(error) : String(error) };
  }
}

function summary(load: Reading, room: Room, services: readonly NodeView[]): FleetSurvey['nodes'][number] {
  const { view, instances, waiting, trouble } = load;
  const near = new Set(services.filter((s) => s.zone === view.zone).map((s) => s.host));
  const keeps = new Map<string, number>();
  for (const { decision, reason } of instances)
    if (decision === 'keep') keeps.set(reason, (keeps.get(reason) ?? 0) + 1);
  return {
    ...{ view, trouble, instances: instances.length, moves: waiting.length },
    fits: ifGone(room, [load]).size,
    fitsInZone: ifGone(room, [load], near).size,
    loses: instances.filter((i) => i.decision !== 'keep' && i.loses !== undefined).length,
    keeps: [...keeps].map(([reason, count]) => ({ reason, count })),
  };
}
