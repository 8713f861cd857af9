// A notification driver delivers one rendered message to one recipient: a person, or (a room) whoever reads the channel. At least
// once; a repeat carries the same id.
import type { z } from 'zod';
import type { Stage } from '../../workflows/contract.ts';
import type { AnySecretSource } from '../fencing/driver.ts';
import type { Brief } from './brief.ts';

export interface Message {
  /** Stable for (run, stage, recipient): the left side of a mail's Message-ID. Letters, digits, dots; tells nothing. */
  id: string;
  /** A person and their address; of a room its channel's name as both. */
  to: { name: string; address: string };
  subject: string;
  text: string;
  html: string;
  attachments?: { name: string; type: string; content: string }[];
  /** The same as values, for channels that arrange it themselves. */
  brief: Brief;
}

/** What would be sent, for a person to look at. No secret: `***` stands in its place. */
export interface Preview {
  /** `POST https://hooks.example.net/…`, `Subject: …`: what stands around the body. */
  head: [name: string, value: string][];
  kind: 'mail' | 'json' | 'text';
  body: string;
}

export interface NotificationChannel {
  /** Resolves once the channel took the message. Rejects with NotificationError, or one like it; `permanent` is never tried again. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
  /** Reads only: can we connect and log in? One line for a person. Rejects like deliver. */
  probe(signal: AbortSignal): Promise<string>;
  /** What deliver would send. Connects to nothing and reads no secret. */
  preview?(message: Message): Preview;
  close?(): Promise<void>;
}

export interface NotificationContext {
  /** Resolves a secret of the configuration; throws a clear error where it is missing or empty. */
  secret(source: AnySecretSource): Promise<string>;
}

export interface NotificationDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** Where its options are explained, said beside a wrong one: an address or a path. A driver of ours has docs/drivers/<kind>-<name>.md. */
  page?: string;
  /** The driver's own options, strict. */
  options: S;
  /**
   * True: it has no recipients of its own (a chat's room, a pager's service, a program) and gets the admins' message once a stage.
   * Absent: each person gets their own.
   */
  isRoom?(options: z.output<S>): boolean;
  /** As a room it tells no person but a machine, which opens and closes incidents: `notification.perHour` never holds anything back from it. */
  pager?: boolean;
  /** All that it can tell, which is also what it is used for where the configuration names no stages. Absent: every stage. */
  stages?: readonly Stage[];
  /** Opens nothing yet: a channel that is down must not keep a worker from starting. */
  create(options: z.output<S>, context: NotificationContext): NotificationChannel;
}

/** Why a message was not taken. The message is one line without secrets: it goes into the history. */
export class NotificationError extends Error {
  /** The recipient or the message was refused for good: another try gets the same answer. */
  readonly permanent: boolean;
  /** Milliseconds after which the other side wants to be asked again; absent: it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, permanent: boolean, retryAfterMs?: number) {
    super(message);
    this.name = 'NotificationError';
    this.permanent = permanent;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Also one of another copy of this file: a driver of somebody else needs nothing of Lifeboat at run time, only an Error with `permanent`. */
export const isNotificationError = (
  error: unknown,
): error is Error & Pick<NotificationError, 'permanent' | 'retryAfterMs'> =>
  error instanceof Error && 'permanent' in error && typeof error.permanent === 'boolean';
