// Many instances dealt out over the other nodes, beside Masakari on the same lab: how evenly, and how long from the start of the
// recovery, its fence included, to the last instance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../support/until.ts';
import { hostOf, MINUTES } from './incident.ts';
import { giveBack, openLab, PREFIX, type Lab } from './lab.ts';
import { startLifeboat } from './lifeboat.ts';
import { watchOneLife } from './one-life.ts';
import { command, forNode } from './settings.ts';

const INSTANCES = 100;
/** Of what a destination would get if all got the same. */
const MOST_OF_SHARE = 1.3;
/** Of Masakari that does not wait after it disabled the service; its own default waits 180 s more. */
const MOST_OF_MASAKARI = 0.75;
const MASAKARI_WAITS_S = 180;

let lab: Lab;

before(async () => {
  lab = await openLab();
});

after(async () => {
  if (lab) await giveBack(lab);
});

test(`deals ${INSTANCES} instances out: no destination gets more than ${MOST_OF_SHARE} of its share`, async (t) => {
  const ours = await recover();
  t.diagnostic(`Lifeboat: ${ours.s} s; ${tellShares(ours.shares)}`);
  const most = (MOST_OF_SHARE * INSTANCES) / (lab.nodes.length - 1);
  for (const [host, n] of Object.entries(ours.shares)) assert.ok(n <= most, `${host} got ${n} of ${INSTANCES}`);
  if (lab.settings.masakari === '')
    return t.diagnostic('not compared: there is no LIFEBOAT_LAB_MASAKARI (docs/lab.md)');
  const theirs = await masakari();
  t.diagnostic(`Masakari that does not wait: ${theirs.s} s; ${tellShares(theirs.shares)}`);
  const [ratio, usual] = [ours.s / theirs.s, ours.s / (theirs.s + MASAKARI_WAITS_S)];
  t.diagnostic(
    `${ratio.toFixed(2)} of it; ${usual.toFixed(2)} of Masakari with the ${MASAKARI_WAITS_S} s of its default`,
  );
  assert.ok(ratio <= MOST_OF_MASAKARI, `${ours.s} s to ${theirs.s} s of Masakari`);
});

interface Taken {
  s: number;
  shares: Record<string, number>;
}

async function recover(): Promise<Taken> {
  const [project] = [...lab.projects.values()];
  const there = await instancesOn(lab.node);
  await project!.make(`${PREFIX}spread`, lab.node, INSTANCES - there.length);
  const victims = new Set((await instancesOn(lab.node)).map((v) => v.id));
  const options = { imageBackedDisks: 'shared', driver: 'evacuate', options: { target: 'spread' } };
  const lifeboat = await startLifeboat(lab.settings, lab.nodes, { evacuation: options });
  const life = watchOneLife(lab.settings, lab.nodes);
  try {
    await lab.fail('crash');
    const report = await (await lifeboat.started(lab.node)).result();
    assert.equal(report.outcome, 'recovered', report.reason);
    assert.equal(report.counts.recovered, INSTANCES);
    const last = Math.max(...report.instances.map((i) => Date.parse(i.at ?? '')));
    const now = (await lab.admin.servers('all_tenants=1&limit=1000')).filter((s) => victims.has(s.id));
    const shares: Record<string, number> = {};
    for (const s of now) shares[hostOf(s) ?? 'nowhere'] = (shares[hostOf(s) ?? 'nowhere'] ?? 0) + 1;
    await lifeboat.readmit(lab.node);
    return { s: Math.round((last - Date.parse(report.startedAt)) / 100) / 10, shares };
  } finally {
    await lifeboat.end();
    life.end();
    await Promise.all([...lab.projects.values()].map((p) => p.remove(PREFIX)));
  }
}

const instancesOn = (node: string) => lab.admin.servers(`all_tenants=1&limit=1000&host=${node}`);

const tellShares = (shares: Record<string, number>): string =>
  Object.entries(shares)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([host, n]) => `${host} ${n}`)
    .join(', ');

/** From its notification to its end; it makes and removes its instances. */
async function masakari(): Promise<Taken> {
  const up = async (): Promise<boolean> => (await lab.service(lab.node)).state === 'up';
  await until(up, { what: `${lab.node} is up`, timeoutMs: 2 * MINUTES, everyMs: 500 });
  const count = INSTANCES - (await instancesOn(lab.node)).length;
  const said = await command(forNode(lab.settings.masakari, lab.node, { count }), 30 * MINUTES);
  const line = said.split('\n').find((l) => l.includes('RESULT'));
  const told = JSON.parse(line ?? 'null') as {
    victims: number;
    moved: number;
    destinations: Record<string, number>;
    all_done_s: number;
  } | null;
  if (!told) throw new Error(`the comparison gave no result: ${said.slice(-300)}`);
  assert.deepEqual([told.victims, told.moved], [INSTANCES, INSTANCES]);
  return { s: told.all_done_s, shares: told.destinations };
}
