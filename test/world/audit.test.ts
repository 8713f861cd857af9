import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createTransport } from 'nodemailer';
import { audit, tellFindings } from './audit.ts';
import type { AuditOptions, Rule } from './audit.ts';
import { connectAs, powerOf, resetPower } from './caller.ts';
import type { Caller } from './caller.ts';
import { evacuate, fence, knowDown, lock, mark, MARKER, proveOff, readmit, recover, settled, unlock } from './steps.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

const NODE = 'compute-2';
let world: World;
let api: Caller;
beforeEach(async () => {
  world = await startWorld({ seed: 11, nodes: 4, instances: 12, timeScale: 0.01 });
  api = await connectAs(world);
});
afterEach(() => world.stop());

const on = (node: string) =>
  Object.entries(world.truth().instances).flatMap(([id, i]) => (i.host === node ? [id] : []));

/** The audit finds a breach of this rule, in these words. */
function breaches(rule: Rule, words: RegExp, options?: AuditOptions): void {
  const findings = audit(world, options);
  const hit = findings.some((f) => f.rule === rule && words.test(f.what));
  assert.ok(hit, `no ${rule} ${words} among:\n${tellFindings(findings)}`);
}
function holds(options?: AuditOptions): void {
  assert.equal(tellFindings(audit(world, options)), '');
}
async function mail(to: string, subject: string, text: string, id: string): Promise<void> {
  const mailer = createTransport({ host: world.smtp.host, port: world.smtp.port, ignoreTLS: true });
  await mailer.sendMail({ from: 'lifeboat@cloud.example', to, subject, text, messageId: `<${id}@x>` });
  mailer.close();
}

test('finds nothing in a recovery and readmission as they should be', async () => {
  await world.crash(NODE);
  const ids = await recover(world, api, NODE);
  const { instances } = world.truth();
  const run = {
    node: NODE,
    instances: ids.map((id) => ({ id, outcome: 'recovered', host: instances[id]!.host, reason: '' })),
  };
  await readmit(world, api, NODE);
  assert.equal(world.truth().nodes[NODE]!.disabled, false);
  const name = instances[ids[0]!]!.name;
  await mail(`alice@acme.example`, 'done', `your server is safe`, '1');
  assert.ok(name);
  holds({ ended: true, runs: [run], limits: { perNode: 3, overall: 3 }, atOnce: 1, maxOffsPerNode: 1 });
});

test('S1: sees an instance that runs on two nodes', async () => {
  await world.crash(NODE);
  await knowDown(world, NODE);
  const [id] = on(NODE);
  await evacuate(api, id!);
  await settled(world, [id!]);
  assert.deepEqual(world.truth().split, [id]);
  breaches('S1', /runs on compute-\d and compute-\d/);
  breaches('S1', /compute-2 is truly on/);
});

test('S1: what nobody can know yet is held against nobody only where the exposure is named', async () => {
  await fence(world, NODE);
  await mark(world, api, NODE);
  await world.powerOn(NODE);
  await evacuate(api, on(NODE)[0]!);
  breaches('S1', /compute-2 is truly on/);
  const findings = audit(world, { exposureMs: 60_000 }).filter((f) => /truly on|no proof/.test(f.what));
  assert.equal(tellFindings(findings), '');
});

test('S1: sees an evacuation without two reads of off', async () => {
  await world.powerLoss(NODE);
  await knowDown(world, NODE);
  await powerOf(world, NODE);
  await mark(world, api, NODE);
  await evacuate(api, on(NODE)[0]!);
  breaches('S1', /no proof that compute-2 is off/);
});

test('S1: sees an evacuation after a read that is old', async () => {
  await world.powerLoss(NODE);
  await proveOff(world, NODE);
  await mark(world, api, NODE);
  const read = world.log.now();
  await world.until((_t, log) => log.now() - read > 60, 2_000);
  await evacuate(api, on(NODE)[0]!);
  breaches('S1', /was last read \d+ ms before/, { guardMs: 50 });
  holds();
});

test("S1: takes a person's word for a proof, but not where the node is on", async () => {
  await world.powerLoss(NODE, { withBmc: true });
  await knowDown(world, NODE);
  world.note('operator-confirmed', NODE);
  await mark(world, api, NODE);
  await evacuate(api, on(NODE)[0]!);
  holds();
  await world.hang('compute-3');
  await knowDown(world, 'compute-3');
  world.note('operator-confirmed', 'compute-3');
  await mark(world, api, 'compute-3');
  await evacuate(api, on('compute-3')[0]!);
  breaches('S1', /compute-3 is truly on/);
});

test('S1: sees a node that was marked before it was proven off, and one that was not marked', async () => {
  await world.crash(NODE);
  await knowDown(world, NODE);
  await mark(world, api, NODE);
  await fence(world, NODE);
  await evacuate(api, on(NODE)[0]!);
  breaches('S1', /marked before it was proven off/);
  await world.crash('compute-3');
  await knowDown(world, 'compute-3');
  await fence(world, 'compute-3');
  await evacuate(api, on('compute-3')[0]!);
  breaches('S1', /compute-3 is not disabled and forced down/);
});

test('S1: sees a node switched on while it is being evacuated', async () => {
  for (const { name } of world.nodes) world.spawnDelay(name, 1_000_000);
  await world.crash(NODE);
  await knowDown(world, NODE);
  await fence(world, NODE);
  await mark(world, api, NODE);
  await evacuate(api, on(NODE)[0]!);
  await resetPower(world, NODE, 'On');
  breaches('S1', /is switched on while/);
});

test('S2: sees a second evacuation of an instance, and two calls in flight', async () => {
  await world.crash(NODE);
  await knowDown(world, NODE);
  await fence(world, NODE);
  await mark(world, api, NODE);
  const [id] = on(NODE);
  for (const { name } of world.nodes) world.spawnDelay(name, 1_000_000);
  world.fault({ service: 'nova', body: /evacuate/, times: 1 }, { do: 'slow-answer', ms: 100 });
  await Promise.all([evacuate(api, id!), evacuate(api, id!)]);
  breaches('S2', /is evacuated again while record 1 is open/);
  breaches('S2', /evacuate and evacuate are in flight at once/);
});

test('S2: allows a second evacuation after the first one failed', async () => {
  await world.crash(NODE);
  await knowDown(world, NODE);
  await fence(world, NODE);
  await mark(world, api, NODE);
  const [id] = on(NODE);
  for (const { name } of world.nodes) world.failSpawn(name, 'claim');
  await evacuate(api, id!);
  await settled(world, [id!]);
  for (const { name } of world.nodes) world.failSpawn(name, null);
  await evacuate(api, id!);
  await settled(world, [id!]);
  assert.equal(world.truth().instances[id!]!.runsOn.length, 1);
  holds();
});

test('S3: sees a living node fenced, a reset, too many offs and too many nodes', async () => {
  await resetPower(world, NODE, 'ForceOff');
  breaches('S3', /compute-2 is fenced while it lives/);
  holds({ mayFence: [NODE] });
  await world.crash('compute-3');
  await resetPower(world, 'compute-3', 'ForceRestart');
  breaches('S3', /gets ForceRestart/);
  await resetPower(world, NODE, 'ForceOff');
  breaches('S3', /its off number 2/, { maxOffsPerNode: 1 });
  breaches('S3', /in recovery at once, more than 1/, { atOnce: 1 });
  breaches('S3', /2 nodes were fenced, more than 1/, { maxNodesFenced: 1 });
});

test('S4: sees mails to the unconcerned, names of other tenants and of nodes', async () => {
  await mail('alice@acme.example', 'early', 'nothing happened', '1');
  breaches('S4', /none of their instances was on a failed node/);
  await world.crash(NODE);
  const ids = await recover(world, api, NODE);
  const { instances } = world.truth();
  const foreign = ids.map((id) => instances[id]!.name).find((n) => n.startsWith('globex'));
  await mail('stranger@else.example', 'hello', 'hello', '2');
  breaches('S4', /to stranger@else.example: nobody of this address/);
  await mail('alice@acme.example', 'moved', `${foreign} is on its way`, '3');
  breaches('S4', /names globex-vm-\d+, which is another tenant's/);
  await mail('alice@acme.example', 'where', 'your servers were on compute-2', '4');
  breaches('S4', /names the node compute-2/);
});

test('S4: sees a repeat under another Message-ID, and "recovered" said too early', async () => {
  for (const { name } of world.nodes) world.spawnDelay(name, 1_000_000);
  await world.crash(NODE);
  await knowDown(world, NODE);
  await fence(world, NODE);
  await mark(world, api, NODE);
  const id = on(NODE).find((i) => world.instance(i).name.startsWith('acme'));
  await evacuate(api, id!);
  await mail('alice@acme.example', 'done', `${world.instance(id!).name} is running again`, '1');
  breaches('S4', /recovered, which is not settled/);
  await mail('alice@acme.example', 'done', `${world.instance(id!).name} is running again`, '2');
  breaches('S4', /comes again as <2@x>/);
});

test('S5: sees a node enabled while a record is open, or against a person', async () => {
  await world.crash(NODE);
  await recover(world, api, NODE);
  await api.put(world.node(NODE).serviceId, { status: 'enabled' });
  breaches('S5', /enabled while record \d+ is done/);
  world.disableByPerson('compute-3', 'maintenance');
  await api.put(world.node('compute-3').serviceId, { status: 'enabled' });
  breaches('S5', /compute-3 is enabled although operator disabled it/);
  // Our own mark in between makes it no less theirs.
  world.disableByPerson('compute-4', 'maintenance');
  await mark(world, api, 'compute-4');
  await api.put(world.node('compute-4').serviceId, { status: 'enabled' });
  breaches('S5', /compute-4 is enabled although operator disabled it/);
});

test('S6: sees an instance left out of the report, a false recovered, a missing reason, lost data', async () => {
  const local = world.addInstance({ name: 'scratch', project: 'acme', host: NODE, disk: 'local' });
  await world.crash(NODE);
  const ids = await recover(world, api, NODE);
  const first = { id: ids[0]!, outcome: 'recovered', host: NODE, reason: '' };
  const second = { id: ids[1]!, outcome: 'kept', host: null, reason: '' };
  const runs = [{ node: NODE, instances: [first, second, second] }];
  breaches('S6', /is accounted for 0 times/, { runs });
  breaches('S6', /is accounted for 2 times/, { runs });
  breaches('S6', /called recovered on compute-2/, { runs });
  breaches('S6', /is kept without a reason/, { runs });
  breaches('S6', /the data of scratch is lost/);
  holds({ mayLose: [local.id] });
});

test('S8: sees deletions, strangers, other locks, locks left behind', async () => {
  const mine = world.addInstance({ name: 'guarded', project: 'acme', host: NODE, locked: { reason: 'do not touch' } });
  const other = on('compute-1')[0]!;
  await world.crash(NODE);
  const ids = on(NODE).filter((id) => id !== mine.id);
  await knowDown(world, NODE);
  await fence(world, NODE);
  await mark(world, api, NODE);
  await lock(api, ids[0]!);
  await evacuate(api, ids[0]!);
  await settled(world, [ids[0]!]);
  holds();
  breaches('S8', /our lock of .* was never lifted/, { ended: true });
  await unlock(api, mine.id);
  breaches('S8', /the lock of guarded, set by owner, is lifted/);
  await lock(api, other);
  breaches('S8', /lock of .*, which was on no failed node/);
  await api.put(world.node('compute-4').serviceId, { status: 'disabled', disabled_reason: MARKER });
  breaches('S8', /the row of compute-4 is written, which never failed/);
  await api.remove(`/servers/${ids[1]}`);
  breaches('S8', /DELETE .*nothing is ever deleted/);
});

test('S9: sees more evacuations in flight than allowed', async () => {
  for (const { name } of world.nodes) world.spawnDelay(name, 300_000);
  await world.crash(NODE);
  await recover(world, api, NODE);
  breaches('S9', /in flight overall, more than 1/, { limits: { overall: 1 } });
  breaches('S9', /from compute-2, more than 2/, { limits: { perNode: 2 } });
  breaches('S9', /to compute-\d, more than 0/, { limits: { perDestination: 0 } });
});
