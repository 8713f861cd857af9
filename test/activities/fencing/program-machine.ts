// A machine behind a stand-in program that says what the real one was recorded to say.
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PowerState } from '../../../workflows/domain.ts';
import type { Machine } from './conformance.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Recording {
  code: number;
  stdout: string;
  stderr: string;
  /** The machine's power after it. */
  then?: string;
}

export interface ProgramMachine extends Machine {
  /** Of the last call: names in its environment, and what it could read from standard input. */
  lastCall(): Promise<{ env: string[]; stdin: string }>;
}

/** `program`: whose recordings (recordings/<program>.json) it replays. `extra`: more files beside it. `stop` removes its folder. */
export async function programMachine(
  program: string,
  options: (identity: boolean, path: string) => Record<string, unknown>,
  extra: Record<string, string> = {},
): Promise<ProgramMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-program-'));
  const path = join(folder, program);
  const file = (name: string): string => join(folder, name);
  await copyFile(here('stand-in.sh'), path);
  const recordings = JSON.parse(await readFile(here(`recordings/${program}.json`), 'utf8')) as Record<
    string,
    Recording
  >;
  const files: Record<string, string> = { power: 'on\n', fault: 'none\n', calls: '', ...extra };
  for (const [situation, { code, stdout, stderr, then }] of Object.entries(recordings)) {
    Object.assign(files, {
      [`${situation}.code`]: `${code}\n`,
      [`${situation}.out`]: stdout,
      [`${situation}.err`]: stderr,
    });
    if (then) files[`${situation}.then`] = `${then}\n`;
  }
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(file(name), text)));
  const lines = async (name: string): Promise<string[]> =>
    (await readFile(file(name), 'utf8')).split('\n').filter(Boolean);
  return {
    options: (identity = false) => options(identity, path),
    context: { programs: { [program]: path } },
    set: async ({ power, fault }) => {
      if (power !== undefined) await writeFile(file('power'), `${power}\n`);
      if (fault !== undefined) await writeFile(file('fault'), `${fault ?? 'none'}\n`);
    },
    power: async () => (await lines('power'))[0] as PowerState,
    commands: () => lines('calls'),
    lastCall: async () => ({ env: await lines('env'), stdin: await readFile(file('stdin'), 'utf8') }),
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}
