// JSON lines on stderr, each redacted: what a log collector reads, and what a person can read in a pinch.
import { hostname } from 'node:os';
import type { LogLevel } from '@temporalio/common';
import { DefaultLogger, type LogEntry, type Logger } from '@temporalio/worker';
import type { Redactor } from './redact.ts';

/** Names this process in the console, in the watch's `configuredBy` and in logs. */
export const identity = (): string => `${process.pid}@${hostname()}`;

/** What the SDK says at every start and what is as we want it: a Worker of ours has either workflows or activities. */
const NOISE =
  /^(No (activities|workflows|Nexus services) registered|asset workflow-bundle|Workflow bundle created|Worker state)/;

export function jsonLogger(
  level: LogLevel,
  redactor: Redactor,
  write: (line: string) => void = (line) => void process.stderr.write(line),
): Logger {
  return new DefaultLogger(level, (entry: LogEntry) => {
    const { level: severity, message, timestampNanos, meta } = entry;
    if (NOISE.test(message) && level !== 'DEBUG' && level !== 'TRACE') return;
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    const fields = redactor.redactValue({ ...meta }) as Record<string, unknown>;
    write(`${JSON.stringify({ time, level: severity, message: redactor.redact(message), ...fields })}\n`);
  });
}
