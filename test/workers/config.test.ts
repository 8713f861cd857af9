import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_POLICY, DEFAULT_TIMINGS } from '../../workflows/defaults.ts';
import type { InstanceView } from '../../workflows/domain.ts';
import { decide, priorityOf, type Facts } from '../../workflows/policy.ts';
import { ConfigError, loadConfig, parseConfig } from '../../workers/config.ts';

/** The lines under `Cannot use lifeboat.yaml: n errors`. */
function problems(text: string): string[] {
  try {
    parseConfig(text, 'lifeboat.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map((line) => line.replace(/^lifeboat\.yaml:/, ''));
  }
  return [];
}

const config = (text: string) => parseConfig(`cloud: prod\n${text}`, 'lifeboat.yaml');

test('a cloud alone is a configuration: it observes, by the defaults', () => {
  const read = config('');
  assert.deepEqual(read.policy, { ...DEFAULT_POLICY, failedWhen: { all: ['nova-service', 'tcp'] } });
  assert.equal(read.policy.mode, 'observe');
  assert.deepEqual(
    read.monitoring.channels.map((c) => c.driver),
    ['nova-service', 'tcp'],
  );
});

test('what is given replaces the default, what is not stays', () => {
  const { policy } = config(`
mode: confirm
limits: { atOnce: 4 }
evacuation: { perNode: 3, states: { paused: reset } }
timings: { stale: 40s, stuck: 0.5h, powerOff: 20000, reminder: [0, 5m] }
`);
  assert.deepEqual(policy.limits, { ...DEFAULT_POLICY.limits, atOnce: 4 });
  assert.equal(policy.evacuation.perNode, 3);
  assert.deepEqual(policy.evacuation.states, { ...DEFAULT_POLICY.evacuation.states, paused: 'reset' });
  assert.deepEqual(policy.timings, {
    ...DEFAULT_TIMINGS,
    ...{ staleMs: 40_000, stuckMs: 1_800_000, powerOffMs: 20_000, reminderMs: [0, 300_000] },
  });
});

test('durations are scaled after their floors were checked, and that is said loudly', () => {
  const read = config('timeScale: 0.1\ntimings: { sweepEvery: 1s }');
  assert.equal(read.policy.timings.sweepEveryMs, 100);
  assert.equal(read.policy.timings.staleMs, DEFAULT_TIMINGS.staleMs / 10);
  assert.match(read.warnings.join(), /EVERY DURATION IS SCALED/);
  assert.deepEqual(problems('cloud: prod\ntimeScale: 10\ntimings: { sweepEvery: 100ms }').length, 1);
});

test('two files that mean the same have one hash, others have another', () => {
  const one = config('limits: { atOnce: 4, share: 0.5 }\nmode: confirm');
  const same = config('mode: confirm\nlimits:\n  share: 0.5\n  atOnce: 4\n');
  assert.equal(one.policyHash, same.policyHash);
  assert.notEqual(one.policyHash, config('limits: { atOnce: 4, share: 0.25 }\nmode: confirm').policyHash);
  assert.match(one.policyHash, /^[0-9a-f]{12}$/);
});

test('an unknown key is an error that names the nearest one, its place, or what is allowed', () => {
  assert.deepEqual(problems('cloud: prod\nmdoe: auto'), ['2: mdoe: unknown key (did you mean mode?)']);
  assert.deepEqual(problems('cloud: prod\nlimits:\n  samples: 3'), [
    '3: limits.samples: unknown key (it belongs to monitoring)',
  ]);
  assert.deepEqual(problems('cloud: prod\nlimits: { foo: 3 }'), [
    '2: limits.foo: unknown key (allowed here: atOnce, share, nodes, cliff, domains, ask, perHour, flaps, drains)',
  ]);
});

test('a wrong value is named with its line, what was expected, what stands there and an example', () => {
  assert.deepEqual(problems('cloud: prod\nlimits:\n  share: 25'), [
    '3: limits.share: expected a share of the fleet, more than 0 and at most 1, got 25 (example: share: 0.25)',
  ]);
  assert.deepEqual(problems('cloud: prod\nmode: automatic'), [
    '2: mode: expected one of observe, confirm, auto, got "automatic" (example: mode: observe)',
  ]);
  assert.deepEqual(problems('cloud: prod\ntimings:\n  sweepEvery: 5 sec'), [
    '3: timings.sweepEvery: expected a duration like 500ms, 30s, 10m or 1h, got "5 sec" (example: sweepEvery: 5s)',
  ]);
  assert.deepEqual(problems('cloud: prod\nconsole: temporal.example.org'), [
    '2: console: expected the address of the Temporal UI, got "temporal.example.org" (example: console: https://temporal.example.org)',
  ]);
  assert.deepEqual(problems(''), [
    '1: cloud: is missing, expected a name of letters, digits, dots and dashes (at most 40) (example: cloud: prod)',
  ]);
});

test('a duration below its floor is refused', () => {
  assert.deepEqual(problems('cloud: prod\ntimings: { powerHold: 1s }'), [
    '2: timings.powerHold: expected at least 3s, got 1s (a shorter one makes Lifeboat unsafe or useless) (example: powerHold: 3s)',
  ]);
});

test('durations that contradict each other are refused', () => {
  assert.deepEqual(problems('cloud: prod\ntimings:\n  novaPost: 2m'), [
    '2: timings.horizon: expected at least 125s, got 90s (longer than novaPost, or a lost POST could still be on its way when it is sent again)',
  ]);
  assert.deepEqual(problems('cloud: prod\ntimings:\n  reportInterval: 20s'), [
    '2: timings.stale: expected at least 40s, got 35s (two of reportInterval, or a healthy node looks stale)',
  ]);
});

test('nobody acts automatically on the word of one channel', () => {
  const refused = [
    'monitoring: { channels: [{ driver: tcp }] }',
    'monitoring: { failedWhen: { any: [nova-service, tcp] } }',
    'monitoring: { failedWhen: { all: [tcp, tcp] } }',
    'monitoring: { failedWhen: { atLeast: 1, of: [nova-service, tcp] } }',
  ];
  for (const monitoring of refused) {
    assert.deepEqual(problems(`cloud: prod\nmode: auto\n${monitoring}`), [
      '2: mode: auto is refused where one channel alone can call a node failed (use mode: confirm, or two channels that must agree: failedWhen: { all: [nova-service, tcp] })',
    ]);
    assert.deepEqual(problems(`cloud: prod\nmode: confirm\n${monitoring}`), []);
  }
  assert.deepEqual(problems('cloud: prod\nmode: auto'), []);
});

test('failedWhen names channels that exist, and no more than there are', () => {
  assert.deepEqual(problems('cloud: prod\nmonitoring:\n  failedWhen: { all: [nova-service, tpc] }'), [
    '3: monitoring.failedWhen: names tpc, which is no channel (did you mean tcp?)',
  ]);
  assert.deepEqual(problems('cloud: prod\nmonitoring:\n  failedWhen: { atLeast: 3, of: [nova-service, tcp] }'), [
    '3: monitoring.failedWhen.atLeast: expected at most 2, got 3 (so many channels it names)',
  ]);
  assert.deepEqual(problems('cloud: prod\nmonitoring:\n  failedWhen: { al: [tcp] }'), [
    '3: monitoring.failedWhen: expected one of all, any, or atLeast with of, got a block of keys (example: failedWhen: { all: [nova-service, tcp] })',
  ]);
});

test('two channels that hear of the nodes by one way are one witness', () => {
  const channels = (names: string) =>
    `cloud: prod\nmode: auto\nmonitoring:\n  channels: [{ driver: nova-service }, { driver: neutron-agent }, { driver: tcp }]\n  ${names}`;
  for (const rule of [
    'failedWhen: { all: [nova-service, neutron-agent] }',
    'failedWhen: { atLeast: 2, of: [nova-service, neutron-agent, tcp] }',
  ])
    assert.deepEqual(problems(channels(rule)), [
      '2: mode: auto is refused where nova-service and neutron-agent alone can call a node failed: both are told by the message queue (use mode: confirm, or let a channel of another kind agree: tcp, ping, bmc-power)',
    ]);
  assert.deepEqual(problems(channels('failedWhen: { all: [nova-service, neutron-agent, tcp] }')), []);
  assert.deepEqual(problems(channels('failedWhen: { atLeast: 2, of: [neutron-agent, tcp] }')), []);
});

test('a veto names channels that can say alive, and a rule those that can say failed', () => {
  const rule = (text: string): string[] =>
    problems(`cloud: prod
fencing: { levels: [{ name: bmc, devices: [{ driver: ipmi, options: { host: '{node}-bmc', user: u, password: { env: P } } }] }] }
monitoring:
  channels:
    - driver: nova-service
    - driver: tcp
    - driver: bmc-power
    - { driver: prometheus, name: seen, options: { url: 'https://p', query: up, meaning: alive } }
  failedWhen: ${text}`);
  assert.deepEqual(rule('{ all: [nova-service, bmc-power], veto: [tcp, seen] }'), []);
  assert.deepEqual(rule('{ all: [nova-service, tcp], veto: [bmc-power] }'), [
    '9: monitoring.failedWhen.veto: names bmc-power, which never says alive',
  ]);
  assert.deepEqual(rule('{ all: [nova-service, seen] }'), [
    '9: monitoring.failedWhen: names seen, which never says failed',
  ]);
  assert.deepEqual(rule('{ all: [nova-service], veto: [tpc] }'), [
    '9: monitoring.failedWhen.veto: names tpc, which is no channel (did you mean tcp?)',
  ]);
  const { policy } = parseConfig('cloud: prod\nmonitoring: { failedWhen: { all: [nova-service], veto: [tcp] } }', 'x');
  assert.deepEqual(policy.failedWhen, { all: ['nova-service'], veto: ['tcp'] });
});

test('a group of nodes has a rule of its own, held to the same rules', () => {
  const text = (mode: string, groups: string): string => `cloud: prod\nmode: ${mode}\nmonitoring:\n  groups: ${groups}`;
  const one = "[{ nodes: ['gpu-*'], failedWhen: { all: [tcp] } }]";
  assert.deepEqual(parseConfig(text('confirm', one), 'x').policy.groups, [
    { nodes: ['gpu-*'], failedWhen: { all: ['tcp'] } },
  ]);
  assert.equal('groups' in parseConfig('cloud: prod', 'x').policy, false);
  assert.match(problems(text('auto', one)).join(), /auto is refused where one channel alone .* \(groups 0\)/);
  assert.deepEqual(problems(text('observe', '[{ nodes: [gpu-1], failedWhen: { all: [tpc] } }]')), [
    '4: monitoring.groups[0].failedWhen: names tpc, which is no channel (did you mean tcp?)',
  ]);
  assert.equal(problems(text('observe', '[{ nodes: [], failedWhen: { all: [tcp] } }]')).length, 1);
  assert.equal(problems(text('observe', '[{ nodes: [gpu-1] }]')).length, 1);
});

test('what is done about a node in trouble has a default, a value and one for each group', () => {
  const { policy } = config('monitoring:\n  degraded: ignore\n  groups:\n    - { nodes: [gpu-1], degraded: tell }\n');
  assert.equal(policy.degraded, 'ignore');
  assert.deepEqual(policy.groups, [
    { nodes: ['gpu-1'], degraded: 'tell', failedWhen: { all: ['nova-service', 'tcp'] } },
  ]);
  assert.deepEqual(problems('cloud: prod\nmonitoring:\n  groups:\n    - { nodes: [gpu-1] }\n'), [
    '4: monitoring.groups[0]: says nothing of its nodes: mode, failedWhen or degraded',
  ]);
});

test('a channel that only tells of trouble is no member of the default rule', () => {
  const channels =
    'monitoring:\n  channels:\n    - driver: nova-service\n    - driver: tcp\n      options: { ports: [22] }\n' +
    '    - driver: command\n      name: raid\n      options: { program: check_raid, exitCodes: { 0: alive, 1: degraded } }\n';
  assert.deepEqual(config(channels).policy.failedWhen, { all: ['nova-service', 'tcp'] });
  const named = `${channels}  failedWhen: { all: [nova-service, raid] }\n`;
  assert.match(problems(`cloud: prod\n${named}`).join(), /names raid, which never says failed/);
});

test('a reserve is by zone unless an aggregate is named, and target reserved needs one', () => {
  const reserve = (text: string) => config(`evacuation: { reserve: ${text} }\n`).policy.evacuation.reserve;
  assert.deepEqual(reserve('{}'), { by: 'zone', reason: 'reserve*' });
  assert.deepEqual(reserve('{ by: aggregate, aggregates: [rack-*], reason: spare }'), {
    ...{ by: 'aggregate', aggregates: ['rack-*'], reason: 'spare' },
  });
  assert.equal(config('').policy.evacuation.reserve, undefined);
  const [why] = problems('cloud: prod\nevacuation:\n  options: { target: reserved }\n');
  assert.match(why!, /^3: evacuation.options.target: reserved: which nodes are reserved\?/);
  assert.match(
    problems('cloud: prod\nevacuation: { reserve: { aggregates: [a] } }\n').join(),
    /goes with by: aggregate/,
  );
});

test('rules of selection: a text, a number or true, alone or in a list; an entry that names nothing is refused', () => {
  const evacuation = (text: string) => config(`evacuation: { ${text} }\n`).policy.evacuation;
  assert.deepEqual(
    evacuation('leave: [{ name: db-*, metadata: { tier: [gold, 1] } }, { flavor: { evacuable: true } }]').leave,
    [{ name: ['db-*'], metadata: { tier: ['gold', '1'] } }, { flavor: { evacuable: ['true'] } }],
  );
  assert.deepEqual(evacuation('only: [{ tag: gold }]').only, [{ tag: ['gold'] }]);
  const why = (text: string) => problems(`cloud: prod\nevacuation: { ${text} }\n`).join();
  assert.match(
    why('leave: [{ metadata: gold }]'),
    /leave\[0\].metadata: expected metadata as a block .*got "gold" \(example/,
  );
  assert.match(why('leave: [{ naem: x }]'), /leave\[0\].naem: unknown key \(did you mean name\?\)/);
  assert.match(why('only: [{}]'), /only\[0\]: is empty: it would fit every instance/);
  assert.match(why('first: [db]'), /first\[0\]: expected a block of keys, got "db"/);
  assert.match(why('selection: all, only: [{ tag: a }]'), /selection: all: and evacuation.only says which/);
});

const view: InstanceView = {
  ...{
    id: 'i',
    name: 'web',
    projectId: 'p',
    userId: 'u',
    host: 'c',
    vmState: 'active',
    taskState: null,
    powerState: 1,
  },
  ...{ status: 'ACTIVE', locked: false, lockedReason: null, launchedAt: 't', volumeBacked: false, imageId: 'img' },
  ...{ az: null, metadata: {}, tags: [], serverGroups: [], fault: null },
  flavor: { name: 'm1', vcpus: 1, ram: 1, disk: 1, swap: 0, extraSpecs: {} },
};
/** What becomes of it under such a configuration, and when. */
const sorter = (text: string) => {
  const { policy } = config(`evacuation: { imageBackedDisks: shared, ${text} }\n`);
  return (change: Partial<InstanceView>, facts: Facts = {}) => {
    const context = { openEvacuation: null, openMigration: null, hardAffinity: false, facts };
    const i = { ...view, ...change };
    return [decide(i, context, policy).decision, priorityOf(i, policy, facts)];
  };
};

test('like masakari: all, those with HA_Enabled first by all its words for true, or only those; every state is made movable', () => {
  const all = sorter('like: masakari');
  for (const yes of ['True', 'yes', 'ON', '1', 't', 'y'])
    assert.deepEqual(all({ metadata: { HA_Enabled: yes } }), ['evacuate', 1]);
  for (const no of ['False', '0', 'no', '']) assert.deepEqual(all({ metadata: { HA_Enabled: no } }), ['evacuate', 0]);
  for (const vmState of ['error', 'paused', 'suspended', 'rescued', 'resized'])
    assert.equal(all({ vmState })[0], 'evacuate');
  const some = sorter('like: masakari, selection: opt-in, selectionKey: Ensure-My-HA');
  assert.equal(some({ metadata: { 'Ensure-My-HA': 'yes' } })[0], 'evacuate');
  assert.equal(some({ metadata: { HA_Enabled: 'yes' } })[0], 'keep');
  assert.equal(sorter('like: masakari, states: { paused: keep }')({ vmState: 'paused' })[0], 'keep', 'the file wins');
});

test('like instanceha: only what is tagged by flavor, image or aggregate, in the order of restart_priority', () => {
  const ha = sorter('like: instanceha');
  const untagged: Facts = { image: { properties: {}, tags: [] }, aggregates: [] };
  const flavor = (extraSpecs: Record<string, string>) => ({ flavor: { ...view.flavor, extraSpecs } });
  const of = (change: Partial<InstanceView>, facts: Facts = {}) => ha(change, { ...untagged, ...facts })[0];
  assert.equal(of({}), 'keep');
  assert.equal(of(flavor({ evacuable: 'true' })), 'evacuate');
  assert.equal(of(flavor({ 'trait:CUSTOM_evacuable': 'True' })), 'evacuate', 'a part of the key');
  assert.equal(of(flavor({ evacuable: 'false' })), 'keep');
  assert.equal(of({}, { image: { properties: { evacuable: 'true' }, tags: [] } }), 'evacuate');
  assert.equal(of({}, { image: { properties: {}, tags: ['evacuable'] } }), 'evacuate');
  assert.equal(of({}, { aggregates: [{ name: 'a', metadata: { evacuable: 'true' } }] }), 'evacuate');
  assert.equal(
    of({ vmState: 'paused' }, { image: { properties: {}, tags: ['evacuable'] } }),
    'keep',
    'ACTIVE, ERROR, SHUTOFF',
  );
  const number = (n?: string) => ha({ metadata: n === undefined ? {} : { 'instanceha:restart_priority': n } })[1];
  assert.deepEqual([number('900'), number(), number('100')], [900, 500, 100]);
  assert.equal(sorter('like: instanceha, selectionKey: my_tag')(flavor({ my_tag: 'true' }), untagged)[0], 'evacuate');
  assert.equal(sorter('like: instanceha, selection: all')({}, untagged)[0], 'evacuate');
  assert.match(
    problems('cloud: prod\nevacuation: { like: pacemaker }\n').join(),
    /like: expected one of masakari, instanceha, got/,
  );
});

test('a channel that reads fencing devices needs some', () => {
  assert.deepEqual(problems('cloud: prod\nmonitoring:\n  channels:\n    - driver: bmc-power'), [
    '4: monitoring.channels[0]: bmc-power reads the devices of fencing.levels, and none is configured',
  ]);
});

test('two channels of one driver need two names', () => {
  const channels = (second: string) =>
    `cloud: prod\nmonitoring:\n  channels:\n    - driver: tcp\n    - { driver: tcp${second} }\n`;
  assert.deepEqual(problems(channels('')), [
    '5: monitoring.channels[1]: a second channel named tcp (give it another name: name: tcp-2)',
  ]);
  assert.deepEqual(problems(channels(', name: tcp-storage')), []);
});

test('the options of a driver are judged by its own schema, with their lines', () => {
  const text = `cloud: prod
monitoring:
  channels:
    - driver: tcp
      options: { port: [22] }
fencing:
  levels:
    - name: bmc
      devices:
        - driver: ipmi
          options:
            hots: '{node}-bmc'
            user: admin
            password: { env: BMC }
        - driver: redfihs
notification:
  channels:
    - driver: email
      options: { host: mail, from: lifeboat@example.org, port: many }
`;
  assert.deepEqual(problems(text), [
    '5: monitoring.channels[0].options.port: unknown key (did you mean ports?); see docs/drivers/monitoring-tcp.md',
    "11: fencing.levels[0].devices[0].options.host: is missing, expected a host name or an address, no URL (example: host: '{node}-bmc.example.org'); see docs/drivers/fencing-ipmi.md",
    '12: fencing.levels[0].devices[0].options.hots: unknown key (did you mean host?); see docs/drivers/fencing-ipmi.md',
    '15: fencing.levels[0].devices[1].driver: redfihs is no driver (did you mean redfish?)',
    '19: notification.channels[0].options.port: expected a number, got "many"; see docs/drivers/notification-email.md',
  ]);
});

test('what is wrong for one node only is named at that node', () => {
  const text = `cloud: prod
fencing:
  levels:
    - name: bmc
      devices:
        - driver: ipmi
          options: { user: admin, password: { env: BMC } }
          perNode:
            compute-1: { host: 10.0.0.1 }
            compute-2: { host: 10.0.0.2, port: many }
`;
  assert.deepEqual(problems(text), [
    '10: fencing.levels[0].devices[0].perNode.compute-2.port: expected a number, got "many"; see docs/drivers/fencing-ipmi.md',
  ]);
});

test('one device for every node is refused: the wrong machine would be switched off', () => {
  const text = `cloud: prod
fencing:
  levels:
    - name: bmc
      devices:
        - driver: ipmi
          options: { host: 10.0.0.7, user: admin, password: { env: BMC } }
`;
  assert.match(problems(text).join(), /7: .*is one and the same device for every node/);
});

test('a password that was written into the file is refused and not repeated', () => {
  const text = `cloud: prod
fencing:
  levels:
    - name: bmc
      devices:
        - driver: ipmi
          options: { host: '{node}-bmc', user: admin, password: hunter2 }
`;
  const found = problems(text);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /^7: fencing\.levels\[0\]\.devices\[0\]\.options\.password: expected .*env.*file/);
  assert.ok(!found[0]!.includes('hunter2'));
});

test('what is no YAML is named with its line', () => {
  assert.deepEqual(problems('cloud: a\ncloud: b'), ['2: not YAML: Map keys must be unique']);
  assert.deepEqual(problems('- a'), ['1: the file: expected a block of keys, got a list']);
});

test('all errors are listed at once, in the order of the file', () => {
  const error = (() => {
    try {
      parseConfig('cloud: prod\nmode: fast\nexclude: compute-1\nlimts: {}', 'lifeboat.yaml');
    } catch (e) {
      return e;
    }
  })();
  assert.ok(error instanceof ConfigError);
  assert.equal(
    error.message,
    `Cannot use lifeboat.yaml: 3 errors
  lifeboat.yaml:2: mode: expected one of observe, confirm, auto, got "fast" (example: mode: observe)
  lifeboat.yaml:3: exclude: expected a list of node names or patterns, got "compute-1" (example: exclude: [compute-9, gpu-*])
  lifeboat.yaml:4: limts: unknown key (did you mean limits?)`,
  );
});

test('a file that is not there stops the worker', async () => {
  await assert.rejects(loadConfig('/nowhere/lifeboat.yaml'), {
    message: 'Cannot use /nowhere/lifeboat.yaml: 1 error\n  no such file (give the path with --config)',
  });
});

test('reads a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-config-'));
  try {
    const file = join(folder, 'lifeboat.yaml');
    await writeFile(file, 'cloud: prod\nconsole: https://temporal.example.org/\n');
    const read = await loadConfig(file);
    assert.deepEqual([read.cloud, read.console, read.file], ['prod', 'https://temporal.example.org', file]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every example is a configuration that can be used', async () => {
  const folder = join(import.meta.dirname, '../../examples');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
  assert.ok(files.length >= 2);
  for (const name of files) assert.ok((await loadConfig(join(folder, name))).cloud, name);
});

test('every YAML block of the documentation that names a cloud can be used', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((m) => m[1]!);
  assert.ok(blocks.length > 3);
  for (const block of blocks) {
    assert.deepEqual(problems(/^cloud:/m.test(block) ? block : `cloud: prod\n${block}`), [], block);
  }
});

test('messages per hour are policy, scaled with the rest; reports are kept in a folder with a whole path', () => {
  const read = (more: string) => parseConfig(`cloud: a\n${more}`, 'lifeboat.yaml');
  assert.equal(read('').policy.messages, undefined);
  const some = read('timeScale: 0.05\nnotification: { perHour: 20 }');
  assert.deepEqual(some.policy.messages, { perHour: 20, hourMs: 180_000 });
  assert.notEqual(some.policyHash, read('timeScale: 0.05').policyHash, 'two monitors that differ in it are found');
  assert.throws(() => read('notification: { perHour: 0 }'), /notification\.perHour: expected .*example: perHour: 20/s);
  assert.equal(read('reports: { keep: /srv/reports }').reports.keep, '/srv/reports');
  assert.throws(() => read('reports: { keep: reports }'), /reports\.keep: .*is not a whole path/);
});
