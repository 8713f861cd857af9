// Programs beside a story: they end by their own process id, and never outlive the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type Child = ReturnType<typeof startChild>;

export function startChild(file: string, args: string[], options: { env: NodeJS.ProcessEnv; cwd: string }) {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout = (stdout + chunk.toString()).slice(-1_000_000)));
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-100_000)));
  const dieWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', dieWithUs);
  const ended = once(child, 'close').then(([code]) => {
    process.off('exit', dieWithUs);
    return code as number | null;
  });
  return { child, ended, output: () => output, stdout: () => stdout };
}

/** As an upgrade would stop it; killed where that takes too long. */
export async function stopChild({ child, ended }: Child): Promise<void> {
  child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(last);
}
