// Every power device of every node is read, side by side. A broken one is a line today, not a surprise on the day.
import { readDevice } from '../../activities/fencing/ask-device.ts';
import type { FenceDevice, PowerReading } from '../../activities/fencing/driver.ts';
import type { Fencing } from '../../activities/fencing/levels.ts';
import { systemClock } from '../../activities/monitoring/clock.ts';
import type { NodeView } from '../../workflows/domain.ts';
import { matches } from '../../workflows/policy.ts';
import { probe, some, type Probing, type Row, type Saying } from './row.ts';

const part = 'fencing';
/** ipmitool is a process for each. */
const AT_ONCE = 32;
const TODO = 'address, user, password and network of this device; docs/drivers has a page for each driver';

/** `nodes` null: the fleet is not known, and nothing can be said of its devices. */
export async function checkFencing(probing: Probing, nodes: NodeView[] | null): Promise<Row[]> {
  const { config, source } = probing;
  if (!nodes) {
    const says = 'not tried: the list of nodes could not be read';
    return [{ part, what: 'devices', verdict: 'warn', says, todo: 'mend OpenStack first' }];
  }
  let fencing: Fencing | null = null;
  const made = await probe(
    probing,
    { part, what: 'configuration', todo: 'docs/configuration.md, Fencing' },
    async () => {
      fencing = await source.get('fencing');
      const wrong = fencing.problems(nodes.map((n) => n.host));
      return wrong.length === 0
        ? `levels: ${config.fencing.levels.map((l) => l.name).join(', ') || 'none'}`
        : { verdict: 'fail', says: wrong.join('; ') };
    },
  );
  return fencing ? [made, withoutDevice(probing, fencing, nodes), ...(await devices(probing, fencing, nodes))] : [made];
}

function withoutDevice({ config }: Probing, fencing: Fencing, nodes: NodeView[]): Row {
  const { mode, exclude, carries } = config.policy;
  const fenced = nodes.map((n) => n.host).filter((host) => !matches([...exclude, ...carries], host));
  const covered = new Set(fencing.nodesWithDevices(fenced));
  const bare = fenced.filter((host) => !covered.has(host));
  if (bare.length === 0)
    return { part, what: 'coverage', verdict: 'ok', says: 'every node has a fence device', todo: '' };
  const verdict = mode === 'observe' ? 'warn' : 'fail';
  const todo =
    'a node without one stops its recovery, and a person has to confirm the power-off: add it to fencing.levels';
  return { part, what: 'coverage', verdict, says: `no fence device: ${some(bare)}`, todo };
}

async function devices(probing: Probing, fencing: Fencing, nodes: NodeView[]): Promise<Row[]> {
  const all = nodes.flatMap((node) =>
    fencing.levelsOf(node.host).flatMap(({ name, devices: of }) => of.map((device) => ({ node, level: name, device }))),
  );
  const rows: Row[] = [];
  for (let i = 0; i < all.length; i += AT_ONCE) {
    const batch = all.slice(i, i + AT_ONCE);
    rows.push(...(await Promise.all(batch.map(({ node, level, device }) => readOne(probing, node, level, device)))));
  }
  return rows;
}

function readOne(probing: Probing, node: NodeView, level: string, device: FenceDevice): Promise<Row> {
  const { powerStatusMs } = probing.config.policy.timings;
  return probe(probing, { part, what: `${node.host}, ${level}`, todo: TODO }, async (signal) =>
    judge(await readDevice(device, powerStatusMs, systemClock, signal), node, device),
  );
}

/** A device that says off of a node that lives is somebody else's: fencing by it would kill a neighbour. */
function judge({ power, detail, fault, identityConfirmed }: PowerReading, node: NodeView, device: FenceDevice): Saying {
  const identity = identityConfirmed ? 'identity confirmed' : 'identity not confirmed';
  if (power === 'unknown') {
    const todo = fault === 'mismatch' ? 'this device belongs to another machine: correct the configuration' : TODO;
    return { verdict: 'fail', says: detail, todo: `${todo}; by hand: ${device.confirmCommand()}` };
  }
  if (power === 'off' && node.state === 'up')
    return {
      verdict: 'fail',
      says: `${device.label} says off, and Nova says that ${node.host} is up (${identity})`,
      todo: 'most likely the device of another machine: correct the configuration',
    };
  return { says: `${power}, ${identity} (${device.label})` };
}
