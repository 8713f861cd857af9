// One line of the table that `check` prints, and how it comes about: within a time limit, never by a rejection.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../workers/config.ts';
import type { DriverSource } from '../../workers/deps.ts';
import type { Secrets } from '../../workers/secrets.ts';

export const PARTS = ['configuration', 'temporal', 'openstack', 'monitoring', 'fencing', 'notification'] as const;

export interface Row {
  part: (typeof PARTS)[number];
  what: string;
  verdict: 'ok' | 'warn' | 'fail';
  says: string;
  /** What to do where it is not ok. */
  todo: string;
}

export interface Probing {
  config: Config;
  secrets: Secrets;
  source: DriverSource;
  /** What was met on the way. */
  warnings: string[];
}

/** What a probe answers where it does not only say that it works. */
export interface Saying {
  verdict?: Row['verdict'];
  says: string;
  todo?: string;
}

const LIMIT_MS = 20_000;

/** A row, whatever happens: an error is a failed row with its text, redacted. Ends within 20 s. */
export async function probe(
  { secrets }: Pick<Probing, 'secrets'>,
  about: { part: Row['part']; what: string; todo: string; failsAs?: 'warn' | 'fail' },
  look: (signal: AbortSignal) => Promise<Saying | string>,
): Promise<Row> {
  const { part, what, todo, failsAs = 'fail' } = about;
  const stop = new AbortController();
  const late = sleep(LIMIT_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`no answer within ${LIMIT_MS / 1_000} s`);
  });
  late.catch(() => undefined);
  try {
    const said = await Promise.race([look(stop.signal), late]);
    const saying: Saying = typeof said === 'string' ? { says: said } : said;
    return {
      part,
      what,
      verdict: saying.verdict ?? 'ok',
      says: clean(secrets, saying.says),
      todo: saying.todo ?? todo,
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { part, what, verdict: failsAs, says: clean(secrets, text), todo };
  } finally {
    stop.abort();
  }
}

const clean = (secrets: Secrets, text: string): string => secrets.redactor.redact(text).replace(/\s+/g, ' ').trim();

/** `a, b, c and 41 more`. */
export function some(names: readonly string[], most = 8): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
