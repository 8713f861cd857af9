// What happens to the data centre.
import { z } from 'zod';
import type { FaultEffect, FaultMatch } from '../../world/faults.ts';
import { until } from '../../support/until.ts';
import { step, type Place } from '../step.ts';
import * as w from '../words.ts';

const group = 'What happens to nodes';
const power = 'What happens to BMCs';
const cloud = 'What happens to the cloud';

export const namesOf = (place: Place, given: string | string[]): string[] =>
  given === 'all' ? place.story.world.nodes.map((n) => n.name) : [given].flat();
const some = (given: string | string[]): string => (given === 'all' ? 'all nodes' : [given].flat().join(', '));
const each = (place: Place, given: string | string[], work: (name: string) => unknown): Promise<unknown> =>
  Promise.all(namesOf(place, given).map((name) => work(name)));

const OF_NODES: [string, string, string, (p: Place, node: string) => unknown][] = [
  [
    'powerLoss',
    'its electricity fails; the BMC still answers',
    'loses its power; its BMC still answers',
    (p, n) => p.story.world.powerLoss(n),
  ],
  [
    'powerLossWithBmc',
    'its electricity fails, and its BMC has none either',
    'loses its power, and its BMC with it',
    (p, n) => p.story.world.powerLoss(n, { withBmc: true }),
  ],
  ['powerOn', 'somebody switches it on at the machine', 'is switched on by hand', (p, n) => p.story.world.powerOn(n)],
  [
    'crash',
    'its operating system dies; the power is on and its guests run on: only fencing ends them',
    'crashes; its power is on',
    (p, n) => p.story.world.crash(n),
  ],
  [
    'hang',
    'like a crash, but it can come back as if nothing had been',
    'hangs; its power is on',
    (p, n) => p.story.world.hang(n),
  ],
  ['thaw', 'it goes on after a hang', 'goes on', (p, n) => p.story.world.thaw(n)],
  [
    'agentDown',
    'nova-compute alone dies; the node and its guests live',
    'loses its nova-compute; its guests run',
    (p, n) => p.story.world.agentDown(n),
  ],
  ['agentUp', 'nova-compute starts again', 'has its nova-compute again', (p, n) => p.story.world.agentUp(n)],
  [
    'networkCut',
    'its address is silent, though it lives',
    'is cut off from the network',
    (p, n) => p.story.world.cut(n, 'network'),
  ],
  ['networkMended', 'its address answers again', 'is on the network again', (p, n) => p.story.world.mend(n, 'network')],
  [
    'busCut',
    'its reports do not reach Nova',
    'is cut off from the message queue',
    (p, n) => p.story.world.cut(n, 'bus'),
  ],
  [
    'busMended',
    'its reports reach Nova again',
    'is on the message queue again',
    (p, n) => p.story.world.mend(n, 'bus'),
  ],
];

const ofNodes = OF_NODES.map(([name, means, says, work]) => {
  const kind = step({
    ...{ group, takes: w.nodes, means, example: 'compute-2' },
    async play(place, given: string | string[]) {
      place.tell('event', `${some(given)} ${says}`);
      await each(place, given, (n) => work(place, n));
    },
  });
  return [name, kind] as const;
});

const bmcFaults = z
  .strictObject({
    saysOkStaysOn: z.boolean(),
    liesOff: z.boolean(),
    wrongPassword: z.boolean(),
    slowMs: z.int(),
    onAgainAfterMs: z.int(),
    poweringOffMs: z.int(),
    noForceOff: z.boolean(),
    conflictWhenOff: z.literal([409, 400]),
  })
  .partial();

const bmcs = {
  bmc: step({
    ...{ group: power, means: 'its BMC has these faults from now on (test/world/README.md)' },
    takes: z.strictObject({ node: w.node, says: w.text, faults: bmcFaults }),
    example: '{ node: compute-6, says: accepts every command and does nothing, faults: { saysOkStaysOn: true } }',
    play(place, { node, says, faults }: { node: string; says: string; faults: z.output<typeof bmcFaults> }) {
      place.tell('event', `${node}: its BMC ${says}`);
      place.story.world.bmc(node, faults as Parameters<typeof place.story.world.bmc>[1]);
    },
  }),
  bmcMended: step({
    ...{ group: power, takes: w.node, means: 'its BMC works as it should', example: 'compute-6' },
    async play(place, node: string) {
      place.tell('event', `${node}: its BMC works as it should`);
      place.story.world.bmc(node, null);
      await place.story.world.bmcBack(node);
    },
  }),
  bmcDead: step({
    ...{ group: power, takes: w.node, means: 'its BMC is silent', example: 'compute-6' },
    async play(place, node: string) {
      place.tell('event', `${node}: its BMC is silent`);
      await place.story.world.bmcDead(node);
    },
  }),
};

const apiFault = z.strictObject({
  service: z.enum(['keystone', 'nova', 'placement', 'bmc']),
  says: w.text,
  method: z.enum(['GET', 'POST', 'PUT']).optional(),
  path: w.text.optional(),
  body: w.text.optional(),
  node: w.node.optional(),
  after: z.int().min(0).optional(),
  times: w.count.optional(),
  does: z.enum([
    'status',
    'delay',
    'slow-answer',
    'effect-then-drop',
    'drop',
    'drop-then-effect',
    'hang',
    'half-page',
    'cut-body',
  ]),
  status: z.int().optional(),
  retryAfter: w.seconds.optional(),
  seconds: w.seconds.optional(),
});
type ApiFault = z.output<typeof apiFault>;

/** Retry-After has whole seconds and knows no scale. */
function effectOf(place: Place, f: ApiFault): FaultEffect {
  const ms = place.ms(f.seconds ?? 10);
  if (f.does === 'status')
    return {
      do: 'status',
      status: f.status ?? 503,
      ...(f.retryAfter ? { retryAfter: Math.ceil(place.ms(f.retryAfter) / 1_000) } : {}),
    };
  if (f.does === 'delay' || f.does === 'slow-answer' || f.does === 'drop-then-effect') return { do: f.does, ms };
  return { do: f.does };
}

const plain = (
  name: string,
  means: string,
  says: string,
  work: (place: Place) => unknown,
): [string, ReturnType<typeof step>] => [
  name,
  step({
    ...{ group: cloud, takes: z.literal(true), means, example: 'true' },
    async play(place) {
      place.tell('event', says);
      await work(place);
    },
  }),
];

const clouds = {
  apiFault: step({
    ...{
      group: cloud,
      takes: apiFault,
      means:
        'calls of a service that fit (path and body: regular expressions) go wrong from now on; `does` as in test/world/faults.ts',
    },
    example: '{ service: nova, says: answers 503, does: status, status: 503 }',
    play(place, f: ApiFault) {
      place.tell('event', `${f.service} ${f.says}`);
      const match: FaultMatch = {
        service: f.service,
        ...(f.method ? { method: f.method } : {}),
        ...(f.path ? { path: new RegExp(f.path) } : {}),
        ...(f.body ? { body: new RegExp(f.body) } : {}),
        ...(f.node ? { node: f.node } : {}),
        ...(f.after ? { after: f.after } : {}),
        ...(f.times ? { times: f.times } : {}),
      };
      place.faults.push(place.story.world.fault(match, effectOf(place, f)));
    },
  }),
  ...Object.fromEntries([
    plain('apiMended', 'all calls go through again', 'all services answer as they should', (p) =>
      p.faults.splice(0).forEach((f) => f.remove()),
    ),
    plain('mailDown', 'the mail server is down', 'mail: the server is down', (p) => p.story.world.mailbox.down()),
    plain('mailUp', 'it is back', 'mail: the server is back', (p) => p.story.world.mailbox.up()),
    plain('brokerDown', 'RabbitMQ is gone: no report arrives', 'RabbitMQ is gone', (p) => p.story.world.brokerDown()),
    plain('brokerUp', 'it is back', 'RabbitMQ is back', (p) => p.story.world.brokerUp()),
    plain('tokensExpire', 'every token of Keystone is over', 'keystone: every token expires', (p) =>
      p.story.world.centre.tokens.clear(),
    ),
  ]),
  holdSpawns: step({
    ...{
      group: cloud,
      takes: w.nodes,
      means: 'what is evacuated to these nodes is built there only after `letSpawns`',
      example: 'all',
    },
    play(place, given: string | string[]) {
      place.tell('event', `${some(given)} take long to build what comes`);
      for (const name of namesOf(place, given)) place.story.world.holdSpawns(name);
    },
  }),
  letSpawns: step({
    ...{ group: cloud, takes: w.nodes, means: 'what waits there is built now', example: 'all' },
    play(place, given: string | string[]) {
      place.tell('event', `${some(given)} build what has come`);
      for (const name of namesOf(place, given)) place.story.world.letSpawn(name);
    },
  }),
  letOne: step({
    ...{ group: cloud, takes: w.node, example: 'compute-3' },
    means: 'the first that waits there is built, as soon as one does; the others wait on',
    async play(place, node: string) {
      place.tell('event', `${node} builds the first that has come`);
      await until(() => place.story.world.letSpawn(node, 1) === 1, { what: `one waits on ${node}`, timeoutMs: 60_000 });
    },
  }),
  forgets: step({
    ...{ group: cloud, takes: w.instance, example: 'web-1' },
    means: 'Nova accepts its next evacuation and forgets it: the record stays `accepted`',
    play(place, instance: string) {
      place.tell('event', `nova will accept the evacuation of ${instance} and forget it`);
      place.story.world.loseCast(instance);
    },
  }),
  passes: step({
    ...{ group: cloud, takes: w.seconds, means: 'so many seconds of the data centre’s time go by', example: '60' },
    async play(place, s: number) {
      await new Promise((resolve) => setTimeout(resolve, place.ms(s)));
      place.tell('event', `${s} seconds go by`);
    },
  }),
};

export const FIELD: Record<string, ReturnType<typeof step>> = { ...Object.fromEntries(ofNodes), ...bmcs, ...clouds };
