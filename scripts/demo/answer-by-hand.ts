// What a person types, typed: the same command in a process of its own, with the same environment as another terminal would have.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childEnv } from './lifeboat.ts';
import type { Stage } from './stage.ts';

const SCRIPT = join(import.meta.dirname, '../answer.ts');
const run = promisify(execFile);

/** Says `confirm-fenced` for the node. Rejects with the command's own words where it is refused. */
export async function answerByHand(stage: Stage, node: string, reason: string): Promise<void> {
  const args = ['confirm-fenced', node, '--node-is-off', node, '--by', 'ann', '--reason', reason];
  stage.tell('person', `types: npm run answer -- ${args.map(shown).join(' ')}`, 'yellow');
  const env = childEnv(stage.lifeboat.dir, stage.lifeboat.env);
  const { signal } = stage;
  const { stdout } = await run(process.execPath, ['--import', 'tsx', SCRIPT, ...args], { env, signal }).catch(
    (error: unknown) => {
      const said = (error as { stderr?: string }).stderr?.trim();
      throw new Error(`answer for ${node}: ${said || String(error)}`);
    },
  );
  stage.tell('lifeboat', stdout.trim());
}

const shown = (word: string): string => (/[^\w.-]/.test(word) ? `"${word}"` : word);
