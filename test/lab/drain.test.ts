// A node of a real OpenStack is drained by the command: what runs is live-migrated, nothing is fenced, and what cannot move is told of.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { rm, writeFile } from 'node:fs/promises';
import { readMarker } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { tapBmcs, type BmcTap } from './bmc-tap.ts';
import { furnish, hostOf, inOrder, since, startClock, stop, type Cast, type Times } from './incident.ts';
import { giveBack, openLab, PREFIX, type Lab } from './lab.ts';
import { ipmi, startLifeboat, type Lifeboat } from './lifeboat.ts';
import { utc, type Migration, type Server } from './nova.ts';
import { forNode } from './settings.ts';

let lab: Lab;
let others: string[];
let tap: BmcTap;
let lifeboat: Lifeboat | null = null;
let cast: Cast | null = null;

before(async () => {
  lab = await openLab();
  assert.notEqual(lab.settings.knobs, '', 'LIFEBOAT_LAB_KNOBS is missing (docs/lab.md)');
  others = lab.nodes.filter((n) => n !== lab.node);
  tap = await tapBmcs(lab.settings, lab.nodes);
});

beforeEach(async () => {
  const levels = [{ name: 'bmc', devices: [ipmi(lab.settings, lab.nodes, tap.portOf)] }];
  // One try: the second would come half a minute later.
  const evacuation = { imageBackedDisks: 'shared', tries: 1 };
  lifeboat = await startLifeboat(lab.settings, lab.nodes, { fencing: { levels }, evacuation });
});

afterEach(async () => {
  await lifeboat?.end();
  if (!lab) return;
  // nova's FakeDriver does not forget a guest that it moved away: its node begins anew.
  const ghosts = cast?.life.guests(lab.node).length ?? 0;
  cast?.life.end();
  if (ghosts > 0) await lab.fail('crash');
  await giveBack(lab);
});

after(() => tap?.end());

describe('a node of a real OpenStack is drained', () => {
  test('all that runs there runs elsewhere, by one live migration each; no power device is asked', async (t) => {
    const { victims, times, code, report, moves } = await drained();
    assert.deepEqual([code, report.outcome], [0, 'drained'], report.reason);
    await movedAway(victims, moves);
    assert.equal(moves.length, victims.length, 'one live migration each');
    await comesBack();
    t.diagnostic(`seconds: ${inOrder(times)}; ${moves.length} live migrations`);
  });

  test('what fits nowhere, and what is off, stays as it was, with the reason', async (t) => {
    const { victims, times, code, report, moves } = await drained({
      prepare: (on) =>
        stop(
          lab,
          on.find((v) => v.name.startsWith(PREFIX))!,
        ),
      around: whileFull,
    });
    assert.deepEqual([code, report.outcome], [1, 'partial'], report.reason);
    for (const victim of victims) {
      const now = await lab.admin.server(victim.id);
      assert.deepEqual([hostOf(now), now['OS-EXT-STS:task_state']], [lab.node, null], `${victim.name} stays`);
      assert.ok(cast!.life.guests(lab.node).includes(victim.id), `${victim.name} is there`);
      const off = now.status === 'SHUTOFF';
      assert.match(told(report, victim), off ? /^kept it is off/ : /^failed .* as error .*; it runs where it was$/);
      const mine = moves.filter((m) => m.instance_uuid === victim.id);
      assert.deepEqual([...mine.map((m) => m.status)], off ? [] : ['error'], `${victim.name} was tried once`);
    }
    await comesBack();
    t.diagnostic(`seconds: ${inOrder(times)}; ${moves.length} live migrations`);
  });

  test('what breaks on its arrival is told as broken, and where it is', async (t) => {
    let spoiled: Server;
    const { victims, report, code, moves } = await drained({
      prepare: async (on) => {
        spoiled = on.find((v) => v.name.startsWith(PREFIX))!;
        await knobs((path) => writeFile(path, JSON.stringify({ fail_spawn: [spoiled.id] })));
      },
      async around(body) {
        try {
          return await body();
        } finally {
          await knobs((path) => rm(path, { force: true }));
        }
      },
    });
    assert.deepEqual([code, report.outcome], [1, 'partial'], report.reason);
    const now = await lab.admin.server(spoiled!.id);
    const { status, dest_compute } = moves.find((m) => m.instance_uuid === spoiled.id)!;
    assert.deepEqual([now.status, hostOf(now), status], ['ERROR', dest_compute, 'error'], 'what Nova made of it');
    assert.ok(others.includes(hostOf(now)!));
    assert.match(told(report, spoiled!), new RegExp(`^failed it is error on ${hostOf(now)}: Nova ended its live migr`));
    await movedAway(
      victims.filter((v) => v.id !== spoiled.id),
      moves,
    );
    t.diagnostic(told(report, spoiled!));
  });
});

const knobs = (change: (path: string) => Promise<void>): Promise<unknown> =>
  Promise.all(others.map((node) => change(forNode(lab.settings.knobs, node))));

const told = (report: RecoveryReport, { id }: Server): string => {
  const account = report.instances.find((i) => i.id === id);
  return `${account?.outcome} ${account?.reason}`;
};

/** Nova's scheduler finds no room anywhere while `body` runs. */
async function whileFull<T>(body: () => Promise<T>): Promise<T> {
  const rows = (await lab.admin.services()).filter((r) => r.host !== lab.node);
  const put = (change: Record<string, string>): Promise<unknown> =>
    Promise.all(rows.map(({ id }) => lab.admin.call('PUT', `/os-services/${id}`, change)));
  await put({ status: 'disabled', disabled_reason: 'full, says the lane' });
  try {
    return await body();
  } finally {
    await put({ status: 'enabled' });
  }
}

type Draining = ReturnType<Lifeboat['drain']>;
interface Drained extends Awaited<Draining> {
  victims: Server[];
  times: Times;
  moves: Migration[];
}

/** What holds however it ends: nothing is fenced or evacuated, nobody else is touched, and the row says who disabled it. */
async function drained(
  how: { prepare?: (victims: Server[]) => Promise<void>; around?: (body: () => Draining) => Draining } = {},
): Promise<Drained> {
  cast = await furnish(lab, others);
  const { victims, bystander, lastRecord, life } = cast;
  await how.prepare?.(victims);
  const last = Math.max(0, ...(await lab.admin.liveMigrations(lab.node)).map((m) => m.id));
  const asked = tap.asked();
  assert.ok(asked > 0, 'Lifeboat has read the power of the nodes when it started');
  const times = startClock();
  const drain = (): Draining => lifeboat!.drain(lab.node, 'new fans');
  const result = await (how.around?.(drain) ?? drain());
  times['ended'] = since(times);
  const moves = (await lab.admin.liveMigrations(lab.node)).filter((m) => m.id > last);
  times['first POST'] = since(times, Math.min(...moves.map((m) => utc(m.created_at))));
  times['last instance'] = since(times, Math.max(...moves.map((m) => utc(m.updated_at ?? m.created_at))));

  assert.equal(tap.asked(), asked, 'no power device was asked');
  assert.equal(lab.power(lab.node), 'on');
  const records = (await lab.admin.evacuations(lab.node)).filter((m) => m.id > lastRecord);
  assert.deepEqual(records, [], 'nothing is evacuated');
  const row = await lab.service(lab.node);
  assert.deepEqual([row.status, row.state, row.forced_down], ['disabled', 'up', false]);
  const mark = readMarker(row.disabled_reason);
  assert.deepEqual([mark?.run, mark?.outcome], [result.report.runId, 'drained']);
  assert.equal(hostOf(await lab.admin.server(bystander.id)), hostOf(bystander), 'a bystander stays');
  assert.ok(life.guests(hostOf(bystander)!).includes(bystander.id));
  return { ...result, victims, times, moves };
}

async function movedAway(victims: Server[], moves: Migration[]): Promise<void> {
  for (const victim of victims) {
    const now = await lab.admin.server(victim.id);
    assert.deepEqual([now.status, now['OS-EXT-STS:task_state']], ['ACTIVE', null]);
    const mine = moves.filter((m) => m.instance_uuid === victim.id);
    assert.deepEqual(
      mine.map((m) => [m.status, m.dest_compute]),
      [['completed', hostOf(now)]],
      `${victim.name} was moved once`,
    );
    assert.notEqual(hostOf(now), lab.node);
    const at = others.filter((node) => cast!.life.guests(node).includes(victim.id));
    assert.deepEqual(at, [hostOf(now)], `${victim.name} runs there and on no other node`);
  }
}

async function comesBack(): Promise<void> {
  await lifeboat!.readmit(lab.node);
  const row = await lab.service(lab.node);
  assert.deepEqual([row.status, row.state, row.disabled_reason], ['enabled', 'up', null]);
}
