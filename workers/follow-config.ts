// The configuration file is looked at while the worker runs. A change is taken whole or not at all: what cannot be used, or not
// without a restart, is said in one line, and what is in force stays in force.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@temporalio/worker';
import { ConfigError, judgeConfig, type Config } from './config.ts';

export const LOOK_EVERY_MS = 5_000;

export interface FollowOptions {
  /** In force now. */
  config: Config;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  signal: AbortSignal;
  /** Puts it in force; answers what changed, in a few words. Rejects: nothing of it is in force. */
  apply(next: Config): Promise<string[]>;
  /** After each change of the file: is what it says in force? */
  told?(inForce: boolean): void;
  /** Between two looks. */
  everyMs?: number;
  /** For tests: waits for the next look. */
  pause?(): Promise<void>;
}

/** Until the signal; never rejects. A file is judged once two looks in a row saw the same: an editor may be in the middle of writing. */
export async function followConfig(options: FollowOptions): Promise<void> {
  const { logger, signal, everyMs = LOOK_EVERY_MS } = options;
  let { config } = options;
  let judged = await fingerprintOf(config, config.text);
  let last: string | null = judged;
  let gone = 0;
  while (!signal.aborted) {
    await (options.pause?.() ?? sleep(everyMs, undefined, { signal }).catch(() => undefined));
    if (signal.aborted) return;
    const text = await readFile(config.file, 'utf8').catch(() => null);
    if (text === null) {
      // Between the two steps of a replacement it is not there for a moment.
      gone += 1;
      if (gone === 2) logger.error(`configuration ${config.file}: cannot be read; what was read before stays in force`);
      continue;
    }
    gone = 0;
    const seen = await fingerprintOf(config, text);
    const settled = seen === last;
    last = seen;
    if (!settled || seen === judged) continue;
    judged = seen;
    const next = await take(options, config, text);
    options.told?.(next !== null);
    if (next) {
      config = next;
      judged = last = await fingerprintOf(next, text);
    }
  }
}

/** Null: refused, and said why. */
async function take({ apply, logger }: FollowOptions, config: Config, text: string): Promise<Config | null> {
  const stays = 'nothing of it is used, the old one stays in force';
  try {
    const next = await judgeConfig(text, config.file);
    const fixed = needsRestart(config, next);
    if (fixed.length > 0) {
      logger.error(
        `configuration ${config.file}: ${fixed.join(', ')} changed, which needs a restart of this worker; ${stays}`,
      );
      return null;
    }
    const changed = await apply(next);
    for (const warning of next.warnings.filter((w) => !config.warnings.includes(w))) logger.warn(warning);
    const what = changed.length > 0 ? changed.join(', ') : 'nothing that this worker uses';
    logger.info(`configuration ${config.file}: the changed file is in force: ${what}`, {
      policy: next.policyHash,
      before: config.policyHash,
    });
    return next;
  } catch (error) {
    logger.error(`configuration ${config.file}: refused; ${stays}: ${whyOf(error)}`);
    return null;
  }
}

function whyOf(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join(' | ');
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' | ');
}

/** What a process is built on: ids, queues, connections, the scale of all durations. */
export function needsRestart(now: Config, next: Config): string[] {
  const fixed = ['cloud', 'openstack', 'temporal', 'timeScale'] as const;
  return fixed.filter((key) => JSON.stringify(now[key]) !== JSON.stringify(next[key]));
}

export const inventoriesOf = ({ fencing }: Pick<Config, 'fencing'>): string[] =>
  fencing.levels.flatMap(({ devices }) => devices.flatMap(({ inventory }) => inventory ?? []));

/** Of the file and of the inventories that it names: a changed address of a BMC is a change, too. */
async function fingerprintOf(config: Config, text: string): Promise<string> {
  return hash([text, await inventoryHash(config)]);
}

export async function inventoryHash(config: Pick<Config, 'fencing'>): Promise<string> {
  const files = inventoriesOf(config).map((path) => readFile(path, 'utf8').catch(() => 'unreadable'));
  return hash(await Promise.all(files));
}

const hash = (parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
