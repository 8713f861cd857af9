import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { FenceDevice, PowerReading } from '../../activities/fencing/driver.ts';
import { gaugeDevices, HEALTHS } from '../../workers/metrics-devices.ts';
import { watchGauges } from '../../workers/metrics-watch.ts';
import type { Meter } from '../../workers/metrics.ts';
import type { RunState, WatchState } from '../../workflows/contract.ts';
import type { NodeView } from '../../workflows/domain.ts';
import { until } from '../support/until.ts';

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

const node = (host: string, more: Partial<NodeView> = {}): NodeView =>
  ({ host, state: 'up', status: 'enabled', disabledReason: null, ...more }) as NodeView;

function device(label: string, readings: () => Partial<PowerReading>): FenceDevice & { asked: number } {
  const made = {
    label,
    asked: 0,
    status: async (): Promise<PowerReading> => {
      made.asked++;
      return { power: 'on', detail: `${label} says`, identityConfirmed: true, ...readings() };
    },
    off: () => assert.fail('a probe never switches'),
    on: () => assert.fail('a probe never switches'),
    confirmCommand: () => '',
  };
  return made;
}

test('devices are read, never switched; a wrong password is not tried each time; an open recovery has its device for itself', async (t) => {
  const { meter, values } = keeping();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const run = '01a20893-f60e-71cd-911f-cea6b5753b9b';
  const devices = {
    'compute-1': device('one', () => ({})),
    'compute-2': device('two', () => ({ power: 'unknown', fault: 'auth', detail: 'wrong password' })),
    'compute-3': device('three', () => ({ power: 'off' })),
    'compute-4': device('four', () => ({})),
  };
  const nodes = [
    ...[node('compute-1'), node('compute-2'), node('compute-3'), node('bare')],
    node('compute-4', { disabledReason: `lifeboat:${run}`, state: 'down' }),
  ];
  const said: string[] = [];
  let rounds = 0;
  const done = gaugeDevices({
    fencing: {
      levelsOf: (host) => {
        const found = devices[host as keyof typeof devices];
        return found ? [{ name: 'bmc', kind: 'power', devices: [found] }] : [];
      },
    },
    nodes: async (signal) => {
      rounds++;
      if (rounds > 4) await once(signal, 'abort');
      return nodes;
    },
    ...{
      cloud: 'prod',
      meter,
      redact: (text) => text,
      signal: stop.signal,
      statusMs: 5_000,
      everyMs: 1,
      firstAfterMs: 0,
    },
    logger: { warn: (line) => void said.push(line) },
  });
  await until(() => rounds > 4, { what: 'four rounds are over' });
  stop.abort();
  await done;
  assert.equal(devices['compute-4'].asked, 0);
  assert.equal(devices['compute-1'].asked, 4);
  assert.equal(devices['compute-2'].asked, 1);
  const at = (health: string) => values.get(`lifeboat_fence_devices{health=${health}}`);
  assert.equal(at('ok'), 1);
  assert.equal(at('auth'), 1, 'and it is still told');
  assert.equal(at('contradiction'), 1, 'off, says the device of a node that is up');
  assert.equal(
    HEALTHS.reduce((sum, health) => sum + at(health)!, 0),
    3,
  );
  assert.equal(values.get('lifeboat_nodes_without_fence_device'), 1);
  assert.ok(said.some((line) => /a fence device of compute-2 would not serve: wrong password/.test(line)));
});
