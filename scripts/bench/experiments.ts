// The experiments, and which figures come out of each. Three measurements of everything; each recovery on a node of its own.
import type { World } from '../../test/world/world.ts';
import { median, type FigureName } from './figures.ts';
import { watchIdle } from './idle.ts';
import { recover, refuseWrong, type Blow, type Recovery } from './recovery.ts';
import { lookout, withSetUp, type Around, type SetUp, type Wanted } from './set-up.ts';

const TIMES = 3;

export interface Found {
  /** By figure: what was measured, in order. */
  values: Partial<Record<FigureName, number[]>>;
  /** For the picture: the recovery in the middle. */
  shown?: { title: string; width: number; recovery: Recovery };
}

export interface Experiment {
  name: string;
  figures: readonly FigureName[];
  run(around: Around, wanted: readonly FigureName[]): Promise<Found>;
}

/** Big enough for whatever is brought to them; an evacuation takes `moveMs` from its request to its end. */
function dataCentre(victims: number, instances: number, moveMs: number): Pick<Wanted, 'world' | 'furnish'> {
  const [castMs, claimMs, finishMs] = [300, 200, 100];
  const durations = { castMs, claimMs, finishMs, rebuildMs: moveMs - castMs - claimMs - finishMs };
  return {
    // The default share: what is off may be a quarter of the fleet.
    world: { nodes: 4 * victims, durations, capacity: { vcpus: 4_096, ram: 16_777_216, disk: 1_000_000 } },
    furnish(world: World) {
      for (const node of victimsOf(world, victims))
        for (let i = 0; i < instances; i++) world.addInstance({ name: `${node}-vm-${i + 1}`, host: node });
    },
  };
}

const victimsOf = (world: World, count: number): string[] => world.nodes.slice(0, count).map((n) => n.name);

/** One hour of a data centre has more incidents here than `perHour` allows. */
const MANY_AN_HOUR = { limits: { perHour: 100 } };

const KINDS = ['worker', 'server'] as const;

const INCIDENT_FIGURES = [
  'makespan_100',
  'events_per_try',
  'crash_tax_worker',
  'crash_tax_server',
  'death_to_first_post',
] as const;

const HUNDRED = { instances: 100, width: 10, moveMs: 2_000 };
const FIVE_HUNDRED = { instances: 500, width: 20, moveMs: 1_000 };

const idealMs = ({ instances, width, moveMs }: typeof HUNDRED): number => (instances / width) * moveMs;

/** Undisturbed and disturbed recoveries in turn: a machine that becomes slower does so for all of them. */
const incidents: Experiment = {
  name: 'incidents',
  figures: INCIDENT_FIGURES,
  run(around, wanted) {
    const kinds = [null, ...KINDS.filter((what) => wanted.includes(`crash_tax_${what}`))];
    const { instances, width, moveMs } = HUNDRED;
    // Ten that began together end together: each blow falls at another moment of such a wave.
    const rounds = Array.from({ length: TIMES }, (_, i) =>
      kinds.map((what): Blow | null => what && { what, lateMs: (i * moveMs) / TIMES }),
    ).flat();
    const set = { ...dataCentre(rounds.length, instances, moveMs), limits: { perNode: width }, sections: MANY_AN_HOUR };
    return withSetUp(around, { name: 'incidents', ...set }, async (s) => {
      await lookout(s);
      const told: { blow: Blow | null; recovery: Recovery }[] = [];
      for (const [i, node] of victimsOf(s.world, rounds.length).entries()) {
        const blow = rounds[i]!;
        told.push({ blow, recovery: await recover(s, node, blow) });
        if (blow?.what === 'worker') await s.addWorker();
      }
      await judge(
        s,
        told.map((t) => t.recovery),
      );
      const of = (what?: Blow['what']): Recovery[] => told.filter((t) => t.blow?.what === what).map((t) => t.recovery);
      return findIn(of(), of('worker'), of('server'));
    });
  },
};

function findIn(calm: Recovery[], worker: Recovery[], server: Recovery[]): Found {
  const usual = median(calm.map((r) => r.lengthMs));
  const tax = (r: Recovery): number => (r.lengthMs - r.downMs - usual) / 1_000;
  const all = [...calm, ...worker, ...server];
  return {
    values: {
      makespan_100: calm.map((r) => r.makespanMs / idealMs(HUNDRED)),
      events_per_try: calm.map((r) => r.historyEvents / r.tries),
      crash_tax_worker: worker.map(tax),
      crash_tax_server: server.map(tax),
      death_to_first_post: all.map((r) => r.stages.firstPost / 1_000),
    },
    shown: { title: '100 instances, 10 at a time, 2 s each', width: HUNDRED.width, recovery: middle(calm) },
  };
}

async function judge(s: SetUp, recoveries: readonly Recovery[]): Promise<void> {
  s.say('the audit of the data centre’s own log');
  // While it judges nobody reports: no worker may take that for a failure.
  for (const { pid } of [...s.workers]) await s.killWorker(pid);
  refuseWrong(s, recoveries);
}

const middle = (recoveries: Recovery[]): Recovery =>
  recoveries.toSorted((a, b) => a.makespanMs - b.makespanMs)[Math.floor(recoveries.length / 2)]!;

const wide: Experiment = {
  name: 'five-hundred',
  figures: ['makespan_500'],
  run(around) {
    const { instances, width, moveMs } = FIVE_HUNDRED;
    const set = { ...dataCentre(TIMES, instances, moveMs), limits: { perNode: width } };
    return withSetUp(around, { name: 'five-hundred', ...set }, async (s: SetUp) => {
      await lookout(s);
      const told: Recovery[] = [];
      for (const node of victimsOf(s.world, TIMES)) told.push(await recover(s, node, null));
      await judge(s, told);
      return {
        values: { makespan_500: told.map((r) => r.makespanMs / idealMs(FIVE_HUNDRED)) },
        shown: { title: '500 instances, 20 at a time, 1 s each', width, recovery: middle(told) },
      };
    });
  },
};

const idle: Experiment = {
  name: 'idle',
  figures: ['idle_events_per_hour', 'calls_per_sweep'],
  run(around) {
    // Nothing fails here, and nobody asks a BMC.
    const world = { nodes: 1_000, bmcs: 'none' as const };
    return withSetUp(around, { name: 'idle', world, sections: { fencing: { levels: [] } } }, async (s) => {
      const seen = await watchIdle(s, TIMES);
      return {
        values: {
          idle_events_per_hour: seen.map((w) => w.eventsPerHour),
          calls_per_sweep: seen.map((w) => w.callsPerSweep),
        },
      };
    });
  },
};

export const EXPERIMENTS: readonly Experiment[] = [incidents, wide, idle];
