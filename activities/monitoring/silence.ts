// Silence proves something only while somebody answers; else it is our own network that is gone.
import type { Answer } from './connect.ts';
import type { Seen } from './driver.ts';

const VERDICT = { answered: 'alive', silent: 'failed', unknown: 'unknown' } as const;

/** `someReference` is asked only where no node answered. */
export async function judgeSilence(
  answers: ReadonlyMap<string, Answer>,
  someReference: () => Promise<boolean>,
): Promise<Map<string, Seen>> {
  const all = [...answers];
  const valid = all.some(([, a]) => a.kind === 'answered') || (await someReference());
  return new Map(
    all.map(([host, a]) => {
      const lost = !valid && a.kind === 'silent';
      const saw = lost ? `${a.saw}, but nobody else answers either` : a.saw;
      return [host, { verdict: lost ? 'unknown' : VERDICT[a.kind], saw }];
    }),
  );
}
