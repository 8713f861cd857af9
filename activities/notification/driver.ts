// A notification driver delivers one rendered message to one recipient. At least once; a repeat carries the same id.
import type { z } from 'zod';
import type { SecretSource } from '../fencing/driver.ts';

export interface Message {
  /** Stable for (run, stage, recipient): the Message-ID of a mail. No angle brackets. */
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
  secret(source: SecretSource): Promise<string>;
}

export interface NotificationDriver<S extends z.ZodType = z.ZodType> {
  name: string;
  options: S;
  create(options: z.output<S>, context: NotificationContext): NotificationChannel;
}
