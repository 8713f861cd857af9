// A notification driver delivers one rendered message to one recipient. At least once; a repeat carries the same id.
import type { z } from 'zod';
import type { SecretSource } from '../fencing/driver.ts';

export interface Message {
  /** Stable for (run, stage, recipient): the left side of a mail's Message-ID. Letters, digits, dots; tells nothing. */
  id: string;
  to: { name: string; address: string };
  subject: string;
  text: string;
  html: string;
  attachments?: { name: string; type: string; content: string }[];
}

export interface NotificationChannel {
  /** Resolves once the channel took the message. Rejects with NotificationError; `permanent` is never tried again. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
  /** Reads only: can we connect and log in? One line for a person. Rejects like deliver. */
  probe(signal: AbortSignal): Promise<string>;
  close?(): Promise<void>;
}

export interface NotificationContext {
  /** Resolves a secret of the configuration; throws a clear error where it is missing or empty. */
  secret(source: SecretSource): Promise<string>;
}

export interface NotificationDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  /** The driver's own options, strict. */
  options: S;
  /** Opens nothing yet: a channel that is down must not keep a worker from starting. */
  create(options: z.output<S>, context: NotificationContext): NotificationChannel;
}

/** Why a message was not taken. The message is one line without secrets: it goes into the history. */
export class NotificationError extends Error {
  /** The recipient or the message was refused for good: another try gets the same answer. */
  readonly permanent: boolean;

  constructor(message: string, permanent: boolean) {
    super(message);
    this.name = 'NotificationError';
    this.permanent = permanent;
  }
}
