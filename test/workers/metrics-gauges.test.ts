import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchGauges } from '../../workers/metrics-watch.ts';
import type { Meter } from '../../workers/metrics.ts';
import type { RunState, WatchState } from '../../workflows/contract.ts';

/** Keeps what was set last: `lifeboat_nodes_held{gate=share}` → 3. */
function keeping(): { meter: Meter; values: Map<string, number> } {
  const values = new Map<string, number>();
  const make = (tags: Record<string, unknown>): Meter =>
    ({
      withTags: (more: Record<string, unknown>) => make({ ...tags, ...more }),
      createGauge: (name: string) => ({
        set: (value: number, more: Record<string, unknown> = {}) => {
          const { cloud: _cloud, ...rest } = { ...tags, ...more } as Record<string, unknown>;
          const labels = Object.entries(rest).map(([k, v]) => `${k}=${String(v)}`);
          values.set(labels.length > 0 ? `${name}{${labels.join()}}` : name, value);
        },
      }),
    }) as unknown as Meter;
  return { meter: make({}), values };
}

const watch = {
  ...{ cloud: 'prod', mode: 'auto', paused: null, sight: null, open: [], held: {}, alarms: [] },
} as Partial<WatchState> as WatchState;

const run = (phase: RunState['phase'], more: Partial<RunState> = {}): RunState =>
  ({ phase, question: null, proof: null, guard: { seeing: 'none', at: null, saw: '' }, ...more }) as RunState;

test('the watch is told as it is: phases, gates, alarms, questions, guards; what is over becomes 0', () => {
  const { meter, values } = keeping();
  const set = watchGauges(meter, () => 1_000_000);
  const question = { what: '', answers: [], commands: [], since: '1970-01-01T00:10:00.000Z' };
  const proof: RunState['proof'] = { kind: 'power', level: 'bmc', devices: [], readAt: '', witness: '' };
  const off = { seeing: 'off', at: null, saw: '' } as const;
  set({
    watch: {
      ...watch,
      paused: { by: 'ann', reason: '', at: '' },
      held: { a: 'share: 3 of 8', b: 'share: 3 of 8', c: 'carries: it carries us' },
      alarms: ['storm', 'observe:a', 'observe:b'],
    },
    runs: [run('blocked', { question }), run('evacuating', { proof, guard: off }), null],
  });
  const at = (key: string) => values.get(`lifeboat_${key}`);
  assert.equal(at('recoveries_open{phase=blocked}'), 1);
  assert.equal(at('recoveries_open{phase=evacuating}'), 1);
  assert.equal(at('recoveries_open{phase=unknown}'), 1, 'one that does not answer is not left out');
  assert.equal(at('recoveries_open{phase=fencing}'), 0);
  assert.equal(at('guards{seeing=off}'), 1);
  assert.equal(at('guards{seeing=none}'), 0, 'a run without a proof has no guard');
  assert.equal(at('questions_open'), 1);
  assert.equal(at('oldest_question_timestamp_seconds'), 600);
  assert.equal(at('nodes_held{gate=share}'), 2);
  assert.equal(at('nodes_held{gate=carries}'), 1);
  assert.equal(at('alarms_open{alarm=observe}'), 2);
  assert.equal(at('paused'), 1);
  assert.equal(at('mode{mode=auto}'), 1);
  assert.equal(at('watch_answered_timestamp_seconds'), 1_000);

  set({ watch: { ...watch, mode: 'observe' }, runs: [] });
  assert.equal(at('nodes_held{gate=share}'), 0);
  assert.equal(at('alarms_open{alarm=observe}'), 0);
  assert.equal(at('recoveries_open{phase=blocked}'), 0);
  assert.equal(at('oldest_question_timestamp_seconds'), 0);
  assert.equal(at('mode{mode=auto}'), 0);
  assert.equal(at('mode{mode=observe}'), 1);
});

test('devices are told by health as the last probe found them; before the first probe there is no number', () => {
  const { meter, values } = keeping();
  const set = watchGauges(meter);
  const at = (key: string) => values.get(`lifeboat_${key}`);
  set({ watch: { ...watch, devices: null }, runs: [] });
  assert.equal(at('fence_devices{health=ok}'), undefined);
  const devices = { readAt: '1970-01-01T01:00:00.000Z', counts: { ok: 39, auth: 1 }, bare: 2, broken: [] };
  set({ watch: { ...watch, devices }, runs: [] });
  assert.equal(at('fence_devices{health=ok}'), 39);
  assert.equal(at('fence_devices{health=auth}'), 1);
  assert.equal(at('fence_devices{health=contradiction}'), 0);
  assert.equal(at('nodes_without_fence_device'), 2);
  assert.equal(at('fence_devices_read_timestamp_seconds'), 3_600);
  assert.equal(at('drill_timestamp_seconds'), undefined);
  set({
    watch: { ...watch, drill: { readAt: '1970-01-01T01:00:00.000Z', trouble: '', nodes: 41, works: 39 } },
    runs: [],
  });
  assert.deepEqual([at('drill_nodes{works=true}'), at('drill_nodes{works=false}')], [39, 2]);
  assert.equal(at('drill_timestamp_seconds'), 3_600);
  set({ watch: { ...watch, devices: { ...devices, counts: { ok: 40 } } }, runs: [] });
  assert.equal(at('fence_devices{health=auth}'), 0, 'what is over becomes 0');
});
