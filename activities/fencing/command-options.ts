// What a program's exit codes may mean. A program that is broken, or not there at all, must never read as off.
import { basename } from 'node:path';
import { z } from 'zod';

const arg = z.string().refine((text) => !text.includes('\0'), 'must not hold a NUL');
const args = z.array(arg).min(1);
const code = z.int().min(0).max(255);
const codes = z.union([code.transform((one) => [one]), z.array(code).min(1)]);
const word = z.string().trim().min(1);

export const commandActions = {
  status: z.strictObject({
    args,
    exit: z.strictObject({ on: codes, off: codes }),
    /** A line that must stand in its output, word for word. */
    says: z.strictObject({ on: word.optional(), off: word.optional() }).optional(),
  }),
  off: z.strictObject({ args, exit: codes.default([0]) }),
  on: z.strictObject({ args, exit: codes.default([0]) }),
};

/** Exit codes of any of its calls that say what is wrong; all others are `refused`. */
export const commandFaults = z.partialRecord(
  z.enum(['auth', 'unreachable', 'timeout', 'privilege', 'refused', 'misconfigured']),
  codes,
);

interface Options {
  program: string;
  status: z.output<typeof commandActions.status>;
  off: z.output<typeof commandActions.off>;
  on: z.output<typeof commandActions.on>;
  identity?: { args: string[] } | undefined;
  faults: z.output<typeof commandFaults>;
}

/** What shells and interpreters end with when they cannot even begin: 1 and 2, 126 and 127, and 128 and more for a signal. */
const BROKEN = 126;
const NEEDS_WORD = [0, 1, 2];
const SHELL = /^(ba|da|z|k|fi)?sh$/;

/** One line for each reason why these options must not be used. */
export function whyUnsafe({
  program,
  status,
  off,
  on,
  identity,
  faults,
}: Options): { path: string[]; message: string }[] {
  const found: { path: string[]; message: string }[] = [];
  const say = (path: string[], message: string): void => void found.push({ path, message });
  const { exit, says } = status;
  const both = exit.off.find((c) => exit.on.includes(c));
  if (both !== undefined && (says?.on === undefined || says.off === undefined))
    say(['status', 'exit'], `${both} means both on and off (give says.on and says.off)`);
  if (both !== undefined && says?.on !== undefined && says.on === says.off)
    say(['status', 'says'], 'the same word means both on and off');
  if (exit.off.some((c) => c >= BROKEN))
    say(['status', 'exit', 'off'], 'must be below 126: a program that cannot be started, or is killed, ends so');
  if (exit.off.some((c) => NEEDS_WORD.includes(c)) && says?.off === undefined)
    say(
      ['status', 'says', 'off'],
      '0, 1 and 2 are also what programs end with that did nothing: say the word for off too',
    );
  const meant = [...exit.on, ...exit.off];
  const named = Object.entries(faults).find(([, list]) => list?.some((c) => meant.includes(c)));
  if (named) say(['faults', named[0]], 'is an exit code that means on or off');
  const runs = [status.args, off.args, on.args, ...(identity ? [identity.args] : [])];
  if (SHELL.test(basename(program)) && runs.some((list) => list.some((a) => /^-\w*c/.test(a))))
    say(['program'], 'is a shell with -c: write a script, a name in it would be read as a command');
  if (JSON.stringify(off.args) === JSON.stringify(on.args) || JSON.stringify(off.args) === JSON.stringify(status.args))
    say(['off', 'args'], 'are the same as those of another action');
  return found;
}
