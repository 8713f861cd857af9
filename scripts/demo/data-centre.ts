// The data centre of the demo: 8 nodes, 40 instances of 4 projects. Which of them fail is the acts' affair.
import { startWorld, type World } from '../../test/world/world.ts';

const PROJECTS = [
  { name: 'acme', users: ['alice', 'adam'], role: 'web' },
  { name: 'globex', users: ['bob'], role: 'shop' },
  { name: 'initech', users: ['carol'], role: 'build' },
  { name: 'umbrella', users: ['dora'], role: 'lab' },
];
const NODES = 8;
const EACH = 5;
/** Its disk lies on the node itself: Nova could only rebuild it from its image. */
const LOCAL = { name: 'local.small', vcpus: 2, ram: 4_096, disk: 40, ephemeral: 0, swap: 0, extraSpecs: {} };
export const LOCAL_FLAVORS = 'local.*';

/** The nodes of the acts, in their order. */
export const VICTIMS = ['compute-3', 'compute-6', 'compute-2'] as const;

/** Starts it. Same layout each time; ids from a fixed seed. */
export async function foundDataCentre(timeScale: number): Promise<World> {
  const world = await startWorld({
    seed: 11,
    nodes: NODES,
    instances: 0,
    projects: PROJECTS.map(({ name, users }) => ({ name, users })),
    timeScale,
  });
  const count = new Map<string, number>();
  for (let n = 0; n < NODES; n++)
    for (let i = 0; i < EACH; i++) {
      // Two, two and one of three projects: not everybody is concerned when a node fails.
      const { name: project, role } = PROJECTS[(n + Math.floor(i / 2)) % PROJECTS.length]!;
      const number = (count.get(project) ?? 0) + 1;
      count.set(project, number);
      const host = world.nodes[n]!.name;
      const special = host === VICTIMS[0] ? SPECIAL[i] : undefined;
      world.addInstance({ name: `${role}-${number}`, project, host, disk: i === 2 ? 'volume' : 'shared', ...special });
    }
  return world;
}

/** On the node of act 1: by position. */
const SPECIAL: Record<number, Parameters<World['addInstance']>[0]> = {
  1: { flavor: LOCAL, disk: 'local' },
  3: { vmState: 'stopped' },
};
