// Every activity error becomes a typed, redacted line before it reaches a history. Otherwise argv, stderr, URLs with
// credentials, bodies, causes and stacks with the paths of this machine would stand there for ever (temporal.md).
import { CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Redactor } from './redact.ts';

const LONGEST = 500;

/** These beat by themselves, with what their next attempt needs; a loop of theirs that hangs falls silent. */
const OWN_BEAT = new Set(['sweepFleet', 'guardNode', 'fenceLevel', 'evacuateInstance', 'findRoom']);
const BEAT_MS = 1_000;

/**
 * Every other activity beats while it runs. Without it a worker that is killed, or a machine that hangs with the task in an open poll,
 * would cost the whole time limit of a call: minutes in the middle of a recovery instead of seconds.
 */
export const beatWhileRunning: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      if (!context.info.heartbeatTimeoutMs || OWN_BEAT.has(context.info.activityType)) return next(input);
      const ticker = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await next(input);
      } finally {
        clearInterval(ticker);
      }
    },
  },
});

export function redactErrors(redactor: Redactor): ActivityInterceptorsFactory {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          // Control flow of the SDK, not failures.
          if (error instanceof CancelledFailure || error instanceof CompleteAsyncError) throw error;
          if (context.cancellationSignal.aborted && error instanceof Error && error.name === 'AbortError') throw error;
          throw toFailure(error, redactor);
        }
      },
    },
  });
}

/** One line, typed, without cause and stack. The type and nonRetryable of an ApplicationFailure are kept. */
export function toFailure(error: unknown, redactor: Redactor): ApplicationFailure {
  const message = oneLine(redactor.redact(error instanceof Error ? error.message : String(error)));
  const failure =
    error instanceof ApplicationFailure
      ? ApplicationFailure.create({
          message,
          type: error.type ?? 'Error',
          nonRetryable: error.nonRetryable === true,
          details: (error.details ?? []).map((detail) => brief(detail, redactor)),
          ...(error.nextRetryDelay ? { nextRetryDelay: error.nextRetryDelay } : {}),
          ...(error.category ? { category: error.category } : {}),
        })
      : ApplicationFailure.create({
          message,
          type: error instanceof Error ? error.name : 'Error',
          details: facts(error),
        });
  failure.stack = '';
  return failure;
}

/** What a workflow may decide by: the numbers and words of an OpenStackError; nothing of any other error. */
function facts(error: unknown): Record<string, unknown>[] {
  if (!(error instanceof Error) || error.name !== 'OpenStackError') return [];
  const known = ['status', 'kind', 'maybeSent', 'service', 'method', 'requestId'] as const;
  const found = known
    .map((key) => [key, (error as unknown as Record<string, unknown>)[key]] as const)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  return [Object.fromEntries(found)];
}

/** Details that an activity gave on purpose are kept when they are small; a body or a stack is not. */
function brief(detail: unknown, redactor: Redactor): unknown {
  const clean = redactor.redactValue(detail);
  const text = JSON.stringify(clean) ?? 'null';
  return text.length <= 2_000 ? clean : `${oneLine(text).slice(0, 200)}… (${text.length} characters)`;
}

function oneLine(text: string): string {
  const line = text.replace(/\s*[\r\n]+\s*/g, ' | ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line || 'no message';
}
