// A machine that never comes back: what is left on it, and whether its service may be deleted. Lifeboat deletes nothing, and switches
// nothing on here.
import { DEFAULT_POLICY } from '../defaults.ts';
import type { NodeView } from '../domain.ts';
import { brief } from '../proxies.ts';
import { Halt, step, type Way } from './way.ts';

/** How many are named in a sentence. */
const NAMED = 20;

/** After its recovery has ended and without an open record: those are asked before. Reads only. */
export async function mayBeDeleted(way: Way, row: NodeView): Promise<Halt> {
  const { fencing, openstack } = brief(way.cloud);
  step(way, 'reads its power');
  const power = await fencing.readPower.executeWithOptions({ summary: 'is it off?' }, [way.node]);
  const on = power.find((p) => p.power === 'on');
  if (on)
    return new Halt(
      'refused',
      `${way.node} is on (${on.label}): dead hardware is off. Readmit it, or switch it off first`,
    );
  step(way, 'lists what is left on it');
  const input = { node: way.node, serviceId: row.serviceId, policy: DEFAULT_POLICY };
  const { snapshot } = await openstack.takeSnapshot.executeWithOptions({ summary: 'what is left on it?' }, [input]);
  const left = snapshot.instances.map((i) => `${i.name} (${i.id}, ${i.vmState})`);
  if (left.length > 0) {
    const more = left.length > NAMED ? ` and ${left.length - NAMED} more` : '';
    return new Halt(
      'refused',
      `${left.length} instances are left on ${way.node}, and deleting its service would strand them: ${left.slice(0, NAMED).join(', ')}${more}. Recreate or delete them first (openstack server rebuild, openstack server delete)`,
    );
  }
  return new Halt(
    'mayBeDeleted',
    `nothing is left on ${way.node}: delete its service, and with it its records and what Placement holds for it, with: openstack compute service delete ${row.serviceId}`,
  );
}
