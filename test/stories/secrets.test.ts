// No secret in a history, a log, a mail or a process list, whatever goes wrong (S10). Every service here repeats what it was given to
// log in with, in every way of writing; what Lifeboat keeps, writes and starts is then decoded and looked through.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../scripts/temporal-server.ts';
import { nodeWorkflowId } from '../../workflows/contract.ts';
import type { RecoveryReport, RunOutcome } from '../../workflows/domain.ts';
import { retryUpdate, skipUpdate, stateQuery } from '../../workflows/verbs.ts';
import { lookout } from '../support/lookout.ts';
import { BLOCKED, PLANTED } from '../support/secrets-config.ts';
import { harvest, type Text } from '../support/secrets-harvest.ts';
import { findSecrets, tellLeaks } from '../support/secrets-scan.ts';
import { setStage, type SecretsStage } from '../support/secrets-stage.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { temporalSettings } from '../../workers/temporal.ts';

/** The node whose evacuations Nova talks of. */
const TALKED = 'compute-3';

let temporal: LocalTemporal;
let stage: SecretsStage;
let kept: Text[];
let metrics = '';
const argv = new Set<string>();
const outcomes: Record<string, RunOutcome> = {};

const run = (node: string) => temporal.env.client.workflow.getHandle(nodeWorkflowId('secrets', node));
const state = (node: string) => run(node).query(stateQuery);
const says = (verb: typeof retryUpdate, node: string) => run(node).executeUpdate(verb, { args: [{ by: 'ann' }] });
const watchArgv = (): void => stage.commandLines().forEach((line) => argv.add(line));
const soon = <T>(what: string, ask: () => T | Promise<T>) => until(ask, { what, timeoutMs: 90_000, everyMs: 50 });

/** A node that no device proves off, asked again until all its devices have talked. In every way: secrets-drivers.test.ts. */
async function blocked(): Promise<void> {
  const { bmc } = stage.doors;
  await soon(`${BLOCKED} is blocked`, async () => (await state(BLOCKED)).phase === 'blocked');
  for (const as of [500, 'reading', 'page'] as const) {
    const goal = bmc.echoed + 3;
    bmc.refuse = { method: 'GET', path: /\/Systems\/1$/, as };
    await soon(`the BMC has answered ${as} in several ways`, async () => {
      watchArgv();
      await says(retryUpdate, BLOCKED);
      return bmc.echoed >= goal;
    });
  }
  const runs = (program: RegExp): number => stage.commandLines().filter((line) => program.test(line)).length;
  await soon('the programs have talked', () => runs(/ipmitool -I/) >= 3 && runs(/bin\/pdu status/) >= 2);
}

async function ends(node: string): Promise<void> {
  const report = (await soon(`${node} ends`, async () => {
    const { status } = await run(node).describe();
    return status.name === 'RUNNING' ? null : run(node).result();
  })) as RecoveryReport;
  outcomes[node] = report.outcome;
}

before(async () => {
  temporal = await devServer();
  stage = await setStage(temporal.server.address);
  const { world, doors } = stage;
  const { nova, bmc, rude, web, keystoneOfWrong } = doors;
  const port = await freePort();
  const more = ['--log', 'debug', '--metrics', `127.0.0.1:${port}`];
  stage.startWorker(['workflow', 'monitor', 'fencing'], 'password', ...more);
  stage.startWorker(['evacuation'], 'credential');
  keystoneOfWrong.refuse = { method: 'POST', path: /auth\/tokens$/, as: 401 };
  stage.startWorker(['notification'], 'wrong');
  await soon('the watch sweeps', () => world.log.of('call').some((c) => /os-services/.test(c.path)));
  await lookout(world);

  web.refuse = { method: '*', path: /./, as: 403 };
  bmc.refuse = { method: 'GET', path: /\/Systems\/1$/, as: 500 };
  nova.refuse = { method: 'POST', path: /\/action$/, as: 400 };
  await Promise.all([world.crash(BLOCKED), world.crash(TALKED)]);
  // Whoever is to be told is asked of the one with the wrong password first; then there is another that knows the right one.
  await soon('the wrong password was tried', () => keystoneOfWrong.echoed > 0);
  stage.startWorker(['notification'], 'credential');
  await Promise.all([blocked(), stage.runScript('check')]);
  await soon(`${TALKED} waits for a person`, async () => (await state(TALKED)).question !== null);
  await says(skipUpdate, TALKED);
  await ends(TALKED);

  bmc.refuse = null;
  nova.refuse = { method: 'POST', path: /\/action$/, as: 500 };
  for (const n of world.nodes) world.holdSpawns(n.name);
  await says(retryUpdate, BLOCKED);
  await soon(`${BLOCKED} is evacuated`, async () => (await state(BLOCKED)).phase === 'evacuating');
  // What the guard reads reaches its run as a signal.
  bmc.refuse = { method: 'GET', path: /\/Systems\/1$/, as: 'reading' };
  await soon('the guard is blind', async () => (await state(BLOCKED)).guard.seeing === 'blind');
  bmc.refuse = null;
  for (const n of world.nodes) world.letSpawn(n.name);
  await soon('Nova has talked of locks', () => nova.echoed >= 12);
  nova.refuse = null;
  await ends(BLOCKED);
  await soon('the mail server has talked', () => rude.refused >= 6);
  metrics = await fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text());
  // While it is refused, as an operator would see it; and once more when it was not.
  kept = await harvest(temporal.env.client);
  rude.polite = true;
  web.refuse = null;
  await soon('everybody is told', () => rude.mails.length >= 6);
  kept.push(...(await harvest(temporal.env.client)));
  watchArgv();
});

after(async () => {
  await stage?.end();
  await temporal?.teardown();
});

/** Fails with every place where a secret stands. `proof`: words that must be there, or nothing was looked at. */
function judge(texts: readonly Text[], ...proof: RegExp[]): void {
  for (const words of proof)
    assert.ok(
      texts.some((t) => words.test(t.text)),
      `nothing in it says ${words}`,
    );
  const secrets = stage.secrets();
  const leaks = texts.flatMap(({ where, text }) => findSecrets(text, where, secrets));
  assert.ok(leaks.length === 0, tellLeaks(leaks));
}

test('the stage had something to tell: every service talked, tokens were issued, runs were blocked and ended', () => {
  const names = stage.secrets().map(({ name }) => name);
  assert.ok(names.includes('Keystone token 2') && names.includes('BMC session 2'), names.join());
  assert.ok(stage.doors.keystoneOfWrong.echoed > 0, 'Keystone refused the wrong password');
  assert.deepEqual(Object.keys(outcomes).sort(), [BLOCKED, TALKED].sort());
  assert.equal(outcomes[TALKED], 'partial');
});

test('no secret in a history, nor in anything else that the namespace keeps or answers', () => {
  judge(
    kept,
    /could not be proven off/,
    /ipmi compute-2\.bmc\.example/,
    /\[POST\] compute \/servers/,
    /pdu compute-2/,
    /email to/,
    /slack to/,
    /pagerduty to/,
    /prometheus/,
    /updated_at/,
    /POST\] identity \/auth\/tokens: 401/,
    /RestartActivity|temporal_workflow_metadata|currentDetails/i,
  );
});

test('no secret in what the workers and the scripts write', () => {
  const texts = [...stage.outputs].map(([where, text]) => ({ where: `output of ${where}`, text }));
  texts.push({ where: 'the metrics', text: metrics });
  judge(texts, /Lifeboat for secrets/, /email to/, /temporal_/, /compute-2/);
});

test('no secret in a mail: headers, text and HTML', () => {
  const texts = stage.world.mailbox.mails.flatMap((m) => [
    { where: `mail "${m.subject}"`, text: [m.raw, m.subject, m.text, ...Object.values(m.headers)].join('\n') },
    { where: `HTML of mail "${m.subject}"`, text: m.html },
    ...m.attachments.map((a) => ({ where: `${a.name} of mail "${m.subject}"`, text: a.content })),
  ]);
  texts.push(...stage.doors.rude.mails.map((text) => ({ where: 'a mail at the rude server', text })));
  judge(texts, /could not be proven off/, /\[POST\] compute \/servers/);
});

test('a profile of Temporal that cannot be read is refused without the line that may be its key', async () => {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'lifeboat-profile-')), 'temporal.toml');
  await writeFile(file, `[profile.default]\napi_key = "${PLANTED.temporal}\n`);
  try {
    assert.throws(
      () => temporalSettings({ configFile: file }, {}),
      (error: Error) => {
        judge([{ where: 'the error', text: error.message }], /temporal\.toml: Invalid TOML document.*line 2/);
        return true;
      },
    );
  } finally {
    await rm(path.dirname(file), { recursive: true });
  }
});

test('no secret in the arguments of a process', () => {
  judge(
    [...argv].map((text) => ({ where: 'a command line', text })),
    /ipmitool -I lanplus/,
    /bin\/pdu status compute-2/,
    /workers\/main\.ts/,
  );
});
