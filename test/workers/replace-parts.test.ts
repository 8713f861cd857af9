// A configuration is replaced whole: what changed is made anew, what runs goes on with what it began with, and what cannot be made
// changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenStack } from '../../activities/openstack/types.ts';
import { parseConfig, type Config } from '../../workers/config.ts';
import { driverSource, type DriverSource } from '../../workers/deps.ts';
import { LiveActivities } from '../../workers/live-activities.ts';
import { Parts, type ActivityQueue, type Replaceable } from '../../workers/replace-parts.ts';
import { createSecrets } from '../../workers/secrets.ts';

const device = (domain: string): string =>
  `fencing: { levels: [{ name: one, devices: [{ driver: libvirt, nodes: [c1], options: { uri: 'qemu:///s', domain: ${domain} } }] }] }`;
const config = (text: string): Config => parseConfig(`cloud: prod\n${text}\n`, '/nowhere/lifeboat.yaml');

interface Stage {
  parts: Parts;
  live: Record<'fencing' | 'guard' | 'notification', LiveActivities>;
  made: string[];
  closed: string[];
  replaced: () => boolean;
}

async function stage(first: Config, fail: { queue?: ActivityQueue } = {}): Promise<Stage> {
  const secrets = createSecrets({ env: {} });
  const source = driverSource(first, secrets, { openstack: {} as OpenStack });
  const closed: string[] = [];
  const watched: DriverSource = {
    ...source,
    closePart: async (part) => {
      closed.push(part);
      await source.closePart(part);
    },
  };
  const made: string[] = [];
  const make = async (queue: ActivityQueue, of: Config, from: DriverSource): Promise<object> => {
    if (fail.queue === queue) throw new Error(`${queue} cannot be made`);
    made.push(queue);
    if (queue === 'notification') return { who: () => of.notification.admins.length };
    const { devices } = (await from.get('fencing')).levelsOf('c1')[0]!;
    return { who: () => devices[0]!.label, wait: (until: Promise<void>) => until.then(() => devices[0]!.label) };
  };
  const queues = await Promise.all(
    (['fencing', 'guard', 'notification'] as const).map(async (queue): Promise<Replaceable> => {
      const live = new LiveActivities(await make(queue, first, watched));
      return { queue, live, replaced: new AbortController() };
    }),
  );
  made.length = 0;
  const [fencing, guard, notification] = queues.map(({ live }) => live) as [
    LiveActivities,
    LiveActivities,
    LiveActivities,
  ];
  const before = queues[0]!.replaced.signal;
  const parts = new Parts({ config: first, secrets, source: watched, queues, make });
  return { parts, live: { fencing, guard, notification }, made, closed, replaced: () => before.aborted };
}

const call = (live: LiveActivities, name: string, ...args: unknown[]): Promise<unknown> =>
  live.delegates[name]!(...(args as never[])) as Promise<unknown>;
const unheard = (): void => undefined;

test('only what changed is made anew, and the next call gets it', async () => {
  const { parts, live, made, closed, replaced } = await stage(config(device('a')));
  assert.deepEqual(await parts.replace(config(device('a')), unheard), []);
  assert.deepEqual(await parts.replace(config(device('b')), unheard), ['power devices']);
  assert.deepEqual(made, ['fencing', 'guard']);
  assert.equal(await call(live.fencing, 'who'), 'libvirt b');
  assert.deepEqual([closed, replaced()], [['fencing'], true]);
  const people = `${device('b')}\nnotification: { admins: [ops@example.org] }`;
  assert.deepEqual(await parts.replace(config(people), unheard), ['notification']);
  assert.equal(await call(live.notification, 'who'), 1);
});

test('a call that runs keeps its devices until it has ended, and only then they are closed', async () => {
  const { parts, live, closed } = await stage(config(device('a')));
  let end = unheard;
  const guarding = call(live.guard, 'wait', new Promise<void>((resolve) => (end = resolve)));
  await parts.replace(config(device('b')), unheard);
  assert.equal(await call(live.guard, 'who'), 'libvirt b');
  assert.deepEqual(closed, []);
  end();
  assert.equal(await guarding, 'libvirt a');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(closed, ['fencing']);
});

test('where one part cannot be made, nothing is replaced', async () => {
  const fail: { queue?: ActivityQueue } = {};
  const { parts, live, closed, replaced } = await stage(config(device('a')), fail);
  const next = config(`${device('b')}\nnotification: { admins: [ops@example.org] }`);
  fail.queue = 'notification';
  await assert.rejects(parts.replace(next, unheard), /notification cannot be made/);
  assert.deepEqual([await call(live.fencing, 'who'), await call(live.notification, 'who')], ['libvirt a', 0]);
  assert.deepEqual([closed, replaced()], [[], false]);
  delete fail.queue;
  assert.deepEqual(await parts.replace(next, unheard), ['power devices', 'notification']);
});

test('options that a driver refuses are found before anything is replaced', async () => {
  const { parts, live } = await stage(config(device('a')));
  const driver = './none.mjs';
  const next = config(device('b').replace('libvirt', driver));
  await assert.rejects(parts.replace(next, unheard), /none\.mjs: cannot be loaded/);
  assert.equal(await call(live.fencing, 'who'), 'libvirt a');
});

test('the policy that is replaced is told, so that the watch may not know of the new one for a moment', async () => {
  const first = config(device('a'));
  const { parts } = await stage(first);
  const told: string[] = [];
  await parts.replace(config(`${device('a')}\ntimings: { settle: 10s }`), (hash) => told.push(hash));
  assert.deepEqual(told, [first.policyHash]);
});
