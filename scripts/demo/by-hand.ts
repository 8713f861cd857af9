// What a person types, typed: the same command in a process of its own, with the same environment as another terminal would have.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childEnv } from './lifeboat.ts';
import type { Stage } from './stage.ts';

const SCRIPTS = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** Says `confirm-fenced` for the node. Rejects with the command's own words where it is refused. */
export async function answerByHand(stage: Stage, node: string, reason: string): Promise<void> {
  const said = await type(stage, 'answer', [
    'confirm-fenced',
    node,
    '--node-is-off',
    node,
    '--by',
    'ann',
    '--reason',
    reason,
  ]);
  stage.tell('lifeboat', said);
}

/** Resolves when the node takes instances again; rejects with the command's own words where it does not. */
export async function readmitByHand(stage: Stage, node: string): Promise<void> {
  const said = await type(stage, 'readmit', [node, '--by', 'ann']);
  const lines = said.split('\n').map((line) => line.trim());
  stage.tell('lifeboat', lines.find((line) => /takes instances/.test(line)) ?? lines.at(-1)!, 'green');
}

async function type(stage: Stage, script: string, args: string[]): Promise<string> {
  stage.tell('person', `types: npm run ${script} -- ${args.map(shown).join(' ')}`, 'yellow');
  const env = childEnv(stage.lifeboat.dir, stage.lifeboat.env);
  const { signal } = stage;
  const file = join(SCRIPTS, `${script}.ts`);
  const { stdout } = await run(process.execPath, ['--import', 'tsx', file, ...args], { env, signal }).catch(
    (error: unknown) => {
      const said = (error as { stderr?: string }).stderr?.trim();
      throw new Error(`${script} ${args[0]}: ${said || String(error)}`);
    },
  );
  return stdout.trim();
}

const shown = (word: string): string => (/[^\w.-]/.test(word) ? `"${word}"` : word);
