// Sets of workers that a story stops, kills or starts: in this process, or each in one of its own.
import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../workers/config.ts';
import type { Role } from '../../workflows/contract.ts';
import { workflowBundle } from '../support/bundle.ts';
import type { Story } from '../stories/harness.ts';
import type { StoryWorker } from './step.ts';

interface Options {
  /** A process of its own: it can be killed, and its clock can be wrong. */
  process?: boolean | undefined;
  config?: Config | undefined;
}

/** Where it has the role of a monitor it keeps the watch, too, as every monitor does. */
export async function startWorker(
  story: Story,
  name: string,
  roles: readonly Role[],
  { process: own = false, config = story.config }: Options = {},
): Promise<StoryWorker> {
  const worker = own ? await forked(story, roles, config) : await here(story, roles, config);
  const stop = new AbortController();
  const keeping = roles.includes('monitor') ? story.keepWatch(name, stop.signal, config) : Promise.resolve();
  const over = async (how: () => Promise<void>): Promise<void> => {
    stop.abort();
    await Promise.all([how(), keeping]);
  };
  return { roles, stop: () => over(worker.stop), kill: () => over(worker.kill), jump: worker.jump };
}

type Bare = Omit<StoryWorker, 'roles'>;

async function here(story: Story, roles: readonly Role[], config: Config): Promise<Bare> {
  const made = await story.addWorkers(roles, config);
  const not = (what: string) => (): Promise<never> =>
    Promise.reject(
      new Error(`${what}: these workers are no process of their own (say "process: true" where they start)`),
    );
  return { stop: () => made.shutdown(), kill: not('kill -9'), jump: not('a jump of the clock') };
}

async function forked(story: Story, roles: readonly Role[], config: Config): Promise<Bare> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-worker-'));
  const bundle = join(dir, 'workflows.js');
  await writeFile(bundle, (await workflowBundle()).code);
  const child = fork(join(import.meta.dirname, 'worker-process.ts'), [config.file, bundle, roles.join()], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...story.env, TEMPORAL_ADDRESS: story.temporal.server.address },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(() =>
    rm(dir, { recursive: true, force: true }),
  );
  const hears = (word: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const listen = (said: unknown): void => {
        if (said !== word) return;
        child.off('message', listen);
        resolve();
      };
      child.on('message', listen);
      child.once('exit', (code, signal) =>
        reject(new Error(`the workers ended (${code ?? signal}) before they said ${word}`)),
      );
    });
  await hears('polls');
  const end = (how: () => void) => (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) how();
    return gone;
  };
  return {
    stop: end(() => child.send('stop')),
    kill: end(() => child.kill('SIGKILL')),
    jump: (seconds) => {
      const done = hears('jumped');
      child.send(`jump ${seconds}`);
      return done;
    },
  };
}
