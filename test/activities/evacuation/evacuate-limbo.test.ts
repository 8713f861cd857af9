// What Nova began and does not finish, what was on its way before us, and what a person decides about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newInstance } from './fake-cloud.ts';
import { setup } from './setup.ts';

const STUCK_MS = 600_000;

test('a record that stays accepted is stuck after ten minutes, not before', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => {
    i.taskState = 'rebuilding';
    s.cloud.record({ instanceId: i.id });
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.equal(result.kind === 'stuck' && result.record, 101);
  assert.ok(s.clock.ms() >= STUCK_MS && s.clock.ms() < 2 * STUCK_MS);
});

test('an accepted record that moves on late is no limbo', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => {
    i.taskState = 'rebuilding';
    const r = s.cloud.record({ instanceId: i.id });
    s.clock.after(500_000, () => s.cloud.move(r, 'pre-migrating', 'compute-2'));
    s.clock.after(2_000_000, () => {
      Object.assign(i, { host: 'compute-2', taskState: null });
      s.cloud.move(r, 'done');
    });
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'recovered');
});

test('a destination that died makes it stuck, with its name; one that blinks does not', async () => {
  for (const [backAfter, kind] of [
    [3_600_000, 'stuck'],
    [30_000, 'recovered'],
  ] as const) {
    const s = setup();
    const destination = s.cloud.nodes.get('compute-2');
    s.cloud.onEvacuate = (i) => {
      s.cloud.work(i, 'compute-2', 300_000);
      s.clock.after(20_000, () => destination && (destination.state = 'down'));
      s.clock.after(20_000 + backAfter, () => destination && (destination.state = 'up'));
    };
    const result = await s.evacuate(s.input(newInstance('web')));
    assert.equal(result.kind, kind);
    if (result.kind === 'stuck') assert.equal(result.destination, 'compute-2');
  }
});

test('two open records for one instance stop it', async () => {
  const s = setup();
  s.cloud.onEvacuate = (i) => {
    s.cloud.record({ instanceId: i.id });
    s.cloud.record({ instanceId: i.id });
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.match(result.kind === 'stuck' ? result.reason : '', /two evacuations.*101.*102/);
});

test('past a record that a person named it sends again, whichever of the two records Nova then works on', async () => {
  for (const works of ['old', 'new'] as const) {
    const s = setup();
    const input = s.input(newInstance('web', { taskState: 'rebuilding' }), {}, { ignoreRecord: 101 });
    const old = s.cloud.record({ instanceId: 'id-web' });
    s.cloud.onEvacuate = (i) => {
      const fresh = s.cloud.record({ instanceId: i.id });
      const used = works === 'old' ? old : fresh;
      s.clock.after(1_000, () => s.cloud.move(used, 'pre-migrating', 'compute-2'));
      s.clock.after(9_000, () => {
        Object.assign(i, { host: 'compute-2', taskState: null });
        s.cloud.move(used, 'done');
      });
    };
    const result = await s.evacuate(input);
    assert.equal(result.kind === 'recovered' && result.record, works === 'old' ? 101 : 102, works);
    assert.equal(s.cloud.count('evacuate'), 1);
  }
});

test('an adopted evacuation is watched, and nothing is sent', async () => {
  const s = setup();
  const web = newInstance('web', { taskState: 'rebuilding' });
  const input = s.input(web, { decision: 'adopt', rebuilding: true });
  const r = s.cloud.record({ id: 99, instanceId: web.id, status: 'pre-migrating', destCompute: 'compute-3' });
  s.clock.after(60_000, () => {
    Object.assign(web, { host: 'compute-3', taskState: null });
    s.cloud.move(r, 'done');
  });
  const result = await s.evacuate(input);
  assert.deepEqual(result.kind === 'recovered' && [result.record, result.posts], [99, 0]);
  assert.deepEqual([s.cloud.count('evacuate'), s.cloud.count('lock')], [0, 0]);
});

test('an adopted evacuation that failed is told as failed; the next try sends', async () => {
  const s = setup();
  const web = newInstance('web', { taskState: 'rebuilding' });
  const input = s.input(web, { decision: 'adopt', rebuilding: true });
  const r = s.cloud.record({ id: 99, instanceId: web.id });
  s.clock.after(60_000, () => {
    web.taskState = null;
    s.cloud.move(r, 'failed');
  });
  const first = await s.evacuate(input);
  assert.deepEqual(first.kind === 'failed' && [first.record, first.posts, first.retryable], [99, 0, true]);
  assert.equal((await s.evacuate(input)).kind, 'recovered');
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('an evacuation that began before us and appears only now is adopted, not doubled', async () => {
  const s = setup();
  const web = newInstance('web');
  const input = s.input(web);
  const r = s.cloud.record({ id: 99, instanceId: web.id, status: 'pre-migrating', destCompute: 'compute-3' });
  s.clock.after(60_000, () => {
    web.host = 'compute-3';
    s.cloud.move(r, 'done');
  });
  assert.equal((await s.evacuate(input)).kind, 'recovered');
  assert.equal(s.cloud.count('evacuate'), 0);
});

const migrating = () => {
  const s = setup();
  const web = newInstance('web', { taskState: 'migrating' });
  const input = s.input(web, { decision: 'hold' });
  const r = s.cloud.record({ instanceId: web.id, type: 'live-migration', status: 'running', destCompute: 'compute-3' });
  return { s, web, input, r };
};

test('a live migration in flight holds the instance until its record is final', async () => {
  const { s, web, input, r } = migrating();
  s.clock.after(60_000, () => {
    web.taskState = null;
    s.cloud.move(r, 'error');
  });
  assert.equal((await s.evacuate(input)).kind, 'recovered');
  assert.ok((s.cloud.calls.find((c) => c.what === 'evacuate')?.at ?? 0) >= 60_000);
});

test('a live migration that arrived is gone from here, with nothing sent', async () => {
  const { s, web, input, r } = migrating();
  s.clock.after(60_000, () => {
    Object.assign(web, { host: 'compute-3', taskState: null });
    s.cloud.move(r, 'completed');
  });
  const result = await s.evacuate(input);
  assert.match(result.kind === 'gone' ? result.reason : '', /live migration to compute-3/);
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('a live migration in limbo waits for a person, who may name its record', async () => {
  const { s, web, input, r } = migrating();
  const result = await s.evacuate(input);
  assert.deepEqual(result.kind === 'stuck' && [result.record, result.destination], [r.id, 'compute-3']);
  assert.match(result.kind === 'stuck' ? result.reason : '', /skip it.*retry naming record 101/);
  const again = await s.evacuate({ ...input, ignoreRecord: r.id });
  assert.equal(again.kind, 'recovered');
  assert.equal(web.host, 'compute-2');
});
