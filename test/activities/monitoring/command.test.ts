import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { command } from '../../../activities/monitoring/command.ts';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-command-'));
after(() => rmSync(folder, { recursive: true }));

let made = 0;
/** A program of the operators, in a file of its own. */
function script(body: string): string {
  const path = join(folder, `script-${++made}`);
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

const at = (host: string, hostIp: string | null = '10.0.0.1') => ({ node: rowOf({ host, hostIp }) });

const channelOf = (options: object, context = contextOf()) => command.create(command.options.parse(options), context);

const seenBy = async (options: object, ...nodes: ReturnType<typeof at>[]) =>
  channelOf(options).look(lookOf(nodes.length > 0 ? nodes : [at('one')]));

const oneBy = async (options: object) => (await seenBy(options)).get('one')!;

const NAGIOS = `case "$1" in
living* | many-*) echo "PING OK - Packet loss = 0%, RTA = 0.80 ms|rta=0.8"; exit 0 ;;
dead) echo "CRITICAL - Host Unreachable"; exit 2 ;;
doubtful) echo "WARNING - slow"; exit 1 ;;
asked) echo "UNKNOWN - no permission" >&2; exit 3 ;;
crashed) kill -9 $$ ;;
shell) exit 127 ;;
esac`;

monitoringConformance('command', () =>
  Promise.resolve({
    subject: {
      driver: command as MonitoringDriver,
      options: { program: script(NAGIOS), args: ['{node}'] },
      refused: [
        {},
        { program: '' },
        { program: 'x', args: '{node}' },
        { program: 'x', args: ['{name}'] },
        { program: 'x', run: 'always' },
        { program: 'x', run: 'once', output: 'exitCode' },
        { program: 'x', run: 'once', args: ['--host={node}'] },
        { program: 'x', exitCodes: { '127': 'failed' } },
        { program: 'x', exitCodes: { '1': 'dead' } },
        { program: 'x', env: { 'NOT A NAME': 'x' } },
        { program: 'x', timeout: '1h' },
        { program: 'x', maxBytes: 1 },
      ],
      context: contextOf(),
      alive: at('living'),
      failed: at('dead'),
      unknown: ['doubtful', 'asked', 'crashed', 'shell'].map((host) => at(host)),
    },
    tearDown: () => Promise.resolve(),
  }),
);

monitoringConformance('command, one run of JSON for all', () =>
  Promise.resolve({
    subject: {
      driver: command as MonitoringDriver,
      options: {
        program: script(`cat ${join(folder, 'all.json')}`),
        run: 'once',
        output: 'json',
        maxBytes: 1_000_000,
      },
      refused: [],
      context: contextOf(),
      prepare: async () => {
        const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`many-${i}`, { verdict: 'alive' }]));
        const all = {
          ...many,
          living: { verdict: 'alive' },
          dead: { verdict: 'failed', since: '2026-11-23T15:00:00Z', detail: 'no heartbeat' },
          wrong: { verdict: 'dead' },
          'twin.example.org': { verdict: 'failed' },
          twin: { verdict: 'alive' },
          stranger: { verdict: 'failed' },
        };
        writeFileSync(join(folder, 'all.json'), JSON.stringify(all));
      },
      alive: at('living'),
      failed: at('dead'),
      unknown: [at('untold'), at('wrong'), at('twin')],
    },
    tearDown: () => Promise.resolve(),
  }),
);

test('the exit codes are those of Nagios plugins, unless the table says otherwise', async () => {
  const program = script(NAGIOS);
  const seen = await seenBy({ program, args: ['{node}'] }, at('living'), at('dead'), at('asked'));
  assert.equal(seen.get('living')?.saw, 'PING OK - Packet loss = 0%, RTA = 0.80 ms (exit code 0)');
  assert.equal(seen.get('dead')?.saw, 'CRITICAL - Host Unreachable (exit code 2)');
  assert.equal(seen.get('asked')?.saw, 'UNKNOWN - no permission (exit code 3)');
  const table = { program: script('exit $1'), args: ['7'], exitCodes: { 7: 'failed' } };
  assert.equal((await oneBy(table)).verdict, 'failed');
  assert.equal((await oneBy({ ...table, args: ['0'] })).verdict, 'unknown');
  const warning = {
    program: script('echo "RAID WARNING - rebuilding"; exit 1'),
    exitCodes: { 0: 'alive', 1: 'degraded' },
  };
  assert.deepEqual(await oneBy({ program: warning.program }).then((e) => e.verdict), 'unknown');
  const seenWarning = await oneBy(warning);
  assert.deepEqual([seenWarning.verdict, seenWarning.saw], ['degraded', 'RAID WARNING - rebuilding (exit code 1)']);
  assert.deepEqual(command.says!(command.options.parse(warning)), ['alive', 'degraded', 'unknown']);
});

test('names are filled in as they are, and no shell reads them', async () => {
  const log = join(folder, 'args');
  const program = script(`printf '%s\\n' "$@" > ${log}`);
  const host = 'compute-7.example.org';
  const options = {
    program,
    address: '{short}-storage',
    args: ['-H', '{address}', 'n={node}', '$(id) {hostIp}', '{"a":1}'],
  };
  await seenBy(options, at(host, '10.0.0.7'));
  assert.deepEqual(readFileSync(log, 'utf8').trim().split('\n'), [
    ...['-H', 'compute-7-storage', `n=${host}`, '$(id) 10.0.0.7', '{"a":1}'],
  ]);
});

test('a node without an address, or with a name that is an option, is unknown, and nothing is run for it', async () => {
  const options = { program: script('exit 2'), args: ['{address}'] };
  const seen = await seenBy(options, at('no-address', null), at('an-option', '--help'));
  assert.deepEqual(
    [...seen.values()].map((e) => e.verdict),
    ['unknown', 'unknown'],
  );
  assert.equal((await seenBy({ ...options, args: ['{node}'] }, at('-rf'))).get('-rf')?.verdict, 'unknown');
});

test('JSON of one node: verdict, since when, and why; anything else is unknown', async () => {
  const say = (text: string, code = 0) =>
    oneBy({ program: script(`cat <<'E'\n${text}\nE\nexit ${code}`), output: 'json' });
  const failed = await say('{"verdict": "failed", "since": "2026-11-23T15:00:00Z", "detail": "fan\\nbroken"}');
  assert.deepEqual([failed.verdict, failed.saw], ['failed', 'fan broken, since 2026-11-23T15:00:00Z']);
  for (const [text, code, why] of [
    ['{"verdict": "failed"}', 1, /ended with 1/],
    ['{"verdict": "dead"}', 0, /answer is wrong: verdict/],
    ['{"verdict": "failed", "since": "yesterday"}', 0, /since: is no moment/],
    ['{"verdict": "failed", "node": "two"}', 0, /answer is wrong/],
    ['', 0, /wrote nothing/],
    ['failed', 0, /not JSON/],
  ] as const) {
    const seen = await say(text, code);
    assert.equal(seen.verdict, 'unknown', text);
    assert.match(seen.saw, why);
  }
});

test('a program that hangs, writes without an end, is missing or may not be run is unknown, and ends in time', async () => {
  const begun = performance.now();
  // What it started itself ends with it.
  const hangs = await oneBy({ program: script('sleep 600 & echo OK; wait'), timeout: '300ms' });
  assert.match(hangs.saw, /no answer within 0.3 s/);
  const floods = await oneBy({ program: script('yes'), timeout: '300ms', maxBytes: 64 });
  assert.equal(floods.verdict, 'unknown');
  const long = await oneBy({ program: script('head -c 100 /dev/zero | tr "\\0" x'), maxBytes: 64 });
  assert.match(long.saw, /64 characters or more/);
  assert.ok(performance.now() - begun < 10_000);
  const missing = await oneBy({ program: '/no/such/program' });
  assert.deepEqual([missing.verdict, missing.saw], ['unknown', '/no/such/program is not installed, or may not be run']);
  const plain = join(folder, 'not-executable');
  writeFileSync(plain, 'exit 0');
  assert.equal((await oneBy({ program: plain })).verdict, 'unknown');
});

test('it gets an environment of its own, with secrets that no evidence repeats', async () => {
  const log = join(folder, 'environment');
  const program = script(`env > ${log}; echo "login $KEY refused, key $KEY"; exit 2`);
  const options = { program, env: { KEY: { env: 'LIFEBOAT_KEY' }, SITE: 'east' } };
  const context = contextOf({}, { LIFEBOAT_KEY: 'a-key-for-the-monitor' });
  const seen = (await channelOf(options, context).look(lookOf([at('one')]))).get('one')!;
  assert.deepEqual([seen.verdict, seen.saw], ['failed', 'login *** refused, key *** (exit code 2)']);
  const names = readFileSync(log, 'utf8')
    .split('\n')
    .map((line) => line.split('=')[0]!)
    .filter((name) => !['', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name));
  assert.deepEqual(new Set(names), new Set(['PATH', 'LC_ALL', 'KEY', 'SITE']));

  const without = (await channelOf(options).look(lookOf([at('one')]))).get('one')!;
  assert.equal(without.verdict, 'unknown');
  assert.match(without.saw, /Cannot read secret LIFEBOAT_KEY/);
});

test('one run for all that fails is unknown for all, with its words', async () => {
  const once = { run: 'once', output: 'json' };
  const broken = await seenBy({ program: script('echo boom >&2; exit 1'), ...once }, at('one'), at('two'));
  assert.deepEqual(
    [...broken.values()].map((e) => [e.verdict, /it ended with 1: boom/.test(e.saw)]),
    [
      ['unknown', true],
      ['unknown', true],
    ],
  );
  assert.match((await oneBy({ program: script('echo "[]"'), ...once })).saw, /no JSON object/);
});
