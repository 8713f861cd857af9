// npm run story: tells stories as they happen, and says whether they are what was expected.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../workers/config-errors.ts';
import { shutTemporal } from '../stories/harness.ts';
import { readLog, writeLine, writeLog, type Line } from './line.ts';
import { playStory, verdict } from './play.ts';
import { writeReadme } from './readme.ts';
import { EXPECTED, FOLDER, readStory, storyNames, type StoryFile } from './story-file.ts';

const USAGE = `npm run story NAME… [-- --update]
  --list      the stories
  --all       all of them
  --update    writes expected.log where it differs, and test/golden/README.md
  --times N   tells each so often, and stops at the first that differs
Ends with 0 as expected, 1 not, 2 wrong usage`;

const say = (line = ''): void => void process.stdout.write(`${line}\n`);
const expectedFile = (name: string, folder = FOLDER): string => join(folder, name, EXPECTED);

/** Throws where a line of the file is none. No file: no line is expected. */
export function readExpected(name: string, folder = FOLDER): Line[] {
  const file = expectedFile(name, folder);
  return existsSync(file) ? readLog(readFileSync(file, 'utf8')) : [];
}

export async function storyCommand(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{
          list: { type: 'boolean' },
          all: { type: 'boolean' },
          update: { type: 'boolean' },
          help: { type: 'boolean' },
        },
        times: { type: 'string', default: '1' },
      },
    });
    if (values.list) return list();
    const names = values.all ? storyNames() : positionals;
    if (values.help || names.length === 0) {
      say(USAGE);
      return values.help ? 0 : 2;
    }
    const files = names.map((name) => readStory(name));
    const code = await tellAll(files, Number(values.times), values.update ?? false);
    if (values.update) writeReadme();
    return code;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof ConfigError || error instanceof TypeError ? 2 : 1;
  } finally {
    await shutTemporal();
  }
}

function list(): number {
  for (const name of storyNames()) say(`${name.padEnd(36)} ${readStory(name).title}`);
  return 0;
}

async function tellAll(files: StoryFile[], times: number, update: boolean): Promise<number> {
  for (const file of files)
    for (let i = 1; i <= times; i++) {
      if (files.length > 1 || times > 1) say(`── ${file.name}${times > 1 ? ` (${i} of ${times})` : ''}`);
      if (!(await tellOne(file, update))) return 1;
    }
  return 0;
}

async function tellOne(file: StoryFile, update: boolean): Promise<boolean> {
  say(`${file.title}.`);
  const began = performance.now();
  const played = await playStory(file, { onLine: (line) => say(writeLine(line)) });
  say(`\nTold in ${((performance.now() - began) / 1_000).toFixed(1)} s.`);
  const sound = played.trouble === null && played.findings.length === 0;
  const expected = readExpected(file.name);
  const wrong = verdict(file, played, expected);
  say(played.findings.length === 0 ? 'The audit of the data centre’s own log: no finding.' : 'The audit has findings.');
  if (expected.length > 0 || !sound) for (const line of wrong) say(`✗ ${line}`);
  else say(`There is no ${EXPECTED} yet.`);
  if (wrong.length === 0) say(`It is as expected (${played.lines.length} lines).`);
  else if (update && sound) {
    writeFileSync(expectedFile(file.name), writeLog(played.lines));
    say(`${EXPECTED} is written: read it before you commit it.`);
    return true;
  } else if (update)
    say(`${EXPECTED} is left as it is: a story that breaks a rule or does not end is not what we expect.`);
  return wrong.length === 0;
}
