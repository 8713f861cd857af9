// A worker as in production: a process of its own. Its log lines go into a file.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../workers/main.ts');
/** After a SIGTERM: what is handed over at the end of a demo interests nobody. */
const PATIENCE_MS = 2_000;

export interface WorkerProcess {
  name: string;
  pid: number;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  /** SIGTERM, SIGKILL after 2 s; resolves when it is gone. Twice: no change. */
  stop(): Promise<void>;
}

/** `log`: a file that is open for appending; two workers may share it, each line is written at once. */
export function startWorker(name: string, args: string[], env: NodeJS.ProcessEnv, log: number): WorkerProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', log, log], env });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    child.once('error', (error) => resolve(error.message));
  });
  // However the demo ends, no worker outlives it.
  const dieWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', dieWithUs);
  void ended.then(() => process.off('exit', dieWithUs));
  return { name, pid: child.pid ?? 0, ended, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await ended;
  clearTimeout(last);
}
