// probeDevices and the watch: a broken device is told once and once when it is well, one message a round; and it is evidence for nothing.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ProbeActivities } from '../../activities/fencing/probe-contract.ts';
import { probesId, taskQueues, WORKFLOW_TYPES, type BrokenDevice, type KnownBroken } from '../../workflows/contract.ts';
import type { probeDevices, ProbeResult } from '../../workflows/probe-devices.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { open, shut, story, type Story } from './harness.ts';

after(shut);

const HOUR = 3_600_000;
const NODES = ['compute-1', 'compute-2', 'compute-3'];

interface Fleet {
  nodes: string[];
  /** Health of the device of a node; absent: it answers. */
  ill: Map<string, BrokenDevice['health']>;
  asked: string[];
}

const device = (node: string) => ({ node, level: 'bmc', label: `ipmi ${node}` });

/** The activities in front of a fleet that a test makes ill and well; what the watch knows is the watch's own. */
function probing(fleet: Fleet, watch: () => Promise<KnownBroken[]>): ProbeActivities {
  return {
    fleetToProbe: async () => ({ nodes: fleet.nodes, busy: [], known: await watch() }),
    readDevices: async ({ nodes, rest }) => {
      const name = (node: string): string => `${node}/bmc/ipmi ${node}`;
      const asked = nodes.filter((node) => !rest.includes(name(node)));
      fleet.asked.push(...asked);
      const broken = asked.flatMap((node) => {
        const health = fleet.ill.get(node);
        return health ? [{ ...device(node), health, detail: `${node} is ${health}`, byHand: `look at ${node}` }] : [];
      });
      const ok = asked.filter((node) => !fleet.ill.has(node)).map(name);
      return { ok, broken, left: rest, bare: 0 };
    },
  };
}

async function begin(nodes = NODES): Promise<{ s: Story; fleet: Fleet; watch: WorkflowHandle; round: Round }> {
  const fleet: Fleet = { nodes, ill: new Map(), asked: [] };
  const { env } = await open();
  const known = async (cloud: string): Promise<KnownBroken[]> =>
    (await env.client.workflow.getHandle(cloud).query(verbs.watchStateQuery)).devices?.broken ?? [];
  const s = await story(({ cloud }) => probing(fleet, () => known(cloud)));
  const watch = await s.watch();
  let rounds = 0;
  const round: Round = async (all = false) => {
    const handle = await env.client.workflow.start<typeof probeDevices>(WORKFLOW_TYPES.probe, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: `${probesId(s.cloud)}-${++rounds}`,
      args: [{ cloud: s.cloud, everyMs: HOUR, all }],
    });
    const result = await handle.result();
    assert.equal(result.trouble, '');
    return { ...result, events: (await handle.fetchHistory()).events?.length ?? 0 };
  };
  return { s, fleet, watch, round };
}
type Round = (all?: boolean) => Promise<ProbeResult & { events: number }>;

/** What the admins were told, once as many messages as this were begun. */
async function told(s: Story, count: number): Promise<string[]> {
  await until(() => s.notices.length >= count, { what: `${count} messages` });
  // The search for recipients leaves the lines out: the headline stands for the message.
  return s.notices.map(({ headline }) => headline);
}

test('a broken device is told of once and once when it is well; status shows it meanwhile; no recovery begins', async (t) => {
  const { s, fleet, watch, round } = await begin();
  t.after(() => s.end());
  await round();
  fleet.ill.set('compute-2', 'unreachable');
  for (let i = 0; i < 3; i++) await round();
  const state = await watch.query(verbs.watchStateQuery);
  assert.deepEqual(state.devices?.counts, { ok: 2, unreachable: 1 });
  assert.deepEqual(
    state.devices?.broken.map(({ node, health, detail }) => [node, health, detail]),
    [['compute-2', 'unreachable', 'compute-2 is unreachable']],
  );
  assert.deepEqual(state.alarms, ['devices']);
  fleet.ill.clear();
  for (let i = 0; i < 2; i++) await round();
  const headlines = await told(s, 2);
  assert.equal(headlines.length, 2, headlines.join('\n'));
  assert.match(headlines[0]!, /^1 power device would not serve a fence: compute-2\./);
  assert.match(headlines[1]!, /^devices since .*: 1 power device is well again: compute-2/);
  const well = await watch.query(verbs.watchStateQuery);
  assert.deepEqual([well.alarms, well.devices?.broken, well.open, well.held], [[], [], [], {}]);
  assert.deepEqual(s.calls, [], 'no admission, no fence');
});

test('a storm of a thousand devices is one message, its end another, and a round stays a small history', async (t) => {
  const nodes = Array.from({ length: 1_000 }, (_, i) => `compute-${i}`);
  const { s, fleet, round } = await begin(nodes);
  t.after(() => s.end());
  const quiet = await round();
  assert.deepEqual(quiet.counts, { ok: 1_000 });
  assert.ok(quiet.events < 120, `${quiet.events} events`);
  for (const node of nodes) fleet.ill.set(node, 'timeout');
  await round();
  await round();
  for (const node of nodes.slice(1)) fleet.ill.delete(node);
  await round();
  fleet.ill.clear();
  await round();
  const headlines = await told(s, 3);
  assert.deepEqual(
    headlines.map((h) => /\d+ power devices? (?:would not serve|(?:is|are) well again)/.exec(h)?.[0]),
    ['1000 power devices would not serve', '999 power devices are well again', '1 power device is well again'],
  );
  assert.ok(headlines.every((h) => h.length < 1_500));
});

test('a password that is refused is not tried each round, unless a person asks; nothing is told twice', async (t) => {
  const { s, fleet, round } = await begin();
  t.after(() => s.end());
  fleet.ill.set('compute-3', 'auth');
  await round();
  fleet.asked.length = 0;
  const second = await round();
  assert.deepEqual(fleet.asked, ['compute-1', 'compute-2']);
  assert.deepEqual(second.counts, { ok: 2, auth: 1 }, 'and it still counts');
  fleet.ill.clear();
  await round(true);
  assert.equal((await told(s, 2)).length, 2);
});

test('what is known of broken devices outlives the watch that goes on as a new run, and ends where they are not probed any more', async (t) => {
  const { s, watch } = await begin();
  t.after(() => s.end());
  const broken = { ...device('compute-1'), health: 'mismatch' as const, detail: '', byHand: '' };
  const report = { readAt: new Date().toISOString(), counts: { mismatch: 1 }, bare: 0, well: [], gone: [] };
  await watch.signal(verbs.devicesProbedSignal, { ...report, broken: [broken] });
  await watch.signal(verbs.devicesProbedSignal, { ...report, broken: [broken] });
  assert.equal((await told(s, 1)).length, 1, 'the same word twice is one message');
  const state = await watch.query(verbs.watchStateQuery);
  await watch.terminate('another run takes what it knew');
  const again = await s.watch({
    kept: {
      ...{ startedAt: new Date().toISOString(), paused: null, open: [], standDowns: {}, failed: {}, known: [] },
      ...{ alarms: { devices: report.readAt }, grants: [], carry: null, lastWholeCount: 3, devices: state.devices! },
    },
  });
  await again.signal(verbs.devicesProbedSignal, { ...report, broken: [broken] });
  await again.signal(verbs.devicesProbedSignal, null);
  const headlines = await told(s, 2);
  assert.equal(headlines.length, 2, headlines.join('\n'));
  assert.match(headlines[1]!, /not probed any more/);
  assert.equal((await again.query(verbs.watchStateQuery)).devices, null);
});

test('a round that cannot be made says why, tells nobody, and fails nothing', async (t) => {
  const { env } = await open();
  const fleetToProbe = () => Promise.reject(ApplicationFailure.nonRetryable('the watch does not answer'));
  const s = await story(() => ({ fleetToProbe }));
  t.after(() => s.end());
  const result = await env.client.workflow.execute<typeof probeDevices>(WORKFLOW_TYPES.probe, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: probesId(s.cloud),
    args: [{ cloud: s.cloud, everyMs: HOUR }],
  });
  assert.deepEqual(result, { counts: null, broken: 0, well: 0, trouble: 'the watch does not answer' });
  assert.deepEqual(s.notices, []);
});
