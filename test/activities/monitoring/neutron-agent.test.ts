import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { neutronAgent } from '../../../activities/monitoring/neutron-agent.ts';
import type { NetworkAgent } from '../../../activities/openstack/types.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import { startCloud } from '../openstack/scripted-cloud.ts';
import type { Route, ScriptedCloud } from '../openstack/scripted-cloud.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

const AGENTS = 'GET /networking/v2.0/agents';
const OVS = 'neutron-openvswitch-agent';
const at = (host: string) => ({ node: rowOf({ host }) });

const agent = (host: string, alive: boolean, binary = OVS): NetworkAgent => ({ host, binary, alive });
const rows = (agents: readonly NetworkAgent[]): Route => ({
  json: { agents: agents.map((a, i) => ({ id: `${i}`, ...a })) },
});

async function cloudWith(route: Route): Promise<ScriptedCloud> {
  const cloud = await startCloud();
  after(() => cloud.close());
  cloud.on(AGENTS, route);
  return cloud;
}

async function channelOf(cloud: ScriptedCloud, options: object = {}) {
  const context = contextOf({ openstack: await cloud.connect() });
  return neutronAgent.create(neutronAgent.options.parse({ every: '0s', ...options }), context);
}

const FLEET = [
  agent('living', true),
  agent('living', false, 'neutron-dhcp-agent'),
  agent('dead', false),
  agent('dead', false, 'neutron-dhcp-agent'),
  ...Array.from({ length: 300 }, (_, i) => agent(`many-${i}`, true)),
];

monitoringConformance('neutron-agent', async () => {
  const cloud = await startCloud();
  cloud.on(AGENTS, rows(FLEET));
  return {
    subject: {
      driver: neutronAgent as MonitoringDriver,
      options: {},
      refused: [{ agents: [] }, { agents: OVS }, { every: '1h' }, { every: 'often' }],
      context: contextOf({ openstack: await cloud.connect() }),
      alive: at('living'),
      failed: at('dead'),
      unknown: [at('without-agent')],
    },
    tearDown: () => cloud.close(),
  };
});

test('asks for all agents once, for the columns that it needs, and follows the pages', async () => {
  const cloud = await cloudWith(({ query }) =>
    query.get('marker') === '7'
      ? { json: { agents: [{ id: '8', ...agent('two', true) }] } }
      : {
          json: {
            agents: [{ id: '7', ...agent('one', true) }],
            agents_links: [
              {
                rel: 'next',
                href: 'http://elsewhere/v2.0/agents?fields=id&fields=host&fields=binary&fields=alive&marker=7',
              },
            ],
          },
        },
  );
  const seen = await (await channelOf(cloud)).look(lookOf([at('one'), at('two')]));
  assert.deepEqual([seen.get('one')?.verdict, seen.get('two')?.verdict], ['alive', 'alive']);
  assert.equal(cloud.count(AGENTS), 2);
  for (const { query } of cloud.requests.filter((r) => r.path.endsWith('/agents')))
    assert.deepEqual(query.getAll('fields'), ['id', 'host', 'binary', 'alive']);
});

test('keeps the list for a while, and dates what it says by the reading', async () => {
  const cloud = await cloudWith(rows(FLEET));
  const channel = await channelOf(cloud, { every: '20s' });
  const first = await channel.look(lookOf([at('dead'), at('living')]));
  const second = await channel.look({ ...lookOf([at('dead')]), readAt: '2099-01-01T00:00:00.000Z' });
  assert.equal(cloud.count(AGENTS), 1);
  assert.equal(second.get('dead')?.verdict, 'failed');
  assert.equal(second.get('dead')?.readAt, first.get('dead')?.readAt);
});

test('only the agents that count are judged, and hosts are compared by their names', async () => {
  const cloud = await cloudWith(
    rows([agent('one.example.org', false), agent('one.example.org', true, 'neutron-dhcp-agent'), agent('two', true)]),
  );
  const look = lookOf([at('one'), at('two')]);
  const verdict = async (options: object) => (await (await channelOf(cloud, options)).look(look)).get('one')?.verdict;
  assert.equal(await verdict({ agents: ['*openvswitch*'] }), 'failed');
  assert.equal(await verdict({}), 'alive');
  assert.equal(await verdict({ agents: ['ovn-controller'] }), 'unknown');
});

test('where all agents of all nodes are dead it is Neutron or the message queue: unknown', async () => {
  const cloud = await cloudWith(rows([agent('one', false), agent('two', false)]));
  const seen = await (await channelOf(cloud)).look(lookOf([at('one'), at('two')]));
  assert.deepEqual(
    [...seen.values()].map((e) => e.verdict),
    ['unknown', 'unknown'],
  );
});

test('a Neutron that refuses, fails, hangs or is not in the catalog is unknown for all, and is asked again', async () => {
  const cloud = await cloudWith({
    status: 403,
    json: { NeutronError: { message: 'not allowed', type: 'PolicyNotAuthorized' } },
  });
  const look = lookOf([at('one')]);
  const channel = await channelOf(cloud, { every: '20s' });
  await assert.rejects(channel.look(look), /network \/agents: 403 not allowed/);
  cloud.on(AGENTS, { status: 503, text: 'down' });
  await assert.rejects(channel.look(look), /503/);
  cloud.on(AGENTS, 'hang');
  const timings = { ...DEFAULT_TIMINGS, novaReadMs: 500, tcpTimeoutMs: 100 };
  const hasty = neutronAgent.create(
    neutronAgent.options.parse({}),
    contextOf({ openstack: await cloud.connect(), timings }),
  );
  await assert.rejects(hasty.look(look), /no answer within 400 ms/);
  cloud.on(AGENTS, rows([agent('one', true)]));
  assert.equal((await channel.look(look)).get('one')?.verdict, 'alive');
});

test('the check says when Neutron shows nothing, which is how it refuses', async () => {
  const cloud = await cloudWith(rows([]));
  const none = await (await channelOf(cloud)).check!(lookOf([at('one')]));
  assert.deepEqual([none.verdict, none.says], ['fail', '0 agents, 0 of 1 nodes have one that counts']);
  cloud.on(AGENTS, rows([agent('one', true)]));
  assert.equal((await (await channelOf(cloud)).check!(lookOf([at('one')]))).verdict, 'ok');
  assert.equal((await (await channelOf(cloud)).check!(lookOf([at('one'), at('two')]))).verdict, 'warn');
});
