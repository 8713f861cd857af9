// `npm run bench`: figures of a whole Lifeboat beside the simulated data centre, against their goals. docs/bench.md.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments, USAGE, UsageError, type Arguments } from './bench/arguments.ts';
import { EXPERIMENTS, type Found } from './bench/experiments.ts';
import { figure, rowsOf, type Figure, type FigureName } from './bench/figures.ts';
import { BLOCKS, picture, PLAIN } from './bench/picture.ts';
import type { Around } from './bench/set-up.ts';
import { feedTo, paint, table } from './cli/print.ts';
import { bundleInto } from './demo/lifeboat.ts';

/** Ctrl-C, SIGTERM, or the terminal is gone. */
class Interrupted extends Error {}
/** After which what was started is not ended in order any more but dies with this process. */
const PATIENCE_MS = 8_000;

const COLUMNS = 78;

async function main({ out, only }: Arguments, dir: string, signal: AbortSignal): Promise<number> {
  const feed = feedTo(process.stdout);
  const begun = performance.now();
  const say = (text: string): void => {
    const s = Math.floor((performance.now() - begun) / 1_000);
    const load = loadavg()[0]!.toFixed(1);
    feed.line(`${clock(s)}  load ${load}  ${text}`);
  };
  feed.line(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
  say('bundles the workflows');
  const bundle = await bundleInto(dir);
  const around: Around = { dir, bundle, signal, say };
  const single = new Map<FigureName, number[]>();
  for (const experiment of EXPERIMENTS) {
    const wanted = experiment.figures.filter((name) => only.includes(name));
    if (wanted.length === 0) continue;
    say(`${experiment.name}: ${wanted.join(', ')}`);
    try {
      const found = await experiment.run(around, wanted);
      for (const name of wanted) single.set(name, found.values[name] ?? []);
      show(found, feed.line);
    } catch (error) {
      if (signal.aborted) throw error;
      say(`${experiment.name} could not be measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const figures = only.map((name) => figure(name, single.get(name) ?? []));
  verdict(figures, single, feed.line);
  if (out) await writeFile(out, `${JSON.stringify(figures, null, 2)}\n`);
  return figures.every((f) => f.ok) ? 0 : 1;
}

const clock = (s: number): string =>
  `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;

function show({ shown }: Found, line: (text: string) => void): void {
  if (!shown) return;
  const columns = Math.min(COLUMNS, (process.stdout.columns ?? 120) - 42);
  line('');
  line(paint(process.stdout, 'bold', `Where the time goes: ${shown.title} (${shown.recovery.node}, the median)`));
  const ink = process.stdout.isTTY ? BLOCKS : PLAIN;
  for (const row of picture(shown.recovery, shown.width, Math.max(20, columns), ink)) line(`  ${row}`.trimEnd());
  line('');
}

function verdict(
  figures: Figure[],
  single: ReadonlyMap<FigureName, readonly number[]>,
  line: (text: string) => void,
): void {
  line('');
  const [head, ...rows] = table([['figure', 'median', 'goal', '', 'measured'], ...rowsOf(figures, single)]);
  line(paint(process.stdout, 'bold', head!));
  rows.forEach((row, i) => line(paint(process.stdout, figures[i]!.ok ? 'green' : 'red', row)));
}

function run(given: Arguments): void {
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-bench-'));
  process.once('exit', (code) => leave(dir, code === 1));
  process.stdout.on('error', () => process.exit(1));
  const stop = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => {
      setTimeout(() => reject(stop.signal.reason as Error), PATIENCE_MS);
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // The second one does not wait for anything; what was started dies with this process.
      if (stop.signal.aborted) process.exit(130);
      stop.abort(new Interrupted(signal));
    });
  Promise.race([main(given, dir, stop.signal), interrupted]).then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (stop.signal.aborted) process.exit(130);
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
}

/** Nothing of the bench stays, but the workers' log where it ended badly. */
function leave(dir: string, badly: boolean): void {
  const log = join(dir, 'workers.log');
  if (badly && existsSync(log)) {
    const kept = `${dir}-workers.log`;
    copyFileSync(log, kept);
    process.stderr.write(`the workers' log is kept: ${kept}\n`);
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
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
