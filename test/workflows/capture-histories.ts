// Makes the fixtures of the replay test anew: npx tsx test/workflows/capture-histories.ts. For changes that may break open runs
// (before the first release, or with patched() and beside the old fixtures); docs/development.md says which.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open, shut } from './harness.ts';
import { toHistoryJson, type History } from './history-json.ts';
import { SUGGEST_AFTER } from './tale-of-the-watch.ts';
import { TALES } from './tales.ts';

const FOLDER = join(import.meta.dirname, 'histories');

/** One event a line. Who worked on it (host names, process ids) does not matter for a replay. */
function compact(history: History): string {
  const lines = toHistoryJson(history).events.map((e) =>
    JSON.stringify(e, (key, value: unknown) => (key === 'identity' ? undefined : value)),
  );
  return `{"events":[\n${lines.join(',\n')}\n]}\n`;
}

function write(kept: ReadonlyMap<string, string>): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const file of readdirSync(FOLDER)) rmSync(join(FOLDER, file));
  for (const [name, text] of kept) writeFileSync(join(FOLDER, `${name}.json`), text);
}

// For a try of one tale alone: its place in the list. Nothing is written then.
const only = process.argv[2] === undefined ? TALES : TALES.slice(Number(process.argv[2])).slice(0, 1);

await open({ settings: { 'limit.historyCount.suggestContinueAsNew': SUGGEST_AFTER } });
try {
  const kept = new Map<string, string>();
  for (const tale of only)
    for (const [name, handle] of Object.entries(await tale())) {
      if (kept.has(name)) throw new Error(`capture ${name}: two tales end so (name one of them)`);
      kept.set(name, compact(await handle.fetchHistory()));
      process.stdout.write(`${name}: ${kept.get(name)!.split('\n').length - 3} events\n`);
    }
  if (only === TALES) write(kept);
} finally {
  await shut();
}
process.exit(0);
