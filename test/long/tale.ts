// What happens in a random tale: a small data centre, and steps that fall at drawn moments. A tale is plain data: the same seed
// draws the same one, and it can be told again with some of its steps left out.
import type { NewInstance } from '../world/instances.ts';
import type { BmcFaults } from '../world/model.ts';

/** What is broken in front of which calls; effects and times as in test/world/faults.ts. */
export interface Breakage {
  service: 'nova' | 'keystone' | 'placement' | 'bmc';
  method?: string;
  path?: string;
  body?: string;
  effect: string;
  /** Milliseconds of a delay, or the status of an answer. */
  arg?: number;
  times: number;
}

export type Deed =
  | { do: 'powerLoss'; node: string; withBmc: boolean }
  | { do: 'crash' | 'hang' | 'thaw' | 'agentDown' | 'agentUp' | 'powerOn'; node: string }
  /** Cut off from the network and from the message queue, and alive: nobody can tell it from a dead one. */
  | { do: 'isolate' | 'mend'; node: string }
  | { do: 'bmc'; node: string; faults: BmcFaults }
  | { do: 'bmcDead' | 'bmcBack'; node: string }
  | { do: 'brokerDown' | 'brokerUp' | 'cellDown' | 'cellUp' | 'mailDown' | 'mailUp' }
  /** All workers of the first process are stopped in the middle of what they do; another one takes over. */
  | { do: 'takeover' }
  | { do: 'failSpawn'; node: string; how: 'claim' | 'spawn' }
  | { do: 'slowSpawn'; node: string; ms: number }
  | { do: 'delete' | 'loseCast'; instance: string }
  | { do: 'break'; calls: Breakage }
  | { do: 'pauseWatch' | 'resumeWatch' }
  | { do: 'pause' | 'resume' | 'abort' | 'cancel' | 'approve' | 'retry' | 'skip' | 'confirmFenced'; node: string }
  | { do: 'maintain' | 'endMaintenance' | 'start'; node: string };

/** A step falls when the data centre's log shows this of the first victim, or `wait` after the step before it. */
export const MOMENTS = ['off', 'marked', 'locked', 'evacuate', 'moved', 'now'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Step {
  at: Moment;
  /** Milliseconds (real) after the moment; also the longest that a moment is waited for is a few seconds. */
  wait: number;
  deed: Deed;
}

export interface Tale {
  seed: number;
  nodes: number;
  mode: 'auto' | 'confirm';
  limits: { share: number; atOnce: number };
  evacuation: { perNode: number };
  /** vCPUs of each node: few make room scarce. */
  vcpus: number;
  guests: (NewInstance & { name: string })[];
  steps: Step[];
}

const rest = (deed: object): string =>
  Object.entries(deed)
    .filter(([key]) => key !== 'do')
    .map(([, value]) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .join(' ');

/** For a person: what was drawn, a line a step. */
export function describeTale(t: Tale): string {
  const guests = t.guests.map((g) =>
    [g.name, 'on', g.host, g.vmState ?? 'active', g.disk ?? 'shared', g.locked ? 'locked by its owner' : ''].join(' '),
  );
  const head = `seed ${t.seed}: ${t.nodes} nodes of ${t.vcpus} vCPUs, mode ${t.mode}, share ${t.limits.share}, at once ${t.limits.atOnce}, ${t.evacuation.perNode} per node`;
  const steps = t.steps.map(({ at, wait, deed }, n) => `  ${n}. ${at} + ${wait} ms: ${deed.do} ${rest(deed)}`);
  return [head, ...guests.map((g) => `  ${g.trim()}`), ...steps].join('\n');
}
