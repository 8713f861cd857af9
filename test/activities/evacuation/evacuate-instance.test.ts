// One instance from a dead node to another: every row of the state table that reaches this activity.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MARKER, newInstance, NovaError } from './fake-cloud.ts';
import { setup } from './setup.ts';

test('an active instance is locked, evacuated by one POST and accounted for where it was seen', async () => {
  const s = setup();
  const web = newInstance('web');
  const result = await s.evacuate(s.input(web));
  assert.equal(result.kind, 'recovered');
  assert.deepEqual(result.kind === 'recovered' && [result.host, result.record, result.posts], ['compute-2', 101, 1]);
  assert.deepEqual([s.cloud.count('evacuate'), s.cloud.count('lock'), s.cloud.count('stop')], [1, 1, 0]);
  assert.equal(web.lockedReason, MARKER);
  const order = s.cloud.calls.map((c) => c.what).filter((w) => ['lock', 'evacuate', 'candidates'].includes(w));
  assert.deepEqual(order, ['candidates', 'lock', 'evacuate']);
});

test('what Nova has taken is followed in the list that all share; the instance is looked at again only at its end', async () => {
  const s = setup();
  await s.evacuate(s.input(newInstance('web')));
  const sent = s.cloud.calls.findIndex((c) => c.what === 'evacuate');
  assert.equal(s.cloud.calls.slice(sent).filter((c) => c.what === 'instance').length, 1);
});

test('a stopped instance stays stopped', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('db', { vmState: 'stopped', powerState: 4 })));
  assert.equal(result.kind, 'recovered');
  assert.equal(s.cloud.count('stop') + s.cloud.count('start'), 0);
});

test('a stopped instance that Nova left running is stopped again before it counts as recovered', async () => {
  const s = setup();
  const db = newInstance('db', { vmState: 'stopped', powerState: 4 });
  s.cloud.onEvacuate = (i) => s.cloud.work(Object.assign(i, { vmState: 'active' }), 'compute-2');
  const result = await s.evacuate(s.input(db, { vmState: 'stopped', powerState: 4 }));
  assert.equal(result.kind, 'recovered');
  assert.equal(s.cloud.count('stop'), 1);
  assert.equal(s.cloud.instances.get(db.id)?.vmState, 'stopped');
});

test('an active instance that came back stopped is started', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.onEvacuate = (i) => s.cloud.work(Object.assign(i, { vmState: 'stopped' }), 'compute-2');
  assert.equal((await s.evacuate(s.input(web))).kind, 'recovered');
  assert.equal(s.cloud.count('start'), 1);
});

for (const [powerState, stops] of [
  [4, 1],
  [1, 0],
] as const)
  test(`an instance in ERROR with power state ${powerState} is ${stops ? 'stopped' : 'left running'} at its destination`, async () => {
    const s = setup();
    const result = await s.evacuate(s.input(newInstance('odd', { vmState: 'error', powerState })));
    assert.equal(result.kind, 'recovered');
    assert.equal(s.cloud.count('stop'), stops);
  });

test('a stop whose reply was lost is settled by looking, not by a second stop', async () => {
  const s = setup();
  const db = newInstance('db', { vmState: 'stopped', powerState: 4 });
  s.cloud.onEvacuate = (i) => s.cloud.work(Object.assign(i, { vmState: 'active' }), 'compute-2');
  const { stop } = s.cloud.compute;
  s.cloud.compute.stop = async (id, o) => {
    await stop(id, o);
    throw new NovaError(0, 'timeout', 'no answer');
  };
  assert.equal((await s.evacuate(s.input(db, { vmState: 'stopped', powerState: 4 }))).kind, 'recovered');
  assert.equal(s.cloud.count('stop'), 1);
});

test('an instance that does not take its power state back waits for a person', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => s.cloud.work(Object.assign(i, { vmState: 'active' }), 'compute-2');
  s.cloud.before.stop = () => {
    throw new NovaError(409, 'conflict', 'Cannot stop');
  };
  const result = await s.evacuate(s.input(newInstance('db'), { vmState: 'stopped', powerState: 4 }));
  assert.equal(result.kind, 'stuck');
  assert.match(result.kind === 'stuck' ? result.reason : '', /should be stopped/);
});

test('a paused instance is reset and evacuated only where the policy says so, and the loss is told', async () => {
  const s = setup();
  s.policy.evacuation.states.paused = 'reset';
  const result = await s.evacuate(s.input(newInstance('sim', { vmState: 'paused', powerState: 3 })));
  assert.equal(result.kind, 'recovered');
  assert.match((result.kind === 'recovered' && result.note) || '', /memory is lost/);
  assert.deepEqual([s.cloud.count('resetState'), s.cloud.count('evacuate')], [1, 1]);
});

test('what the policy keeps is not touched, although the plan said otherwise', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('sim', { vmState: 'paused', powerState: 3 })));
  assert.equal(result.kind, 'kept');
  assert.deepEqual([s.cloud.count('lock'), s.cloud.count('evacuate'), s.cloud.count('resetState')], [0, 0, 0]);
});

test('an instance that is being deleted is never evacuated', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('bye', { taskState: 'deleting' })));
  assert.equal(result.kind, 'kept');
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('a deleted instance is gone, also when it is deleted while it moves', async () => {
  const s = setup();
  const input = s.input(newInstance('bye'));
  s.cloud.instances.clear();
  assert.equal((await s.evacuate(input)).kind, 'gone');
  const t = setup();
  t.cloud.onEvacuate = (i) => {
    t.cloud.record({ instanceId: i.id, status: 'pre-migrating', destCompute: 'compute-2' });
    t.clock.after(5_000, () => t.cloud.instances.delete(i.id));
  };
  assert.equal((await t.evacuate(t.input(newInstance('bye')))).kind, 'gone');
});

test('an instance that somebody moved is gone, not recovered', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('web', { host: 'compute-3' })));
  assert.deepEqual(result.kind === 'gone' && result.host, 'compute-3');
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('an evacuation from this node that somebody else did counts as recovered, and says so', async () => {
  const s = setup();
  const input = s.input(newInstance('web', { host: 'compute-3', vmState: 'stopped' }));
  s.cloud.record({ id: 90, instanceId: 'id-web', status: 'done', destCompute: 'compute-3' });
  const result = await s.evacuate(input);
  assert.match((result.kind === 'recovered' && result.note) || '', /not by this run/);
  assert.equal(s.cloud.count('start'), 0);
});

test('a done record counts only once the host has changed and Nova let go of the instance', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.onEvacuate = (i) => {
    i.taskState = 'rebuilding';
    const r = s.cloud.record({ instanceId: i.id });
    s.clock.after(2_000, () => s.cloud.move(r, 'done', 'compute-2'));
    s.clock.after(20_000, () => (i.host = 'compute-2'));
    s.clock.after(40_000, () => (i.taskState = null));
  };
  assert.equal((await s.evacuate(s.input(web))).kind, 'recovered');
  assert.ok(s.clock.ms() >= 40_000);
});

test('a done record is no arrival while Nova shows the old host', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => {
    s.cloud.record({ instanceId: i.id, status: 'done', destCompute: 'compute-2' });
    s.clock.after(20_000, () => (i.host = 'compute-2'));
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.deepEqual(result.kind === 'recovered' && result.host, 'compute-2');
  assert.ok(s.clock.ms() >= 20_000, `recovered at ${s.clock.ms()} ms`);
});

test('ERROR with a done record is a failure with its fault', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => {
    Object.assign(i, { host: 'compute-2', vmState: 'error', fault: 'boom' });
    s.cloud.record({ instanceId: i.id, status: 'done', destCompute: 'compute-2' });
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.match(result.kind === 'failed' ? result.reason : '', /boom/);
  assert.equal(result.kind === 'failed' && result.retryable, false);
});

test('a failed record keeps the state and may be tried again; an error record that ended in ERROR may not', async () => {
  for (const [status, vmState, retryable] of [
    ['failed', 'active', true],
    ['error', 'error', false],
  ] as const) {
    const s = setup();
    s.cloud.onEvacuate = (i) => {
      Object.assign(i, { taskState: null, vmState, fault: 'No valid host was found.' });
      s.cloud.record({ instanceId: i.id, status });
    };
    const result = await s.evacuate(s.input(newInstance('web')));
    assert.deepEqual(result, { kind: 'failed', reason: 'No valid host was found.', posts: 1, record: 101, retryable });
  }
});

test('a try after an accounted failure sends again and does not report the old failure', async () => {
  const s = setup();
  const input = s.input(newInstance('web'));
  s.cloud.record({ instanceId: 'id-web', status: 'failed' });
  const result = await s.evacuate(input);
  assert.deepEqual(result.kind === 'recovered' && result.record, 102);
});

test("somebody else's lock is left as it is; a lock of an earlier run becomes ours", async () => {
  const s = setup();
  const mine = newInstance('theirs', { locked: true, lockedReason: 'hands off' });
  await s.evacuate(s.input(mine));
  assert.deepEqual([mine.lockedReason, s.cloud.count('lock')], ['hands off', 0]);
  const old = newInstance('orphan', { locked: true, lockedReason: 'lifeboat:0198a1b2-0000-7000-8000-00000000dead' });
  await s.evacuate(s.input(old));
  assert.equal(old.lockedReason, MARKER);
});

test('a lock that fails does not stop the evacuation and is told; a lost reply that locked is no failure', async () => {
  const s = setup();
  s.cloud.before.lock = () => {
    throw new NovaError(500, 'server', 'broken');
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.match((result.kind === 'recovered' && result.note) || '', /could not be locked/);
  const t = setup();
  const { lock } = t.cloud.compute;
  t.cloud.compute.lock = async (id, reason, o) => {
    await lock(id, reason, o);
    throw new NovaError(0, 'timeout', 'no answer');
  };
  const fine = await t.evacuate(t.input(newInstance('web')));
  assert.equal(fine.kind === 'recovered' && fine.note, undefined);
});

test('a refusal is told as what it is: the node is up, the credentials, a conflict, gone', async () => {
  const refused = async (e: NovaError) => {
    const s = setup();
    s.cloud.before.evacuate = () => {
      throw e;
    };
    const result = await s.evacuate(s.input(newInstance('web')));
    assert.equal(s.cloud.count('evacuate'), 1);
    return result.kind;
  };
  const up = 'Compute service of compute-1 is still in use.';
  assert.equal(await refused(new NovaError(400, 'badRequest', up)), 'nodeUp');
  assert.equal(await refused(new NovaError(400, 'badRequest', 'something else')), 'failed');
  assert.equal(await refused(new NovaError(403, 'forbidden', 'Policy does not allow')), 'halt');
  assert.equal(await refused(new NovaError(409, 'conflict', 'Cannot evacuate')), 'notPosted');
  assert.equal(await refused(new NovaError(404, 'notFound', 'not found')), 'notPosted');
  assert.equal(await refused(new NovaError(429, 'rateLimited', 'slow down')), 'notPosted');
  assert.equal(await refused(new NovaError(0, 'unreachable', 'refused', false)), 'notPosted');
});

test('a conflict sorts the instance again by what it has become', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.before.evacuate = () => {
    web.vmState = 'paused';
    throw new NovaError(409, 'conflict', 'Cannot evacuate');
  };
  assert.equal((await s.evacuate(s.input(web))).kind, 'kept');
});

test('credentials that are refused while looking halt everything', async () => {
  const s = setup();
  s.cloud.before.instance = () => {
    throw new NovaError(403, 'forbidden', 'no');
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'halt');
});
