// Many instances dealt out over the other nodes, beside Masakari on the same lab: how evenly, and how long from the start of the
// recovery, its fence included, to the last instance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clearUp, fillUp, healthy, resultOf, seconds } from './beside.ts';
import { hostOf } from './incident.ts';
import { giveBack, openLab, type Lab } from './lab.ts';
import { startLifeboat } from './lifeboat.ts';
import { watchOneLife } from './one-life.ts';

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
  const victims = new Set((await fillUp(lab, 'spread', INSTANCES)).map((v) => v.id));
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
    return { s: seconds(last - Date.parse(report.startedAt)), shares };
  } finally {
    await lifeboat.end();
    life.end();
    await clearUp(lab);
  }
}

const tellShares = (shares: Record<string, number>): string =>
  Object.entries(shares)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([host, n]) => `${host} ${n}`)
    .join(', ');

/** From its notification to its end; it makes and removes its instances. */
async function masakari(): Promise<Taken> {
  await healthy(lab);
  const told = await resultOf<Masakari>(lab, lab.settings.masakari, INSTANCES);
  assert.deepEqual([told.victims, told.moved], [INSTANCES, INSTANCES]);
  return { s: told.all_done_s, shares: told.destinations };
}

interface Masakari {
  victims: number;
  moved: number;
  destinations: Record<string, number>;
  all_done_s: number;
}
