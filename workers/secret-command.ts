// A secret that a program prints (`vault kv get -field=password …`). Neither what it prints nor its arguments are ever told.
import { findProgram, runProgram } from '../activities/fencing/run-program.ts';

/** A vault that hangs must not use up the time of a fence. */
const LIMIT_MS = 10_000;
/** The guard reads every few seconds; so often no vault is asked. */
const KEPT_MS = 30_000;

/**
 * Runs the program without a shell, in the worker's environment, with nothing on standard input; its output without the last line
 * feed is the secret. Callers of one command share a run and what it said, for half a minute. Rejects with one line where it ends
 * with anything but 0, takes longer than 10 s, or prints nothing; that is never kept.
 */
export function createCommandSecrets(env: NodeJS.ProcessEnv, limitMs = LIMIT_MS, keptMs = KEPT_MS) {
  const known = new Map<string, { value: Promise<string>; until: number }>();
  return (command: readonly string[]): Promise<string> => {
    const key = JSON.stringify(command);
    const before = known.get(key);
    if (before && performance.now() < before.until) return before.value;
    const value = ask(command, env, limitMs);
    known.set(key, { value, until: performance.now() + keptMs });
    value.catch(() => {
      if (known.get(key)?.value === value) known.delete(key);
    });
    return value;
  };
}

async function ask([name = '', ...args]: readonly string[], env: NodeJS.ProcessEnv, limitMs: number): Promise<string> {
  const fail = (why: string): Error => new Error(`Cannot read secret of the command ${name}: ${why}`);
  const hint = "run it by hand as the worker's user";
  const program = findProgram(name);
  if (!program) throw fail('no such program (give its whole path)');
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const { signal } = new AbortController();
  const run = await runProgram(program, args, { env: given, timeoutMs: limitMs, signal });
  if (run.end === 'timeout') throw fail(`no answer within ${limitMs / 1_000} s (${hint})`);
  if (run.end === 'missing') throw fail('it cannot be started');
  // Not a word of what it said: it may be the secret, or half of it.
  if (run.code !== 0) throw fail(`it ended with ${run.code ?? 'a signal'} (${hint})`);
  const value = run.stdout.replace(/\r?\n$/, '');
  if (value.trim() === '') throw fail('it printed nothing (an empty password is never tried)');
  return value;
}
