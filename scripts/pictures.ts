// `npm run pictures`: takes the pictures of docs/operating.md anew, from a data centre of its own. docs/development.md says when.
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { foundDataCentre } from './demo/data-centre.ts';
import { bundleInto, startLifeboat, startServer, type Undo } from './demo/lifeboat.ts';
import { watching } from './demo/opening.ts';
import { openStage } from './demo/stage.ts';
import { voiceOn } from './demo/voice.ts';
import { openBrowser } from './pictures/browser.ts';
import { takeAll } from './pictures/scenes.ts';

const USAGE = `npm run pictures -- [--out DIR]

  Drives a simulated data centre through two incidents and takes pictures of the Temporal UI: approval, evacuating, blocked,
  aborting, closed, the list, the timeline, an update. Needs Chromium ($CHROMIUM, or on PATH; apt-get install chromium).

  --out DIR   where to; docs/pictures without it. Look at each of them before you commit them`;

/** Twice as slow as the demo: a picture takes seconds. */
const SCALE = 0.1;
/** A tenth of the default permission would be too short for a busy machine, and that would be what the pictures show. */
const WISHES = { mode: 'confirm' as const, sections: { timings: { permission: '20s' } } };

async function main(out: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-pictures-'));
  const undo: Undo = [() => rm(dir, { recursive: true, force: true })];
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('stopped')));
  try {
    const browser = await openBrowser();
    undo.push(() => browser.close());
    const voice = voiceOn(process.stderr);
    const [server, world, bundle] = await Promise.all([
      startServer(undo, voice.line),
      foundDataCentre(SCALE),
      bundleInto(dir),
    ]);
    undo.push(() => world.stop());
    const lifeboat = await startLifeboat({ dir, world, server, bundle, wishes: WISHES }, undo);
    const stage = openStage(world, lifeboat, voice, stop.signal);
    await watching(stage);
    await mkdir(out, { recursive: true });
    await takeAll(stage, browser.page, async (name, png) => {
      await writeFile(join(out, `${name}.png`), png);
      process.stdout.write(`${name}.png: ${Math.ceil(png.length / 1_024)} kB\n`);
    });
  } finally {
    stop.abort(new Error('stopped'));
    for (const end of undo.reverse()) await end().catch(() => undefined);
  }
}

const { values } = parseArgs({ options: { out: { type: 'string' }, help: { type: 'boolean' } }, strict: true });
if (values.help) process.stdout.write(`${USAGE}\n`);
else
  await main(values.out ?? join(import.meta.dirname, '../docs/pictures')).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
