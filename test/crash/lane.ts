// What both lists of the lane have in common: which points are chosen, how many are told at a time, and a line for each as it ends
// (node's reporter is silent until all of them have).
import type { TestContext } from 'node:test';

/** Two: a story mostly waits, and a machine has at least two cores. CRASH_AT_ONCE says how many else. */
export const AT_ONCE = Number(process.env.CRASH_AT_ONCE ?? 2);

/** CRASH=unlock: those whose name contains it. */
export const isChosen = (name: string): boolean => name.includes(process.env.CRASH ?? '');

const say = (line: string): void => void process.stdout.write(`── ${line}\n`);

export interface Progress {
  /** Tells one point; its error is the test's. */
  tell(t: TestContext, name: string, point: () => Promise<{ seconds: number }>): Promise<void>;
}

export function progress(total: number, of: string): Progress {
  say(`${total} ${of}`);
  let over = 0;
  return {
    async tell(t, name, point) {
      try {
        const { seconds } = await point();
        say(`${++over} of ${total}: ${name}: ok (${seconds} s)`);
        t.diagnostic(`${seconds} s`);
      } catch (error) {
        say(`${++over} of ${total}: ${name}: FAILED`);
        throw error;
      }
    },
  };
}
