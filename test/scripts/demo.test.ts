// The demo as a visitor types it, but without a terminal: it ends by itself, and what it wrote is true.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Summary } from '../../scripts/demo/ending.ts';
import { ADMIN } from '../../scripts/demo/lifeboat.ts';
import { runScript } from './run-script.ts';

const ROOT = join(import.meta.dirname, '../..');

/** `npm run demo -- …`, in a process group of its own, so that a test that fails leaves nothing behind. */
async function npmRunDemo(t: TestContext, args: string[], temporary: string): Promise<{ code: unknown; out: string }> {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // FORCE_COLOR and its like are the test runner's wishes, not a visitor's.
    env: { ...process.env, TMPDIR: temporary, FORCE_COLOR: undefined, NODE_TEST_CONTEXT: undefined },
  });
  let running = true;
  t.after(() => running && child.pid && process.kill(-child.pid, 'SIGKILL'));
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running = false;
      resolve({ code: code ?? signal, out });
    });
  });
}

test('npm run demo -- --fast ends by itself, in plain lines, and its JSON tells what the data centre saw', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-demo-test-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'demo.json');
  const { code, out } = await npmRunDemo(t, ['--fast', '--json', file], dir);
  assert.equal(code, 0, out);
  assert.ok(!out.includes('\u001b') && !out.includes('\r'), 'no colours, nothing is painted over');
  assert.match(out, /no finding/);
  // tsx keeps its cache there.
  const stays = (await readdir(dir)).filter((name) => !name.startsWith('tsx-'));
  assert.deepEqual(stays, ['demo.json'], 'nothing of it stays');

  const told = JSON.parse(await readFile(file, 'utf8')) as Summary;
  assert.deepEqual(told.audit, []);
  const stages = told.stages['act 1']!;
  const inOrder = ['seen', 'admitted', 'fenced', 'marked', 'firstEvacuation', 'lastEvacuated', 'ended', 'allTold'];
  assert.deepEqual(Object.keys(stages).sort(), [...inOrder].sort());
  for (const [i, name] of inOrder.slice(1).entries())
    assert.ok(stages[name]! >= stages[inOrder[i]!]!, `${name} is not before ${inOrder[i]}`);
  const [run, ...more] = told.runs;
  assert.deepEqual([run?.outcome, more.length], ['recovered', 0]);

  const moved = told.instances.filter((i) => i.outcome === 'recovered');
  const left = told.instances.filter((i) => i.outcome !== 'recovered');
  assert.ok(moved.length > 0 && left.length > 0, 'act 1 shows both');
  for (const i of moved) assert.deepEqual([i.posts, i.host !== run?.node, i.reason], [1, true, ''], i.name);
  for (const i of left) assert.ok(i.posts === 0 && i.host === run?.node && i.reason !== '', i.name);
  for (const { name } of told.instances) assert.ok(out.includes(name), `${name} is shown`);

  const admins = told.mails.filter((m) => m.to === ADMIN);
  // On a busy machine they may be asked a question in between: its durations are a twentieth of the real ones.
  const ofKind = (subject: RegExp): number =>
    new Set(admins.filter((m) => subject.test(m.subject)).map((m) => m.messageId)).size;
  assert.deepEqual([ofKind(/ is off; /), ofKind(/: recovered — /)], [1, 1], 'admins get start and end, once each');
  assert.ok(told.mails.length > admins.length, 'users are told too');
  assert.ok(told.mails.every((m) => m.subject !== '' && m.messageId !== ''));
});

test('a wrong option is one line, exit 2, and nothing starts', async () => {
  for (const [args, text] of [
    [['--fats'], /^--fats: there is no such option; did you mean --fast\? \(see: npm run demo -- --help\)$/],
    [['--fast', '--real-time'], /^--fast and --real-time: one or the other$/],
    [['--json', ''], /^--json needs the path of a file$/],
    [['now'], /now/],
  ] as const) {
    const ran = await runScript('demo', [...args]);
    assert.deepEqual([ran.code, ran.stdout], [2, ''], ran.stderr);
    assert.match(ran.stderr.trimEnd(), text);
    assert.equal(ran.stderr.trimEnd().split('\n').length, 1, ran.stderr);
  }
});
