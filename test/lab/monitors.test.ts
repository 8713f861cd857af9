// A node of a real OpenStack dies before the eyes of real monitors: Prometheus asked, and Alertmanager that tells.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../scripts/temporal-server.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { until } from '../support/until.ts';
import { die, ended, furnish, MINUTES, provesElsewhere, readmit, since, tell, type Cast } from './incident.ts';
import { giveBack, openLab, type Lab } from './lab.ts';
import { startLifeboat, type Lifeboat } from './lifeboat.ts';
import { QUERY, startMonitors, type Monitors } from './monitors.ts';
import { command, forNode } from './settings.ts';

let lab: Lab;
let monitors: Monitors | null = null;
let lifeboat: Lifeboat | null = null;
let dir: string;

before(async () => {
  lab = await openLab();
  dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-token-'));
});

afterEach(async () => {
  await lifeboat?.end();
  await monitors?.end();
  lifeboat = monitors = null;
  if (lab) await giveBack(lab);
});

after(() => rm(dir, { recursive: true, force: true }));

describe('a node of a real OpenStack dies before real monitors', () => {
  test('Prometheus asked at each look, with Nova: it is recovered, nobody else is touched, and it comes back', async (t) => {
    monitors = await startMonitors(lab);
    const options = { url: monitors.url, query: QUERY, label: 'node' };
    lifeboat = await withNova({ driver: 'prometheus', options });
    const cast = await furnish(lab);
    const others = await othersNow();
    const { times, run } = await die(lab, lifeboat, 'crash', async (clock) => {
      await until(async () => (await monitors!.probed()).get(lab.node) === 0, silent);
      clock['Prometheus has it as 0'] = since(clock);
    });
    const report = await ended(run, times);

    assert.match(saidBy(report, 'prometheus'), /^failed value 0, \d+ s old$/);
    await recovered(cast, report);
    await provesElsewhere(lab, cast, times);
    assert.deepEqual(await othersNow(), others, 'nobody else is touched');
    await readmit(lab, lifeboat, cast, times);
    tell(t, cast, times, report);
  });

  test('an alert pushed with its token, with Nova: it is recovered; what is resolved, or dies as an agent only, is not fenced', async (t) => {
    assert.notEqual(lab.settings.agent, '', 'LIFEBOAT_LAB_AGENT is missing (docs/lab.md)');
    const listen = `127.0.0.1:${await freePort()}`;
    const tokenFile = path.join(dir, 'token');
    await writeFile(tokenFile, 'of-the-lane-of-the-lab');
    monitors = await startMonitors(lab, { url: `http://${listen}/alerts`, tokenFile });
    const match = { alertname: 'NodeDown', severity: 'critical' };
    const options = { listen, token: { file: tokenFile }, label: 'node', match };
    lifeboat = await withNova({ driver: 'alertmanager', options });
    const refused = await fetch(`http://${listen}/alerts`, { method: 'POST', body: '{}' });
    assert.equal(refused.status, 401, 'nobody tells it anything without the token');
    const cast = await furnish(lab);
    const others = await othersNow();
    const { times, run } = await die(lab, lifeboat, 'crash', async (clock) => {
      await until(async () => (await monitors!.firing()).includes(lab.node), silent);
      clock['the alert fires'] = since(clock);
      await until(() => monitors!.pushed().some((p) => p.status === 'firing' && p.node === lab.node), silent);
      clock['it is pushed'] = since(clock);
    });
    const report = await ended(run, times);

    assert.match(saidBy(report, 'alertmanager'), /^failed NodeDown fires since /);
    await recovered(cast, report);
    await provesElsewhere(lab, cast, times);
    assert.deepEqual(await othersNow(), others, 'nobody else is touched');
    await readmit(lab, lifeboat, cast, times);
    const { pushed } = monitors;
    await until(() => pushed().some((p) => p.status === 'resolved' && p.node === lab.node), {
      ...{ what: 'it is told that the alert is resolved', timeoutMs: 2 * MINUTES },
    });
    times['resolved, at the latest'] = since(times);
    assert.deepEqual(new Set(pushed().map((p) => p.node)), new Set([lab.node]));
    assert.equal(await monitors.failedPushes(), 0, 'Lifeboat took every push');
    tell(t, cast, times, report);
    t.diagnostic(await agentAlone());
  });
});

const silent = { what: 'its silence is seen', timeoutMs: 2 * MINUTES, everyMs: 100 };

const withNova = (channel: Record<string, unknown>): Promise<Lifeboat> =>
  startLifeboat(lab.settings, lab.nodes, { monitoring: { channels: [{ driver: 'nova-service' }, channel] } });

/** Their rows but for the time, what was evacuated from them, and their power. */
async function othersNow(): Promise<unknown[]> {
  const rows = (await lab.admin.services()).filter((r) => r.host !== lab.node);
  return Promise.all(
    rows.map(async ({ host, status, state, forced_down, disabled_reason }) => ({
      ...{ host, status, state, forced_down, disabled_reason, power: lab.power(host) },
      evacuations: (await lab.admin.evacuations(host)).map((m) => m.id),
    })),
  );
}

async function recovered({ bystander }: Cast, report: RecoveryReport): Promise<void> {
  assert.equal(report.outcome, 'recovered', report.reason);
  assert.equal(report.proof?.kind, 'power');
  assert.match(saidBy(report, 'nova-service'), /^failed /);
  const now = await lab.admin.server(bystander.id);
  assert.equal(now['OS-EXT-SRV-ATTR:host'], bystander['OS-EXT-SRV-ATTR:host'], 'a bystander stays where it is');
}

const saidBy = (report: RecoveryReport, channel: string): string =>
  report.evidence.filter((e) => e.channel === channel).map((e) => `${e.verdict} ${e.saw}`)[0] ?? 'nothing';

/** Its nova-compute dies, the node lives: Nova alone says failed, and the alert of before is no word for it. */
async function agentAlone(): Promise<string> {
  await command(forNode(lab.settings.agent, lab.node));
  await until(async () => (await lab.service(lab.node)).state === 'down', {
    ...{ what: 'Nova holds it for down', timeoutMs: MINUTES, everyMs: 250 },
  });
  // Where both channels say failed a recovery starts within fifteen.
  await new Promise((resolve) => setTimeout(resolve, 40_000));
  assert.equal(lab.power(lab.node), 'on', 'nobody fences a node of which one channel says nothing');
  const row = await lab.service(lab.node);
  assert.deepEqual([row.status, row.state, row.forced_down], ['enabled', 'down', false]);
  assert.equal(await lifeboat!.latest(lab.node), 'readmitNode', 'no recovery was begun');
  return 'its agent alone dead, by Nova down for 40 s: nothing is fenced';
}
