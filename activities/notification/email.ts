// Mail by SMTP. One connection a message: a mail server that is slow or down holds nothing open between incidents.
import { readFile } from 'node:fs/promises';
import { createTransport } from 'nodemailer';
import { z } from 'zod';
import { redact } from '../openstack/errors.ts';
import { usableAddress } from './address.ts';
import { NotificationError, type Message, type NotificationChannel, type NotificationContext } from './driver.ts';
import type { NotificationDriver, Preview } from './driver.ts';
import { LOOPBACK, secretSource } from './options.ts';
import { oneLine } from './words.ts';

export const mailAddress = z
  .string()
  .refine((s) => usableAddress(s) !== null, 'is not a mail address (write name@example.net, one, without a name)')
  .meta({ expected: 'a mail address', example: 'lifeboat@example.org' });

export const emailOptions = z
  .strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).optional(),
    /** `starttls` (port 587) and `implicit` (465) refuse to go on without TLS; `none` (25) never uses it. */
    tls: z.enum(['none', 'starttls', 'implicit']).default('starttls'),
    /** PEM. Trusted instead of the system's authorities. */
    caFile: z.string().min(1).optional(),
    username: z.string().min(1).optional(),
    password: secretSource.optional(),
    from: z
      .union([mailAddress, z.strictObject({ name: z.string(), address: mailAddress })])
      .meta({ expected: 'a mail address, or { name, address }', example: 'lifeboat@example.org' }),
    replyTo: mailAddress.optional(),
    /** Milliseconds for one whole delivery. */
    timeout: z.int().min(1_000).max(110_000).default(60_000),
  })
  .refine((o) => (o.username === undefined) === (o.password === undefined), 'username and password go together')
  .refine((o) => o.tls !== 'none' || o.username === undefined || LOOPBACK.test(o.host), {
    path: ['tls'],
    message: 'none would send the password in clear over the network (use starttls or implicit)',
  });
export type EmailOptions = z.output<typeof emailOptions>;

const PORTS = { none: 25, starttls: 587, implicit: 465 } as const;

export const email: NotificationDriver<typeof emailOptions> = {
  name: 'email',
  options: emailOptions,
  create: (options, context) => new EmailChannel(options, context),
};

class EmailChannel implements NotificationChannel {
  readonly #options: EmailOptions;
  readonly #context: NotificationContext;
  readonly #server: string;

  constructor(options: EmailOptions, context: NotificationContext) {
    this.#options = options;
    this.#context = context;
    this.#server = `${options.host}:${options.port ?? PORTS[options.tls]}`;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { address } = message.to;
    if (usableAddress(address) === null) throw new NotificationError('email: the address cannot be used', true);
    await this.#with(`email to ${address}`, signal, async (transport, within) => {
      await transport.sendMail({ ...this.#compose(message), signal: within });
    });
  }

  async probe(signal: AbortSignal): Promise<string> {
    await this.#with('email probe', signal, async (transport, within) => {
      within.throwIfAborted();
      const aborted = new Promise<never>((_, reject) => {
        within.addEventListener('abort', () => reject(within.reason as Error), { once: true });
      });
      await Promise.race([transport.verify(), aborted]);
    });
    const { tls, username } = this.#options;
    const encrypted = { none: 'without TLS', starttls: 'with STARTTLS', implicit: 'with TLS' }[tls];
    return `${this.#server} answers ${encrypted}, ${username === undefined ? 'no login' : `logged in as ${username}`}`;
  }

  preview(message: Message): Preview {
    const { from, replyTo } = this.#options;
    const sender = typeof from === 'string' ? { name: 'Lifeboat', address: from } : from;
    const head: [string, string][] = [
      ['From', `${sender.name} <${sender.address}>`],
      ['To', message.to.name ? `${message.to.name} <${message.to.address}>` : message.to.address],
      ...(replyTo === undefined ? [] : ([['Reply-To', replyTo]] as [string, string][])),
      ['Subject', oneLine(message.subject)],
      ...(message.attachments ?? []).map((a): [string, string] => ['Attached', `${a.name}, ${a.content.length} bytes`]),
    ];
    return { head, kind: 'mail', body: message.html };
  }

  /** Header values are one line each, whatever is in them: a newline would begin another header. */
  #compose(message: Message): Record<string, unknown> {
    const { from, replyTo } = this.#options;
    const sender = typeof from === 'string' ? { name: 'Lifeboat', address: from } : from;
    return {
      messageId: `<${message.id}@${sender.address.slice(sender.address.lastIndexOf('@') + 1)}>`,
      from: { name: oneLine(sender.name), address: sender.address },
      to: { name: oneLine(message.to.name), address: message.to.address },
      ...(replyTo !== undefined && { replyTo }),
      subject: oneLine(message.subject),
      text: message.text,
      html: message.html,
      attachments: (message.attachments ?? []).map((a) => ({
        filename: a.name,
        contentType: a.type,
        content: a.content,
      })),
      // RFC 3834: nobody's holiday notice answers this.
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      disableFileAccess: true,
      disableUrlAccess: true,
    };
  }

  /** Reads the secret anew each time and bounds everything by the time limit. Rejects with NotificationError only. */
  async #with(
    what: string,
    signal: AbortSignal,
    use: (transport: ReturnType<typeof createTransport>, within: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const o = this.#options;
    let password = '';
    try {
      if (o.password) password = await this.#context.secret(o.password);
      const ca = o.caFile === undefined ? undefined : await readFile(o.caFile, 'utf8');
      const transport = createTransport({
        host: o.host,
        port: o.port ?? PORTS[o.tls],
        secure: o.tls === 'implicit',
        requireTLS: o.tls === 'starttls',
        ignoreTLS: o.tls === 'none',
        tls: { ...(ca !== undefined && { ca }) },
        // Forced: a server that forgot to offer AUTH would get the mail without a login, and relay it nowhere.
        ...(o.username !== undefined && { auth: { user: o.username, pass: password }, forceAuth: true }),
        connectionTimeout: o.timeout,
        greetingTimeout: o.timeout,
        socketTimeout: o.timeout,
      });
      try {
        await use(transport, AbortSignal.any([signal, AbortSignal.timeout(o.timeout)]));
      } finally {
        transport.close();
      }
    } catch (error) {
      throw explain(`${what}, ${this.#server}`, error, secretsOf(o.username ?? '', password));
    }
  }
}

interface SmtpError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

/** Codes about the login, not about the recipient, whichever command they answer. */
const LOGIN_CODES = [530, 534, 535, 538];
const HINTS: Record<string, string> = {
  EAUTH: 'the login was refused: check username and password',
  ENOAUTH: 'the login was refused: check username and password',
  ETIMEDOUT: 'no answer in time',
  EABORT: 'no answer in time, or the worker is stopping',
  ETLS: 'TLS failed: check tls and caFile',
  EDNS: 'the name of the server is not known',
  ECONNECTION: 'the connection failed',
  ESOCKET: 'the connection failed',
};

/** Permanent only where the server refuses this recipient or this message with 5xx: all else a person or time can mend. */
function explain(what: string, error: unknown, secrets: string[]): NotificationError {
  const e = error as SmtpError;
  const refused = ['RCPT TO', 'DATA'].includes(e.command ?? '') && (e.responseCode ?? 0) >= 500;
  const permanent = refused && e.responseCode !== 503 && !LOGIN_CODES.includes(e.responseCode ?? 0);
  const hint = hintOf(e);
  const why = oneLine(redact(e.response ?? e.message, secrets)).slice(0, 300);
  const sentence = permanent ? `refused for good (${why})` : `${hint ?? 'not taken'} (${why})`;
  return new NotificationError(`${what}: ${sentence}`, permanent);
}

function hintOf(e: SmtpError): string | undefined {
  if (e.responseCode === 530) return 'the server wants a login: set username and password';
  if (e.code === 'ENOENT' || e.code === 'EACCES') return 'a file of the configuration cannot be read';
  if (e.name === 'TimeoutError') return HINTS.ETIMEDOUT;
  return /certificate/i.test(e.message) ? HINTS.ETLS : HINTS[e.code ?? ''];
}

/** The password, and what AUTH PLAIN sends: a server may echo it, with the name. */
const secretsOf = (username: string, password: string): string[] =>
  password === '' ? [] : [password, `\0${username}\0${password}`];
