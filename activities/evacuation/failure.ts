// What an error of the OpenStack client means for a write: refused, or nobody knows.
import { ApplicationFailure } from '@temporalio/activity';
import type { OpenStackFailure } from '../openstack/types.ts';

export type Failure = Pick<OpenStackFailure, 'status' | 'message' | 'kind'> & { maybeSent?: boolean };

/** The client's failure as data; null for anything else (a programming error: let it through). */
export function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error) || !('status' in error) || !('kind' in error)) return null;
  const { status, kind } = error;
  if (typeof status !== 'number' || typeof kind !== 'string') return null;
  const maybeSent = 'maybeSent' in error && typeof error.maybeSent === 'boolean' ? error.maybeSent : undefined;
  return { status, kind: kind as Failure['kind'], message: error.message, maybeSent };
}

/** May the write have had its effect? No answer, or a server that broke on the way. Such a write is never repeated blindly. */
export function isLost(f: Failure): boolean {
  if (f.status !== 0) return f.status >= 500;
  return f.maybeSent ?? f.kind === 'timeout';
}

/** Credentials: nothing mends it but a person. */
export const isForbidden = (f: Failure): boolean =>
  f.status === 403 || f.status === 401 || f.kind === 'forbidden' || f.kind === 'auth';

/** An error that no repetition mends; `type` is one of FINAL_ERRORS (workflows/proxies.ts). */
export const final = (
  type: 'UuidChanged' | 'NotOurs' | 'NotFound' | 'ConfigError' | 'Forbidden' | 'RowMoved',
  message: string,
) => ApplicationFailure.nonRetryable(message, type);

export const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 300);
