// Replies that never come, or come when nobody waits for them any more: of every call by which Lifeboat changes something.
import type { FaultEffect, FaultMatch } from '../world/faults.ts';
import type { World } from '../world/world.ts';
import { NODE } from './crash-stage.ts';

export interface Loss {
  name: string;
  /** Replies that have to be lost before the blow falls. */
  times: number;
  lose(world: World): Lost;
}

export interface Lost {
  /** Resolves in the data centre's own step, once `times` calls were taken. */
  all: Promise<void>;
  count(): number;
}

const ACTION = { service: 'nova', method: 'POST', path: /\/action$/ } as const;
/** All ten instances of the node at once where a call is one instance's. */
const CALLS: Record<string, { match: FaultMatch; times: number }> = {
  off: { match: { service: 'bmc', node: NODE, method: 'POST', path: /ComputerSystem\.Reset$/ }, times: 1 },
  mark: { match: { service: 'nova', method: 'PUT', path: /\/os-services\//, body: /"disabled"/ }, times: 1 },
  lock: { match: { ...ACTION, body: /"lock"/ }, times: 10 },
  evacuate: { match: { ...ACTION, body: /"evacuate"/ }, times: 10 },
  unlock: { match: { ...ACTION, body: /"unlock"/ }, times: 1 },
};

/**
 * A crash's takeover costs one heartbeat's limit of 5 s, which is not scaled: what Nova answers after this long has its effect when
 * another worker is looking already, as 25 s have in a real cloud.
 */
const LATE_MS = 7_000;

const WAYS: Record<string, FaultEffect> = {
  'is done and never answered': { do: 'effect-then-drop' },
  'is done and answered late': { do: 'slow-answer', ms: LATE_MS },
  'is done late, after another worker began to look': { do: 'delay', ms: LATE_MS },
  'is cut off, and done late all the same': { do: 'drop-then-effect', ms: LATE_MS },
};

function ofCall(call: string, way: string): Loss {
  const { match, times } = CALLS[call]!;
  return {
    name: `${call} ${way}`,
    times,
    lose(world) {
      const fault = world.fault({ ...match, times }, WAYS[way]!);
      return { all: reach(() => fault.hits >= times), count: () => fault.hits };
    },
  };
}

/** The mails of the start: kept, and never acknowledged. */
const mail: Loss = {
  name: 'mail is taken and never acknowledged',
  times: 3,
  lose(world) {
    const { faults } = world.mailbox;
    faults.takeThenDrop = 3;
    return { all: reach(() => faults.takeThenDrop === 0), count: () => 3 - (faults.takeThenDrop ?? 0) };
  },
};

/** A fault says nothing when it is hit: it is looked at more often than any answer takes. */
function reach(all: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (!all()) return;
      clearInterval(look);
      resolve();
    }, 2);
    look.unref();
  });
}

export const LOSSES: readonly Loss[] = [
  ...Object.keys(CALLS).flatMap((call) => Object.keys(WAYS).map((way) => ofCall(call, way))),
  mail,
];

/** By its name. */
export function lossOf(call: string, way: string): Loss {
  const found = LOSSES.find((l) => l.name === `${call} ${way}`);
  if (!found) throw new Error(`find loss ${call} ${way}: there is none`);
  return found;
}
