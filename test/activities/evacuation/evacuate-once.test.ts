// Nova's evacuate is not idempotent: a second POST is a second rebuild. What may be on its way is looked for, never sent again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MARKER, newInstance, NODE, NovaError, timeout, unavailable } from './fake-cloud.ts';
import { setup } from './setup.ts';

const HORIZON_MS = 90_000;

test('a lost reply whose evacuation shows up is watched to its end, with one POST', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.before.evacuate = () => {
    s.clock.after(25_000, () => s.cloud.work(web, 'compute-3'));
    throw timeout();
  };
  const result = await s.evacuate(s.input(web));
  assert.deepEqual(result.kind === 'recovered' && [result.host, result.posts], ['compute-3', 1]);
  assert.equal(s.cloud.count('evacuate'), 1);
});

for (const [name, e] of [
  ['timeout', timeout()],
  ['503', unavailable()],
] as const)
  test(`a POST lost to a ${name} with nothing to be seen is told as failed after the horizon, never sent twice`, async () => {
    const s = setup();
    s.cloud.before.evacuate = () => {
      throw e;
    };
    const result = await s.evacuate(s.input(newInstance('web')));
    assert.deepEqual(result.kind === 'failed' && [result.posts, result.retryable, result.record], [1, true, null]);
    assert.equal(s.cloud.count('evacuate'), 1);
    assert.ok(s.clock.ms() >= HORIZON_MS);
  });

test('a POST whose reply was lost is not sent again by the attempt, though the next one would be taken', async () => {
  const s = setup();
  s.cloud.before.evacuate = () => {
    delete s.cloud.before.evacuate;
    throw timeout();
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'failed');
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('a 500 that left a record in `accepted` is in limbo: a person is asked, with the record named', async () => {
  const s = setup();
  s.cloud.before.evacuate = (id: string) => {
    const i = s.cloud.instances.get(id);
    if (i) i.taskState = 'rebuilding';
    s.cloud.record({ instanceId: id });
    throw new NovaError(500, 'server', 'MessageDeliveryFailure');
  };
  const result = await s.evacuate(s.input(newInstance('web')));
  assert.deepEqual(result.kind === 'stuck' && [result.record, result.destination], [101, null]);
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('a second attempt finds the evacuation of the first and sends nothing', async () => {
  const s = setup();
  const web = newInstance('web');
  const input = s.input(web);
  s.clock.after(30_000, () => s.cloud.work(web, 'compute-2'));
  const result = await s.evacuate(input, 2);
  assert.deepEqual(result.kind === 'recovered' && result.posts, 0);
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('a second attempt sends only after a whole horizon in which nothing was seen', async () => {
  const s = setup();
  const result = await s.evacuate(s.input(newInstance('web')), 2);
  assert.equal(result.kind, 'recovered');
  const sent = s.cloud.calls.find((c) => c.what === 'evacuate');
  assert.ok(sent && sent.at >= HORIZON_MS, `sent at ${sent?.at}`);
});

test('time that an earlier attempt only looked counts, but never more than half of the horizon', async () => {
  const sentAt = async (quietMs: number) => {
    const s = setup();
    await s.evacuate(s.input(newInstance('web')), 3, { quietMs, past: 100, ignored: null });
    return s.cloud.calls.find((c) => c.what === 'evacuate')?.at ?? Infinity;
  };
  const short = await sentAt(40_000);
  assert.ok(short >= 50_000 && short < HORIZON_MS, `sent at ${short}`);
  assert.ok((await sentAt(80_000)) >= HORIZON_MS);
});

test('a wall clock that leaps ahead shortens no horizon: a POST that comes late is watched, and none is sent beside it', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.before.evacuate = () => {
    s.clock.after(10_000, () => s.clock.jumpWall(3_600_000));
    s.clock.after(60_000, () => s.cloud.work(web, 'compute-3'));
    throw timeout();
  };
  const result = await s.evacuate(s.input(web));
  assert.deepEqual(result.kind === 'recovered' && result.posts, 1);
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('a rebuilding task state that the snapshot did not have is ours, before any record shows', async () => {
  const s = setup();
  const web = newInstance('web', { taskState: 'rebuilding' });
  s.clock.after(20_000, () => s.cloud.work(web, 'compute-2'));
  const result = await s.evacuate(s.input(web));
  assert.equal(result.kind, 'recovered');
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('nothing is sent unless the run says yes right before it', async () => {
  const answers: (() => Promise<{ ok: boolean; why: string }>)[] = [
    async () => ({ ok: false, why: 'paused by ann' }),
    async () => Promise.reject(new Error('query timed out')),
    () => new Promise(() => undefined),
  ];
  for (const now of answers) {
    const s = setup();
    s.answer.now = now;
    assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'notPosted');
    assert.equal(s.cloud.count('evacuate'), 0);
    assert.deepEqual(s.asked.length, 1);
  }
});

test('the question names the attempt, so that one that was given up is told no', async () => {
  const s = setup();
  await s.evacuate(s.input(newInstance('web')), 2);
  assert.deepEqual([s.asked[0]?.attempt, s.asked[0]?.activityId, s.asked[0]?.instance], [2, '7', 'id-web']);
});

test("nothing is sent when the node's row is not as we left it", async () => {
  const changes = [
    { updatedAt: '2026-08-01T12:00:05.000000' },
    { forcedDown: false },
    { status: 'enabled' as const },
    { disabledReason: 'ann looks at it' },
    { disabledReason: `${MARKER}:aborted` },
    { serviceId: 'another' },
    { state: 'unknown' as const },
  ];
  for (const change of changes) {
    const s = setup();
    const input = s.input(newInstance('web'));
    Object.assign(s.cloud.nodes.get(NODE) ?? {}, change);
    assert.equal((await s.evacuate(input)).kind, 'notPosted', JSON.stringify(change));
    assert.equal(s.cloud.count('evacuate'), 0);
  }
});

test('an instance that changed after the first look is sorted again before the POST', async () => {
  const s = setup();
  const web = newInstance('web');
  s.cloud.before.lock = () => {
    web.vmState = 'paused';
  };
  assert.equal((await s.evacuate(s.input(web))).kind, 'kept');
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('a permission that ran out is asked for again, and with it the look', async () => {
  const s = setup();
  s.answer.now = async () => {
    if (s.asked.length === 1) await s.clock.sleep(1_500);
    return { ok: true, why: '' };
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'recovered');
  assert.equal(s.asked.length, 2);
});

test('a machine that slept between permission and POST asks again', async () => {
  const s = setup();
  s.answer.now = async () => {
    if (s.asked.length === 1) s.clock.jumpWall(3_600_000);
    return { ok: true, why: '' };
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'recovered');
  assert.equal(s.asked.length, 2);
});

test('a request that had to queue until the permission ran out is not sent', async () => {
  const s = setup();
  const { evacuate } = s.cloud.compute;
  s.cloud.compute.evacuate = async (id, target, o) => {
    await s.clock.sleep(10_000);
    await evacuate(id, target, o);
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'notPosted');
  assert.equal(s.cloud.count('evacuate'), 0);
});

test('reads that fail are no verdict: it looks on, and sends once Nova answers', async () => {
  const s = setup();
  let broken = true;
  s.clock.after(30_000, () => (broken = false));
  s.cloud.before.instance = () => {
    if (broken) throw unavailable();
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'recovered');
});

test('reads that fail for ever end it as not posted, when nothing can have been sent', async () => {
  const s = setup();
  s.cloud.before.instance = () => {
    throw unavailable();
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'notPosted');
});

test('a cancel while a POST is under way waits for its answer; the next attempt finds what was sent', async () => {
  const s = setup();
  const web = newInstance('web');
  let cancel = (): void => undefined;
  s.cloud.before.evacuate = async () => {
    cancel();
    await s.clock.sleep(5_000);
  };
  const { env, result } = s.begin(s.input(web));
  cancel = () => env.cancel('WORKER_SHUTDOWN');
  await assert.rejects(result, /WORKER_SHUTDOWN/);
  assert.equal(s.cloud.records.length, 1);
  assert.equal((await s.evacuate(s.input(web), 2)).kind, 'recovered');
  assert.equal(s.cloud.count('evacuate'), 1);
});

test('heartbeats at least every second while it works, and carries how long it has only looked', async () => {
  const s = setup();
  await s.evacuate(s.input(newInstance('web')), 2);
  const gaps = s.beats.slice(1).map((b, n) => b.at - (s.beats[n]?.at ?? 0));
  assert.ok(Math.max(...gaps) <= 1_000, `a gap of ${Math.max(...gaps)} ms`);
  const quiet = s.beats.map((b) => (b.details as { quietMs: number }).quietMs);
  assert.ok(Math.max(...quiet) >= 80_000);
  assert.equal(quiet.at(-1), 0);
});

test('a call that hangs beyond every limit silences the heartbeat, so that another worker takes over', async () => {
  const s = setup();
  s.cloud.before.instance = () => s.clock.sleep(600_000);
  await s.evacuate(s.input(newInstance('web')));
  const last = s.beats.filter((b) => b.at < 600_000).at(-1);
  assert.ok(last && last.at <= 90_000, `last heartbeat at ${last?.at}`);
});
