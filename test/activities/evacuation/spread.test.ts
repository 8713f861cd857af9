// `target: spread` deals instances out over the destinations, so that no node gets a burst of them; where more than size decides,
// or where it went wrong, Nova's scheduler chooses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceView } from '../../../workflows/domain.ts';
import { newInstance, NODE, NovaError } from './fake-cloud.ts';
import { setup, type Setup } from './setup.ts';

const WIDE = { VCPU: 64, MEMORY_MB: 99_999, DISK_GB: 999 };

/** Two destinations with room, the second with more of it. */
function spread(): Setup {
  const s = setup('spread');
  s.cloud.candidates = [
    { provider: 'compute-2', free: WIDE },
    { provider: 'compute-3', free: { ...WIDE, MEMORY_MB: 199_999 } },
  ];
  s.cloud.onEvacuate = (i) => s.cloud.work(i, targetOf(s, i.id) ?? 'compute-3');
  return s;
}

const targetOf = (s: Setup, id: string): string | undefined =>
  (s.cloud.calls.findLast((c) => c.what === 'evacuate' && c.id === id)?.options as { target?: string } | undefined)
    ?.target;

const targetsOf = (s: Setup): (string | undefined)[] =>
  s.cloud.calls.filter((c) => c.what === 'evacuate').map((c) => (c.options as { target?: string } | undefined)?.target);

const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `i${i}`);

test('a burst is dealt out evenly, however much more memory one destination has', async () => {
  const s = spread();
  s.policy.evacuation.perDestination = 8;
  const results = await Promise.all(names(12).map((n) => s.evacuate(s.input(newInstance(n)))));
  assert.ok(results.every((r) => r.kind === 'recovered'));
  const counts = ['compute-2', 'compute-3'].map((h) => targetsOf(s).filter((t) => t === h).length);
  assert.deepEqual(counts, [6, 6]);
});

test('each destination has at most so many in flight', async () => {
  const s = spread();
  s.policy.evacuation.perDestination = 2;
  const open: Record<string, number> = {};
  let most = 0;
  s.cloud.onEvacuate = (i) => {
    const host = targetOf(s, i.id) ?? '';
    open[host] = (open[host] ?? 0) + 1;
    most = Math.max(most, open[host]);
    s.cloud.work(i, host);
    s.clock.after(10_000, () => (open[host] = (open[host] ?? 0) - 1));
  };
  const results = await Promise.all(names(9).map((n) => s.evacuate(s.input(newInstance(n)))));
  assert.ok(results.every((r) => r.kind === 'recovered'));
  assert.equal(most, 2);
});

test('whoever asked for no zone is dealt to all of them, whoever asked for one only to its hosts', async () => {
  const dealt = async (change: Partial<InstanceView>): Promise<Set<string | undefined>> => {
    const s = spread();
    Object.assign(s.cloud.nodes.get('compute-3') ?? {}, { zone: 'elsewhere' });
    await Promise.all(names(4).map((n) => s.evacuate(s.input(newInstance(n, change)))));
    return new Set(targetsOf(s));
  };
  assert.deepEqual(await dealt({ pinnedZone: null }), new Set(['compute-2', 'compute-3']));
  assert.deepEqual(await dealt({ pinnedZone: 'elsewhere' }), new Set(['compute-3']));
});

test('a destination without room, or of another zone where nobody knows which was asked for, is dealt nothing', async () => {
  const s = spread();
  s.cloud.candidates = [
    { provider: 'compute-2', free: { VCPU: 1, MEMORY_MB: 600, DISK_GB: 10 } },
    { provider: 'compute-3', free: WIDE },
  ];
  await Promise.all(names(4).map((n) => s.evacuate(s.input(newInstance(n)))));
  assert.ok(targetsOf(s).filter((t) => t === 'compute-2').length <= 1);
  const z = spread();
  Object.assign(z.cloud.nodes.get('compute-3') ?? {}, { zone: 'elsewhere' });
  await Promise.all(names(4).map((n) => z.evacuate(z.input(newInstance(n)))));
  assert.deepEqual(new Set(targetsOf(z)), new Set(['compute-2']));
});

test('what a server group, an aggregate or a trait decides is left to the scheduler', async () => {
  const changes: Partial<InstanceView>[] = [
    { serverGroups: ['anti'] },
    { flavor: { ...newInstance('x').flavor, extraSpecs: { 'aggregate_instance_extra_specs:ssd': 'true' } } },
    { flavor: { ...newInstance('x').flavor, extraSpecs: { 'trait:HW_GPU': 'required' } } },
  ];
  for (const change of changes) {
    const s = spread();
    s.cloud.onEvacuate = (i) => s.cloud.work(i, 'compute-3');
    assert.equal((await s.evacuate(s.input(newInstance('web', change)))).kind, 'recovered');
    assert.deepEqual(targetsOf(s), [undefined]);
  }
  const pinned = spread();
  const extraSpecs = { 'hw:cpu_policy': 'shared', 'quota:vif_inbound_average': '1' };
  await pinned.evacuate(pinned.input(newInstance('web', { flavor: { ...newInstance('x').flavor, extraSpecs } })));
  assert.notEqual(targetsOf(pinned)[0], undefined);
});

test('where the chosen host could not take it, the next try is left to the scheduler, even from ERROR', async () => {
  const s = spread();
  s.cloud.onEvacuate = (i) => {
    Object.assign(i, { taskState: null, vmState: 'error', fault: 'No valid host was found.' });
    s.cloud.record({ instanceId: i.id, status: 'error' });
  };
  const web = newInstance('web');
  const first = await s.evacuate(s.input(web));
  assert.deepEqual([first.kind, first.kind === 'failed' && first.retryable], ['failed', true]);
  s.cloud.onEvacuate = (i) => s.cloud.work(Object.assign(i, { vmState: 'active' }), 'compute-3');
  const again = s.input(web, { vmState: 'active' }, { anyHost: true, lastEvacuationId: 101 });
  assert.equal((await s.evacuate(again)).kind, 'recovered');
  assert.equal(targetsOf(s).length, 2);
  assert.notEqual(targetsOf(s)[0], undefined);
  assert.equal(targetsOf(s)[1], undefined);
});

test('what Nova refuses is told as before', async () => {
  const s = spread();
  s.cloud.before.evacuate = () => {
    throw new NovaError(403, 'forbidden', 'no');
  };
  assert.equal((await s.evacuate(s.input(newInstance('web')))).kind, 'halt');
  assert.ok(s.cloud.nodes.has(NODE));
});
