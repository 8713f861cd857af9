// An incident of the lab's node: who is on it, how it dies, what became of everybody, and the seconds of each step.
import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { Lab } from './lab.ts';
import { PREFIX } from './lab.ts';
import type { Lifeboat, RunHandle } from './lifeboat.ts';
import { utc, type Migration, type Server } from './nova.ts';
import { until } from '../support/until.ts';
import { watchOneLife, type OneLife } from './one-life.ts';

export const MINUTES = 60_000;
export const hostOf = (s: Server): string | null => s['OS-EXT-SRV-ATTR:host'];

export interface Cast {
  /** All that are on the node. */
  victims: Server[];
  bystander: Server;
  /** Evacuations of the node with a higher id are this incident's. */
  lastRecord: number;
  life: OneLife;
}

/** Each project has two on the node that fails; one elsewhere is a bystander. `watched`: nobody runs on two of these. */
export async function furnish(lab: Lab, watched = lab.nodes): Promise<Cast> {
  const other = lab.nodes.find((n) => n !== lab.node)!;
  const [first] = lab.projects;
  for (const project of lab.projects.values()) await project.remove(PREFIX);
  for (const [name, project] of lab.projects) await project.make(`${PREFIX}${name}`, lab.node, 2);
  const [bystander] = await first![1].make(`${PREFIX}elsewhere`, other);
  const victims = await lab.admin.servers(`all_tenants=1&host=${lab.node}`);
  const lastRecord = Math.max(0, ...(await lab.admin.evacuations(lab.node)).map((m) => m.id));
  const life = watchOneLife(lab.settings, watched);
  return { victims, bystander: await lab.admin.server(bystander!.id), lastRecord, life };
}

export async function stop(lab: Lab, server: Server): Promise<void> {
  await lab.admin.act(server.id, { 'os-stop': null });
  await until(async () => (await lab.admin.server(server.id)).status === 'SHUTOFF', {
    ...{ what: `${server.name} is stopped`, timeoutMs: MINUTES, everyMs: 250 },
  });
}

/** Seconds since the node was made to fail, in the order in which they were told. */
export type Times = Record<string, number>;

/** Wall clock (ms): Nova's rows have no other. */
const failedAt = new WeakMap<Times, number>();
export const since = (times: Times, at = Date.now()): number => Math.round((at - failedAt.get(times)!) / 100) / 10;

export function startClock(): Times {
  const times: Times = {};
  failedAt.set(times, Date.now());
  return times;
}

const lastRun = new WeakMap<Lifeboat, string>();

/** `meanwhile` is told the clock once it has failed. */
export async function die(
  lab: Lab,
  lifeboat: Lifeboat,
  how: 'crash' | 'power-loss',
  meanwhile: (times: Times) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ times: Times; run: RunHandle }> {
  const before = await lifeboat.watch();
  assert.deepEqual(before.open, []);
  const times = startClock();
  await lab.fail(how);
  const [run] = await Promise.all([
    lifeboat.started(lab.node, lastRun.get(lifeboat)).then((started) => {
      times['seen'] = since(times);
      return started;
    }),
    meanwhile(times),
  ]);
  lastRun.set(lifeboat, (await run.describe()).runId);
  return { times, run };
}

export async function ended(run: RunHandle, times: Times): Promise<RecoveryReport> {
  const report = await run.result();
  times['proof'] = since(times, Date.parse(report.proof?.readAt ?? ''));
  times['run ended'] = since(times);
  return report;
}

export const evacuationsOf = async (lab: Lab, { lastRecord }: Pick<Cast, 'lastRecord'>): Promise<Migration[]> =>
  (await lab.admin.evacuations(lab.node)).filter((m) => m.id > lastRecord);

/** By Nova's rows and the lab's files: each once, on another node, as it was, unlocked. */
export async function provesElsewhere(lab: Lab, cast: Cast, times: Times, stopped?: Server): Promise<void> {
  const { victims, life } = cast;
  const records = await evacuationsOf(lab, cast);
  // By Nova's own rows, in whole seconds.
  times['first POST'] = since(times, Math.min(...records.map((r) => utc(r.created_at))));
  times['last instance'] = since(times, Math.max(...records.map((r) => utc(r.updated_at ?? r.created_at))));
  for (const victim of victims) {
    const now = await lab.admin.server(victim.id);
    assert.notEqual(hostOf(now), lab.node, `${victim.name} is elsewhere`);
    assert.equal(now.status, victim.id === stopped?.id ? 'SHUTOFF' : 'ACTIVE', `${victim.name} is as it was`);
    assert.equal(now.locked, false, `${victim.name} is not locked`);
    assert.equal(now['OS-EXT-STS:task_state'], null);
    const mine = records.filter((r) => r.instance_uuid === victim.id);
    assert.deepEqual(
      mine.map((r) => [r.status, r.dest_compute]),
      [['done', hostOf(now)]],
      `${victim.name} was evacuated once`,
    );
    assert.ok(life.guests(hostOf(now)!).includes(victim.id), `${victim.name} runs on ${hostOf(now)}`);
  }
  assert.equal(records.length, victims.length, 'one evacuation for each instance, none for others');
}

/** `npm run readmit`; Nova's cleanup leaves no guest and no open record on the node. */
export async function readmit(lab: Lab, lifeboat: Lifeboat, { life }: Cast, times: Times): Promise<void> {
  times['readmission begun'] = since(times);
  await lifeboat.readmit(lab.node);
  times['readmitted'] = since(times);
  const row = await lab.service(lab.node);
  assert.deepEqual([row.status, row.state, row.forced_down], ['enabled', 'up', false]);
  assert.equal(lab.power(lab.node), 'on');
  assert.deepEqual(life.guests(lab.node), [], 'the old copies are gone');
  const records = await lab.admin.evacuations(lab.node);
  assert.deepEqual(
    records.filter((r) => r.status !== 'completed').map((r) => `${r.id} ${r.status}`),
    [],
    'all records are completed',
  );
}

export const inOrder = (times: Times): string =>
  Object.entries(times)
    .sort(([, a], [, b]) => a - b)
    .map(([what, s]) => `${what} ${s}`)
    .join(', ');

export function tell(
  t: { diagnostic(line: string): void },
  { life }: Cast,
  times: Times,
  report: RecoveryReport,
): void {
  const looks = life.end();
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  t.diagnostic(`seconds after the failure: ${inOrder(times)}`);
  t.diagnostic(
    `seconds of the run: ${Object.entries(report.stages)
      .map(([what, ms]) => `${what} ${seconds(ms)}`)
      .join(', ')}; ` + `${report.counts.recovered} instances recovered, nobody on two nodes in ${looks} looks`,
  );
}
