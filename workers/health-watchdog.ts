// A watchdog outside of everything (a cron monitor, a dead man's snitch) hears from the worker that sweeps: silence there is the
// alarm that needs neither Temporal nor Prometheus nor our mail.
import type { Logger } from '@temporalio/worker';
import { sweepSeen, type SweepSeen } from '../activities/monitoring/metrics.ts';

export interface WatchdogOptions {
  /** Its path is a secret: who knows it can keep the watchdog quiet. */
  url: string;
  cloud: string;
  logger: Pick<Logger, 'warn' | 'info'>;
  /** At most one request in so long. */
  everyMs?: number;
  limitMs?: number;
}

const EVERY_MS = 30_000;
const LIMIT_MS = 10_000;

/** Throws one line, without the address, where it is none. */
export function checkWatchdogUrl(url: string): void {
  const wrong = 'LIFEBOAT_WATCHDOG_URL is not an http or https address (example: https://hc.example.org/ping/…)';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new Error(wrong);
}

/**
 * One GET after a whole sweep of this cloud; nothing after one that was not. A watchdog that does not answer is a warning in the log,
 * once until it does, and delays nothing. Answers how to stop.
 */
export function tellWatchdog(options: WatchdogOptions): () => void {
  const { cloud, everyMs = EVERY_MS } = options;
  let lastAt = -Infinity;
  let failing = false;
  let busy = false;
  const ping = async (): Promise<void> => {
    const why = await ask(options);
    if (why && !failing) options.logger.warn(`the watchdog does not hear us: ${why}`, { cloud });
    if (!why && failing) options.logger.info('the watchdog hears us again', { cloud });
    failing = why !== null;
    busy = false;
  };
  const onSweep = (message: unknown): void => {
    const seen = message as SweepSeen;
    const now = performance.now();
    if (seen.cloud !== cloud || !seen.sight.whole || busy || now - lastAt < everyMs) return;
    busy = true;
    lastAt = now;
    void ping();
  };
  sweepSeen.subscribe(onSweep);
  return () => {
    sweepSeen.unsubscribe(onSweep);
  };
}

/** Null: it took it. Nothing of the address is in the answer. */
async function ask({ url, limitMs = LIMIT_MS }: WatchdogOptions): Promise<string | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(limitMs), redirect: 'error' });
    await answer.body?.cancel();
    return answer.ok ? null : `status ${answer.status}`;
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${limitMs / 1_000} s`;
    const code = (error as { cause?: { code?: unknown } }).cause?.code;
    return typeof code === 'string' ? code : 'the request failed';
  }
}
