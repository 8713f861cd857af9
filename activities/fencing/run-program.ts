// Runs a program the way a fence device must be spoken to: on standard input what it is given (else nothing), an environment of
// its own, no shell, and a timer that kills it. It answers; it never rejects.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

export interface ProgramRun {
  /** Null: it did not end by itself. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** `missing`: it could not be started. `cancelled`: the signal came first. */
  end: 'exit' | 'killed' | 'timeout' | 'cancelled' | 'missing';
}

/** The most that is kept of each stream where `keep` says nothing else: a device's answer is one line. */
const KEPT = 16_384;

/** Full path of a program, looked up in our own PATH: the child gets none. Null: not installed. */
export function findProgram(name: string, programs?: Readonly<Record<string, string>>): string | null {
  const wanted = programs?.[name] ?? name;
  const candidates = isAbsolute(wanted)
    ? [wanted]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, wanted));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs it once. Answers within `timeoutMs`, or at once when `signal` fires; the program and what it started are killed
 * then (its own process group: virsh leaves an ssh behind otherwise).
 */
export function runProgram(
  path: string,
  args: readonly string[],
  options: { env: Record<string, string>; timeoutMs: number; signal: AbortSignal; input?: string; keep?: number },
): Promise<ProgramRun> {
  const { env, timeoutMs, signal, input, keep = KEPT } = options;
  const out = { stdout: '', stderr: '' };
  if (signal.aborted) return Promise.resolve({ code: null, ...out, end: 'cancelled' });
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    let settled = false;
    const settle = (end: ProgramRun['end'], code: number | null): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      resolve({ code, ...out, end });
    };
    const kill = (end: 'timeout' | 'cancelled'): void => {
      killGroup(child.pid);
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle(end, null);
    };
    const cancel = (): void => kill('cancelled');
    const timer = setTimeout(() => kill('timeout'), timeoutMs);
    signal.addEventListener('abort', cancel, { once: true });
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]!.setEncoding('utf8').on('data', (chunk: string) => {
        out[stream] = (out[stream] + chunk).slice(0, keep);
      });
    // A program that ends without reading all of it is judged by its answer.
    child.stdin?.on('error', () => undefined).end(input);
    child.on('error', () => settle('missing', null));
    child.on('close', (code) => settle(code === null ? 'killed' : 'exit', code));
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between the timer and here.
  }
}
