// Draws a tale from a seed. What is drawn must be something that Lifeboat can be held to: a device that lies about a dead machine
// (off, while its guests run on) is not, since nobody could know.
import type { BmcFaults } from '../world/model.ts';
import { seededRandom, type Random } from '../world/random.ts';
import { MOMENTS, type Breakage, type Deed, type Step, type Tale } from './tale.ts';

const nodeName = (n: number): string => `compute-${n + 1}`;
const pick = <T>(r: Random, list: readonly T[]): T => list[r.below(list.length)]!;
const chance = (r: Random, percent: number): boolean => r.below(100) < percent;
const times = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

const STATES = ['stopped', 'error', 'paused', 'suspended', 'rescued', 'shelved', 'building', 'soft-delete'];

/** The policy knows by the flavor that a disk lies on the node. */
const LOCAL = { name: 'local-small', vcpus: 1, ram: 512, disk: 10, ephemeral: 0, swap: 0, extraSpecs: {} };
const DISKS = [
  (flavor: string) => ({ flavor, disk: 'shared' as const }),
  (flavor: string) => ({ flavor, disk: 'shared' as const }),
  (flavor: string) => ({ flavor, disk: 'volume' as const }),
  () => ({ flavor: LOCAL, disk: 'local' as const }),
];

/** Wrong in ways that end as unknown or on, never as a wrong off. */
const BMC_FAULTS: BmcFaults[] = [
  { saysOkStaysOn: true },
  { slowMs: 300 },
  { slowMs: 1_500 },
  { wrongPassword: true },
  { conflictWhenOff: 409 },
  { conflictWhenOff: 400 },
  { onAgainAfterMs: 60 },
  { html: true },
  { nullPower: true },
  { taskMs: 500 },
  { taskFails: true },
  { wantsIfMatch: true },
  { noForceOff: true },
  { poweringOffMs: 400 },
  { otherIdentity: true },
  { noSessions: true },
  { status: 500 },
  { status: 503 },
];

const EVACUATE = { service: 'nova', method: 'POST', body: '"evacuate"' } as const;
const ACTION = { service: 'nova', method: 'POST', path: '/action' } as const;
const SERVICES = { service: 'nova', path: '/os-services' } as const;

/** Which calls break, how, and how often. A request that comes late comes within the horizon (4.5 s here). */
const BREAKAGES: readonly ((r: Random) => Breakage)[] = [
  (r) => ({ ...EVACUATE, effect: pick(r, ['effect-then-drop', 'drop']), times: 1 + r.below(3) }),
  (r) => ({ ...EVACUATE, effect: 'status', arg: pick(r, [409, 429, 500, 502, 503]), times: 1 + r.below(3) }),
  (r) => ({
    ...EVACUATE,
    effect: pick(r, ['slow-answer', 'delay', 'drop-then-effect']),
    arg: r.below(2_500),
    times: 1 + r.below(3),
  }),
  (r) => ({
    ...ACTION,
    body: pick(r, ['"lock"', '"unlock"', '"os-stop"', '"os-start"']),
    effect: pick(r, ['effect-then-drop', 'drop']),
    times: 1 + r.below(3),
  }),
  (r) => ({
    ...ACTION,
    body: pick(r, ['"lock"', '"unlock"']),
    effect: 'status',
    arg: pick(r, [409, 500, 503]),
    times: 1 + r.below(2),
  }),
  (r) => ({
    ...SERVICES,
    method: 'PUT',
    effect: pick(r, ['effect-then-drop', 'drop', 'slow-answer']),
    arg: r.below(1_500),
    times: 1 + r.below(2),
  }),
  (r) => ({ ...SERVICES, method: 'PUT', effect: 'status', arg: pick(r, [409, 500, 503]), times: 1 + r.below(3) }),
  (r) => ({
    ...SERVICES,
    method: 'GET',
    effect: pick(r, ['half-page', 'cut-body', 'drop', 'hang']),
    times: 1 + r.below(4),
  }),
  (r) => ({ ...SERVICES, method: 'GET', effect: 'status', arg: pick(r, [429, 500, 503]), times: 1 + r.below(8) }),
  (r) => ({
    service: 'nova',
    method: 'GET',
    path: '/servers/detail',
    effect: pick(r, ['half-page', 'cut-body', 'hang']),
    times: 1 + r.below(2),
  }),
  (r) => ({
    service: 'nova',
    method: 'GET',
    path: '/servers',
    effect: 'status',
    arg: pick(r, [429, 500, 503]),
    times: 1 + r.below(6),
  }),
  (r) => ({
    service: 'nova',
    method: 'GET',
    path: '/os-migrations',
    effect: pick(r, ['half-page', 'cut-body', 'hang', 'drop']),
    times: 1 + r.below(3),
  }),
  (r) => ({ service: 'placement', effect: 'status', arg: pick(r, [500, 503]), times: 1 + r.below(6) }),
  (r) => ({ service: 'keystone', effect: 'status', arg: pick(r, [500, 503]), times: 1 + r.below(4) }),
  (r) => ({ service: 'bmc', effect: pick(r, ['drop', 'hang', 'cut-body']), times: 1 + r.below(6) }),
];

function guestsOf(r: Random, nodes: number, victim: string): Tale['guests'] {
  return times(1 + r.below(8), (n) => {
    const plain = chance(r, 65);
    const vmState = plain ? 'active' : pick(r, STATES);
    return {
      name: `vm-${n + 1}`,
      host: chance(r, 65) ? victim : nodeName(r.below(nodes)),
      vmState,
      ...pick(r, DISKS)(pick(r, ['tiny', 'small', 'large'])),
      ...(vmState === 'error' && chance(r, 50) ? { powerState: 4 } : {}),
      ...(chance(r, 15) ? { locked: { reason: 'mine' } } : {}),
    };
  });
}

const death = (r: Random, node: string): Deed =>
  pick<(r: Random) => Deed>(r, [
    () => ({ do: 'powerLoss', node, withBmc: false }),
    () => ({ do: 'powerLoss', node, withBmc: false }),
    () => ({ do: 'powerLoss', node, withBmc: true }),
    () => ({ do: 'crash', node }),
    () => ({ do: 'crash', node }),
    () => ({ do: 'hang', node }),
    () => ({ do: 'isolate', node }),
  ])(r);

/** Something else that goes wrong, or comes back, meanwhile. */
function trouble(r: Random, t: Tale, victim: string): Deed {
  const node = chance(r, 60) ? victim : nodeName(r.below(t.nodes));
  const other = nodeName(r.below(t.nodes));
  return pick<() => Deed>(r, [
    () => ({ do: 'bmc', node, faults: pick(r, BMC_FAULTS) }),
    () => ({ do: 'bmc', node, faults: pick(r, BMC_FAULTS) }),
    () => ({ do: pick(r, ['bmcDead', 'bmcBack'] as const), node }),
    () => ({ do: pick(r, ['brokerDown', 'cellDown', 'mailDown'] as const) }),
    () => ({ do: pick(r, ['brokerUp', 'cellUp', 'mailUp'] as const) }),
    () => ({ do: 'agentDown', node: other }),
    () => ({ do: 'takeover' }),
    () => ({ do: 'failSpawn', node: other, how: pick(r, ['claim', 'spawn'] as const) }),
    () => ({ do: 'slowSpawn', node: other, ms: r.below(60_000) }),
    () => ({ do: pick(r, ['delete', 'loseCast'] as const), instance: pick(r, t.guests).name }),
    () => ({ do: pick(r, ['powerOn', 'thaw', 'mend'] as const), node: victim }),
    ...times(5, () => (): Deed => ({ do: 'break', calls: pick(r, BREAKAGES)(r) })),
  ])();
}

const verb = (r: Random, node: string): Deed =>
  pick<() => Deed>(r, [
    () => ({ do: pick(r, ['pauseWatch', 'resumeWatch'] as const) }),
    () => ({ do: pick(r, ['pause', 'resume'] as const), node }),
    () => ({ do: pick(r, ['approve', 'retry', 'skip'] as const), node }),
    () => ({ do: pick(r, ['confirmFenced', 'retry'] as const), node }),
    () => ({ do: pick(r, ['abort', 'cancel'] as const), node }),
    () => ({ do: pick(r, ['maintain', 'endMaintenance', 'start'] as const), node }),
  ])();

/** The same for the same seed, for ever: a seed that failed once stands in a test. */
export function draw(seed: number): Tale {
  const r = seededRandom(seed);
  const nodes = 3 + r.below(4);
  const victim = nodeName(r.below(nodes));
  const tale: Tale = {
    ...{ seed, nodes, mode: chance(r, 75) ? 'auto' : 'confirm' },
    limits: { share: pick(r, [0.25, 0.5, 1]), atOnce: 1 + r.below(2) },
    evacuation: { perNode: 1 + r.below(4) },
    vcpus: pick(r, [64, 64, 64, 6]),
    guests: guestsOf(r, nodes, victim),
    steps: [],
  };
  const step = (deed: Deed, early: boolean): Step => ({
    at: early ? 'now' : pick(r, MOMENTS),
    wait: r.below(early ? 1_500 : 800),
    deed,
  });
  const steps = times(r.below(2), () => step(trouble(r, tale, victim), true));
  steps.push(step(death(r, victim), true));
  const second = nodeName(r.below(nodes));
  if (chance(r, 30) && second !== victim) steps.push(step(death(r, second), chance(r, 50)));
  for (let n = r.below(5); n > 0; n--)
    steps.push(step(chance(r, 60) ? trouble(r, tale, victim) : verb(r, victim), false));
  return { ...tale, steps };
}
