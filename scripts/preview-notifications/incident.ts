// A made-up incident, told as the workflows tell it: one node, two projects, every outcome that an instance can have.
import type { Recipient } from '../../activities/notification/contract.ts';
import type { Notice } from '../../workflows/contract.ts';
import type { Account, RecoveryReport } from '../../workflows/domain.ts';
import { countOutcomes } from '../../workflows/policy.ts';

export interface Scene {
  /** In names of files. */
  id: string;
  title: string;
  notice: Notice;
  /** Milliseconds from what was observed to its sending. */
  lateMs?: number;
}

const NODE = 'compute-7';
const SHOP = '8b1f3c6e2d7a4f0b9c5e1a2d3f4b5c6d';
const BANK = '3e9d0c7b5a184f62b1d8e7c6f5a4b3c2';
const START = Date.UTC(2026, 2, 14, 2, 11, 8);
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();
const run = { workflowId: '', runId: '0199c7a2-6a1e-7c55-9d0f-3f1b6c2e8d47' };

const instance = (n: number, name: string, projectId: string, more: Partial<Account> = {}): Account => ({
  id: `5f0e1c2${n}-93ab-4d1e-8f60-2c7d9e4b1a3${n}`,
  ...{ name, projectId, userId: 'u-ann', outcome: 'recovered', reason: '', host: `compute-${8 + (n % 4)}` },
  at: at(95 + n * 4),
  ...more,
});

const AWAY = [
  instance(0, 'shop-web-1', SHOP),
  instance(1, 'shop-web-2', SHOP),
  instance(2, 'ledger-db', BANK),
  instance(3, 'ledger-api', BANK),
];
const MIXED = [
  ...AWAY,
  instance(4, 'shop-cache', SHOP, { loses: 'its disk was on the failed host and was made anew from its image' }),
  instance(5, 'shop-batch', SHOP, { outcome: 'kept', host: NODE, reason: 'its disk is on the failed host' }),
  instance(6, 'shop-search', SHOP, { outcome: 'waiting', host: NODE, reason: 'no host has room for 64 GiB of memory' }),
  instance(7, 'ledger-report', BANK, {
    ...{ outcome: 'failed', host: NODE, reason: 'Nova: No valid host was found. (tried 3 times)' },
  }),
  instance(8, 'ledger-old', BANK, { outcome: 'gone', host: null, reason: 'deleted by its owner meanwhile' }),
];
const moving = ({ id, name, projectId, userId, loses }: Account): Notice['instances'][number] => ({
  ...{ id, name, projectId, userId, outcome: 'moving' as const, reason: '', host: null, at: null },
  ...(loses !== undefined && { loses }),
});

function reportOf(cloud: string, instances: Account[], more: Partial<RecoveryReport> = {}): RecoveryReport {
  return {
    ...{ cloud, node: NODE, workflowId: `${cloud}/${NODE}`, runId: run.runId, outcome: 'recovered', reason: '' },
    ...{ startedAt: at(48), endedAt: at(210) },
    evidence: [
      { channel: 'nova-service', verdict: 'failed', saw: 'state down, updated_at unmoved for 52 s', readAt: at(47) },
      { channel: 'tcp', verdict: 'failed', saw: 'no answer on 22 and 16514', readAt: at(47) },
    ],
    proof: {
      ...{ kind: 'power', level: 'bmc', devices: ['ipmi 10.20.0.77:623'], readAt: at(62) },
      witness: 'no sign of life for 66 s',
    },
    stages: {
      admitted: 900,
      fenced: 14_200,
      marked: 15_900,
      told: 16_100,
      firstEvacuation: 17_000,
      evacuated: 150_000,
    },
    instances,
    counts: countOutcomes(instances),
    decisions: [],
    ...more,
  };
}

/** Every stage, as it reads in this cloud. `tellNodeNames` as configured. */
export function scenes(cloud: string, tellNodeNames: boolean): Scene[] {
  const base: Notice = {
    ...{ stage: 'started', audience: 'both', cloud, node: NODE, key: '', observedAt: at(64), since: at(0) },
    ...{ headline: '', lines: [], question: null, tellNodeNames, instances: [], report: null },
    run: { ...run, workflowId: `${cloud}/${NODE}` },
  };
  const scene = (id: string, title: string, notice: Partial<Notice>, lateMs?: number): Scene => ({
    ...{ id, title, notice: { ...base, key: `${run.runId}.${id}`, ...notice } },
    ...(lateMs !== undefined && { lateMs }),
  });
  const kept = { ...moving(MIXED[5]!), outcome: 'kept' as const, reason: MIXED[5]!.reason };
  const started = [...MIXED.filter((_, n) => n !== 5).map(moving), kept];
  const recovered = reportOf(cloud, AWAY, { reason: '4 recovered' });
  const partial = reportOf(cloud, MIXED, {
    ...{ outcome: 'partial', reason: '5 recovered, 1 kept, 1 gone, 1 waiting, 1 failed', endedAt: at(1_934) },
    decisions: [{ at: at(1_920), by: 'dora', what: 'skip shop-search', reason: 'a new host comes on Monday' }],
  });
  const finished = { stage: 'finished' as const, observedAt: at(210) };
  return [
    scene('started', 'started: the node is off, instances are being moved', {
      headline: `${NODE} is off; 8 of its 9 instances are being moved`,
      instances: started,
    }),
    scene('delayed', 'delayed: some wait for room', {
      ...{ stage: 'delayed', audience: 'users', observedAt: at(960), headline: 'your instances wait for room' },
      instances: MIXED.slice(0, 7),
    }),
    scene('finished', 'finished: all is back', {
      ...{ ...finished, headline: `${NODE}: recovered — 4 recovered`, instances: AWAY, report: recovered },
    }),
    scene('finished-partial', 'finished: not all could be moved', {
      ...{ ...finished, observedAt: at(1_934), headline: `${NODE}: partial — ${partial.reason}` },
      ...{ instances: MIXED, report: partial },
    }),
    scene(
      'finished-late',
      'finished: told late, the mail server was down',
      {
        ...{ ...finished, headline: `${NODE}: recovered — 4 recovered`, instances: AWAY, report: recovered },
      },
      95 * 60_000,
    ),
    ...questions(cloud, scene),
    ...rest(cloud, scene),
  ];
}

type MakeScene = (id: string, title: string, notice: Partial<Notice>) => Scene;

function questions(cloud: string, scene: MakeScene): Scene[] {
  const json = (more: object): string => JSON.stringify({ by: 'YOU', ...more });
  const abort = {
    verb: 'abort',
    json: json({ reason: 'why' }),
    means: 'nothing new begins; what runs is watched to its end',
  };
  const approve = {
    what: `${NODE} is failed: fence it and evacuate 8 of its 9 instances? (mode confirm)`,
    answers: [{ verb: 'approve', json: json({}), means: 'fences it and evacuates' }, abort],
    commands: [],
    since: at(50),
  };
  const blocked = {
    what: `No level could prove that ${NODE} is off: bmc: ipmi 10.20.0.77:623 does not answer (no route to host).`,
    answers: [
      { verb: 'confirmFenced', json: json({ node: NODE }), means: 'you saw with your own eyes that its power is off' },
      { verb: 'retry', json: json({}), means: 'tries all levels again now' },
      abort,
    ],
    commands: ['ipmitool -I lanplus -H 10.20.0.77 -U lifeboat -E chassis power status', `ping -c 3 ${NODE}`],
    since: at(128),
  };
  const admins = { audience: 'admins' as const };
  return [
    scene('approval', 'approval: a person is asked first', {
      ...{ ...admins, stage: 'approval', observedAt: at(50), headline: approve.what, question: approve },
    }),
    scene('blocked', 'blocked: nothing goes on without a person', {
      ...{ ...admins, stage: 'blocked', observedAt: at(128), headline: blocked.what, question: blocked },
    }),
    scene('blocked-reminder', 'blocked: the third reminder', {
      ...{ ...admins, stage: 'blocked', observedAt: at(3_728), headline: `still waiting (3): ${blocked.what}` },
      ...{ question: blocked, run: { ...run, workflowId: `${cloud}/${NODE}` } },
    }),
  ];
}

function rest(cloud: string, scene: MakeScene): Scene[] {
  const fleet = { stage: 'alarm' as const, audience: 'admins' as const, node: null, since: null, tellNodeNames: true };
  const watch = { workflowId: cloud, runId: run.runId };
  const storm = { id: `${cloud}/alarm/storm`, over: false };
  return [
    scene('returned', 'returned: the node came back in the middle', {
      ...{ stage: 'returned', audience: 'admins', observedAt: at(131) },
      headline: `${NODE} came back during its recovery (its power reads on): nothing new is evacuated, and it is fenced again`,
    }),
    scene('alarm', 'alarm: too many nodes at once', {
      ...{ ...fleet, observedAt: at(300), run: watch, incident: storm },
      headline: '11 of 41 nodes are failed or silent (limit 25 %): nothing is fenced until a person has looked',
      lines: ['41 nodes, 30 alive, failed: compute-7, compute-8, compute-9'],
    }),
    scene('alarm-over', 'alarm: it is over', {
      ...{ ...fleet, observedAt: at(900), run: watch, incident: { ...storm, over: true } },
      headline: `storm since ${at(300)}: the number of failed nodes is within the limits`,
      lines: ['41 nodes, 40 alive, failed: compute-7'],
    }),
    scene('readmitted', 'readmitted: the node is back', {
      ...{ stage: 'readmitted', audience: 'admins', observedAt: at(90_000), since: null, tellNodeNames: true },
      headline: `${NODE}: readmitted — it was up for 1 min and is enabled`,
      lines: ['Asked by dora: new power supply.'],
    }),
    scene('drained', 'drained: a node in trouble was emptied', {
      ...{ stage: 'drained', audience: 'admins', observedAt: at(95_000), since: null, tellNodeNames: true },
      headline: `${NODE}: partial — 4 moved, 1 kept`,
      lines: ['Asked by the monitor: raid: array degraded. Nothing is fenced: the node lives.'],
    }),
  ];
}

/** Who has to do with the incident: somebody with a role on one project, and one on both. */
export const TENANTS: Recipient[] = [
  {
    ...{ id: 'u-ann', name: 'ann', address: 'ann@shop.example', audience: 'user' },
    ...{ projects: [SHOP], projectNames: { [SHOP]: 'shop' } },
  },
  {
    ...{ id: 'u-bob', name: 'bob', address: 'bob@bank.example', audience: 'user' },
    ...{ projects: [BANK], projectNames: { [BANK]: 'bank' } },
  },
];

export const UNREACHABLE = ['carol (project bank): no address', 'project legacy: nobody has a role on it'];
