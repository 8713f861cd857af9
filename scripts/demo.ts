// `npm run demo`: a real Temporal server and real workers beside a simulated data centre in which nodes fail. docs/demo.md.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACTS } from './demo/acts.ts';
import { readArguments, USAGE, UsageError, type Arguments } from './demo/arguments.ts';
import { foundDataCentre } from './demo/data-centre.ts';
import { showInstances, showLinks, showMails, showTimes, showVerdict, summarise } from './demo/ending.ts';
import { bundleInto, startLifeboat, startServer, type Undo } from './demo/lifeboat.ts';
import { greet, watching } from './demo/opening.ts';
import { judge, openStage, type Act, type Played, type Stage } from './demo/stage.ts';
import { voiceOn, type Voice } from './demo/voice.ts';

/** Ctrl-C, SIGTERM, or the terminal is gone. */
class Interrupted extends Error {}

async function main(given: Arguments, voice: Voice, dir: string, stop: AbortController): Promise<number> {
  const undo: Undo = [];
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error));
  });
  interrupted.catch(() => undefined);
  try {
    const stage = await Promise.race([open(given, voice, dir, undo, stop.signal), interrupted]);
    const code = await Promise.race([perform(given, stage), interrupted]);
    if (!given.once && process.stdout.isTTY && process.stdin.isTTY) await stay(voice, interrupted);
    return code;
  } finally {
    stop.abort(new Interrupted('stopped'));
    for (const end of undo.reverse()) await end().catch(() => undefined);
  }
}

async function open(
  { timeScale }: Arguments,
  voice: Voice,
  dir: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Stage> {
  greet(voice, timeScale);
  const [server, world, bundle] = await Promise.all([
    startServer(undo, voice.line),
    foundDataCentre(timeScale),
    bundleInto(dir),
  ]);
  undo.push(() => world.stop());
  const lifeboat = await startLifeboat({ dir, world, server, bundle }, undo);
  const stage = openStage(world, lifeboat, voice, signal);
  await watching(stage);
  return stage;
}

async function perform({ fast, json }: Arguments, stage: Stage): Promise<number> {
  const played: (Played & { act: Act })[] = [];
  for (const act of fast ? ACTS.slice(0, 1) : ACTS) {
    stage.voice.title(act.title);
    stage.failure = null;
    played.push({ act, ...(await act.play(stage)) });
  }
  const findings = judge(stage, played);
  const summary = summarise(stage, played, findings);
  if (json) await writeFile(json, `${JSON.stringify(summary, null, 2)}\n`);
  showMails(stage);
  showInstances(stage, summary);
  showTimes(stage, summary);
  showVerdict(stage, findings);
  showLinks(stage, summary);
  return findings.length > 0 ? 1 : 0;
}

/** The end of a demo that stays: Ctrl-C is no interruption any more. */
async function stay(voice: Voice, interrupted: Promise<never>): Promise<void> {
  voice.line('\nAll of it still runs, for you to look at. Ctrl-C ends it.');
  await interrupted.catch(() => undefined);
}

function run(given: Arguments): void {
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-demo-'));
  const voice = voiceOn(process.stdout);
  process.once('exit', (code) => leave(dir, code === 1));
  process.stdout.on('error', () => process.exit(1));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // The second one does not wait for anything; what was started dies with this process.
      if (stop.signal.aborted) process.exit(130);
      stop.abort(new Interrupted(signal));
    });
  main(given, voice, dir, stop).then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (error instanceof Interrupted) process.exit(130);
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
}

/** Nothing of the demo stays, but the workers' log where it ended badly. */
function leave(dir: string, badly: boolean): void {
  const log = join(dir, 'workers.log');
  if (badly && existsSync(log)) {
    const kept = `${dir}-workers.log`;
    copyFileSync(log, kept);
    process.stderr.write(`the workers' log is kept: ${kept}\n`);
  }
  rmSync(dir, { recursive: true, force: true });
}

try {
  const given = readArguments(process.argv.slice(2));
  if (given.help) process.stdout.write(`${USAGE}\n`);
  else run(given);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
