// A command as a person types it: a process of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const SCRIPTS = join(import.meta.dirname, '../../scripts');

export interface Ran {
  code: number | string;
  stdout: string;
  stderr: string;
}

export interface Running {
  ended: Promise<Ran>;
  /** Both outputs so far. */
  output(): string;
  interrupt(): void;
}

/** `runScript('status', ['--json'], { TEMPORAL_ADDRESS: … })`. Nothing of the test's own environment reaches it. */
export function startScript(name: string, args: string[], env: Record<string, string | undefined> = {}): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', join(SCRIPTS, `${name}.ts`), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: '/nonexistent', USER: 'ann', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 'unknown', stdout, stderr }));
  });
  return { ended, output: () => stdout + stderr, interrupt: () => void child.kill('SIGINT') };
}

export const runScript = (...given: Parameters<typeof startScript>): Promise<Ran> => startScript(...given).ended;
