// How fast is a recovery beside a bare script that does nothing but keep as many evacuations in flight? Three pairs, in turn, on the
// same node with as many instances; the medians are compared.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clearUp, fillUp, healthy, resultOf, seconds } from './beside.ts';
import { giveBack, openLab, type Lab } from './lab.ts';
import { startLifeboat, type Lifeboat } from './lifeboat.ts';
import { utc } from './nova.ts';

const PAIRS = 3;
const INSTANCES = 40;
const WIDTH = 6;
/** A recovery looks before it acts, locks, asks for permission and reads each instance afterwards. */
const MOST = 1.15;

let lab: Lab;

before(async () => {
  lab = await openLab();
  if (lab.settings.width === '')
    throw new Error(`the comparison needs LIFEBOAT_LAB_WIDTH, the bare script (docs/lab.md)`);
});

after(async () => {
  if (lab) await giveBack(lab);
});

test(`evacuates ${INSTANCES} instances, ${WIDTH} at a time, in at most ${MOST} times what a bare script takes`, async (t) => {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let pair = 1; pair <= PAIRS; pair += 1) {
    ours.push(await recover());
    bare.push(await script());
    t.diagnostic(`pair ${pair}: Lifeboat ${ours.at(-1)} s, the bare script ${bare.at(-1)} s`);
  }
  const ratio = median(ours) / median(bare);
  t.diagnostic(`medians: Lifeboat ${median(ours)} s, the bare script ${median(bare)} s: ${ratio.toFixed(2)}`);
  assert.ok(ratio <= MOST, `${ratio.toFixed(2)} times the bare script: ${ours.join(', ')} s to ${bare.join(', ')} s`);
});

/** Seconds from Nova's first record to the last instance seen settled. Lifeboat runs only meanwhile. */
async function recover(): Promise<number> {
  const victims = await fillUp(lab, 'width', INSTANCES);
  const last = Math.max(0, ...(await lab.admin.evacuations(lab.node)).map((m) => m.id));
  const lifeboat = await startLifeboat(lab.settings, lab.nodes);
  try {
    await lab.fail('crash');
    const run = await lifeboat.started(lab.node);
    const report = await run.result();
    assert.equal(report.outcome, 'recovered', report.reason);
    const records = (await lab.admin.evacuations(lab.node)).filter((m) => m.id > last);
    assert.deepEqual(records.map((m) => m.instance_uuid).sort(), victims.map((v) => v.id).sort(), 'each once');
    // Nova's times have whole seconds: this counts up to one too much for us, never too little.
    const first = Math.min(...records.map((m) => utc(m.created_at)));
    const settled = Math.max(...report.instances.map((i) => Date.parse(i.at ?? '')));
    await comeBack(lifeboat);
    return seconds(settled - first);
  } finally {
    await lifeboat.end();
  }
}

async function comeBack(lifeboat: Lifeboat): Promise<void> {
  await lifeboat.readmit(lab.node);
  await clearUp(lab);
  await healthy(lab);
}

/** What the bare script says of itself; it makes and removes its instances. */
async function script(): Promise<number> {
  const told = await resultOf<Bare>(lab, lab.settings.width, INSTANCES, { width: WIDTH });
  assert.deepEqual([told.n, told.states], [INSTANCES, { done: INSTANCES }]);
  await healthy(lab);
  return told.s;
}

interface Bare {
  n: number;
  s: number;
  states: Record<string, number>;
}

const median = (of: number[]): number => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
