// Power devices that do not all answer, in front of a real Nova: the next level fences it, and a level that is off in part proves nothing.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { createServer } from 'node:net';
import { once } from 'node:events';
import * as verbs from '../../workflows/verbs.ts';
import { giveBack, openLab, PREFIX, type Lab } from './lab.ts';
import { ipmi, startLifeboat, type Lifeboat } from './lifeboat.ts';
import { command, forNode } from './settings.ts';

const MINUTES = 60_000;

let lab: Lab;
let lifeboat: Lifeboat | null = null;

before(async () => {
  lab = await openLab();
});

afterEach(async () => {
  await lifeboat?.end();
  lifeboat = null;
  if (lab) await giveBack(lab);
});

after(() => lifeboat?.end());

describe('power devices of a real node', () => {
  test('a Redfish that does not answer is passed over: the IPMI level fences it, and it is recovered', async (t) => {
    const port = await closedPort();
    const redfish = {
      driver: 'redfish',
      options: {
        ...{ url: `http://127.0.0.1:${port}`, tls: 'insecure' },
        ...{ system: '/redfish/v1/Systems/{node}', user: 'lifeboat', password: { env: 'LAB_BMC_PASSWORD' } },
      },
    };
    const levels = [
      { name: 'redfish', devices: [redfish] },
      { name: 'bmc', devices: [ipmi(lab.settings, lab.nodes)] },
    ];
    const { victims, last } = await furnish();
    lifeboat = await startLifeboat(lab.settings, lab.nodes, { fencing: { levels } });
    await lab.fail('crash');
    const run = await lifeboat.started(lab.node);
    const report = await run.result();

    assert.equal(report.outcome, 'recovered', report.reason);
    assert.equal(report.proof?.kind, 'power');
    assert.match(JSON.stringify(report.proof), /ipmi/);
    assert.equal(lab.power(lab.node), 'off');
    const records = await evacuations(last);
    assert.deepEqual(records.map((r) => r.instance_uuid).sort(), victims, 'each once');
    t.diagnostic(`its stages (ms): ${JSON.stringify(report.stages)}`);
    await lifeboat.readmit(lab.node);
  });

  test('of two feeds one is off and one unknown: it is blocked, and nothing is evacuated', async () => {
    const unheard = await Promise.all(lab.nodes.map(closedPort));
    const silent = ipmi(lab.settings, lab.nodes, (node) => unheard[lab.nodes.indexOf(node)]!);
    const levels = [{ name: 'feeds', devices: [ipmi(lab.settings, lab.nodes), silent] }];
    const { last } = await furnish();
    lifeboat = await startLifeboat(lab.settings, lab.nodes, { fencing: { levels } });
    await lab.fail('power-loss');
    await command(forNode(lab.settings.bmcup, lab.node));
    assert.equal(lab.power(lab.node), 'off', 'the feed that answers says off');
    const run = await lifeboat.started(lab.node);
    const blocked = await lifeboat.phase(run, 'blocked', 5 * MINUTES);

    assert.match(blocked.question?.what ?? '', /could not be proven off/);
    assert.deepEqual(await evacuations(last), [], 'no evacuation while one feed is unknown');
    assert.deepEqual((await lab.service(lab.node)).status, 'enabled', 'the row is untouched');
    await run.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann', reason: 'the lab is given back' }] });
    const report = await run.result();
    assert.notEqual(report.outcome, 'recovered');
    assert.deepEqual(await evacuations(last), [], 'and none at its end');
  });
});

/** Two instances on the node that fails. Answers the ids of all that are there, in order. */
async function furnish(): Promise<{ victims: string[]; last: number }> {
  const [project] = [...lab.projects.values()];
  await project!.remove(PREFIX);
  await project!.make(`${PREFIX}fencing`, lab.node, 2);
  const victims = await lab.admin.servers(`all_tenants=1&host=${lab.node}`);
  const last = Math.max(0, ...(await lab.admin.evacuations(lab.node)).map((m) => m.id));
  return { victims: victims.map((v) => v.id).sort(), last };
}

const evacuations = async (after: number) => (await lab.admin.evacuations(lab.node)).filter((m) => m.id > after);

/** Where nobody listens a moment later. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
