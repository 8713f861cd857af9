// POST to any address: JSON of our own, or the user's template. Signed, so that the receiver knows who speaks.
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { bodyTemplate, type BodyTemplate } from './body-template.ts';
import type { Message, NotificationChannel, NotificationContext, NotificationDriver, Preview } from './driver.ts';
import { Endpoint, refusedForGood, type Request } from './endpoint.ts';
import { messageJson } from './message-json.ts';
import { LOOPBACK, overHttp, secretSource, TELLS_A_SECRET, textOrSecret, webAddress } from './options.ts';

const headerName = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is no name of a header')
  .refine((n) => !/^(content-.*|host|connection|transfer-encoding|idempotency-key|x-lifeboat-.*)$/i.test(n), {
    message: 'is set by Lifeboat',
  });

export const webhookOptions = z
  .strictObject({
    url: z.union([webAddress, secretSource]).meta({
      expected: 'an address, or a secret that holds it',
      example: 'https://hooks.example.net/lifeboat',
    }),
    /** `stage`: the admins' message, once a stage. `recipient`: one for each person, as mail. */
    per: z.enum(['stage', 'recipient']).default('stage'),
    headers: z.record(headerName, textOrSecret).default({}),
    /** The key of the signature. */
    signature: secretSource.optional(),
    /** A file that makes the body; read at the start. */
    template: z.string().min(1).optional(),
    contentType: z.string().min(1).default('application/json'),
    ...overHttp,
  })
  .superRefine(({ headers, url }, context) => {
    for (const [name, value] of Object.entries(headers)) {
      const say = (message: string): void => context.addIssue({ code: 'custom', path: ['headers', name], message });
      if (typeof value === 'string' && TELLS_A_SECRET.test(name))
        say('would write a secret into the file (write { env: NAME } or { file: path })');
      else if (typeof value === 'string' && /[^\t\x20-\x7e]/.test(value)) say('is not one line of plain text');
      else if (typeof value !== 'string' && typeof url === 'string' && inClear(url))
        say('would go in clear over the network (write https)');
    }
  });
export type WebhookOptions = z.output<typeof webhookOptions>;

const inClear = (url: string): boolean =>
  url.startsWith('http:') && URL.canParse(url) && !LOOPBACK.test(new URL(url).hostname);

export const webhook: NotificationDriver<typeof webhookOptions> = {
  name: 'webhook',
  options: webhookOptions,
  isRoom: ({ per }) => per === 'stage',
  pager: true,
  create: (options, context) => new WebhookChannel(options, context),
};

/** `t=1790000000,v1=<hex>`: HMAC-SHA256 of the Unix seconds, a dot and the body. The receiver refuses an old `t`. */
export function sign(secret: string, seconds: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

class WebhookChannel implements NotificationChannel {
  readonly #options: WebhookOptions;
  readonly #context: NotificationContext;
  readonly #endpoint: Endpoint;
  readonly #template: BodyTemplate | null;

  constructor(options: WebhookOptions, context: NotificationContext) {
    this.#options = options;
    this.#context = context;
    this.#template = options.template === undefined ? null : bodyTemplate(options.template, options.contentType);
    const { url, caFile, proxy, timeout } = options;
    const permanent = refusedForGood;
    this.#endpoint = new Endpoint({ driver: 'webhook', url, caFile, proxy, timeout, permanent }, context);
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    await this.#endpoint.post(message.to.address, () => this.#request(message), signal);
  }

  /** Cannot say whether a secret is right: only a message would tell. */
  probe(signal: AbortSignal): Promise<string> {
    const { headers, signature } = this.#options;
    const sources = [...Object.values(headers), signature].filter((v) => v !== undefined && typeof v !== 'string');
    return this.#endpoint.probe(signal, () => Promise.all(sources.map((source) => this.#context.secret(source))));
  }

  preview(message: Message): Preview {
    const { url, headers, signature, contentType } = this.#options;
    const own = Object.entries(headers).map(([k, v]): [string, string] => [k, typeof v === 'string' ? v : '***']);
    return {
      head: [
        ['POST', typeof url === 'string' ? url : '***'],
        ...Object.entries(this.#headers(message)),
        ...own,
        ...(signature ? ([['x-lifeboat-signature', 't=…,v1=…']] as [string, string][]) : []),
      ],
      kind: /json/.test(contentType) ? 'json' : 'text',
      body: this.#body(message),
    };
  }

  #headers(message: Message): Record<string, string> {
    return {
      'content-type': this.#options.contentType,
      'user-agent': 'Lifeboat',
      // A repeat carries the same one: the receiver can know that it has it.
      'idempotency-key': message.id,
    };
  }

  #body(message: Message): string {
    if (this.#template) return this.#template(message);
    return JSON.stringify(messageJson(message, this.#options.per === 'stage'));
  }

  async #request(message: Message): Promise<Request> {
    const secrets: string[] = [];
    const resolve = async (source: z.output<typeof secretSource>): Promise<string> => {
      const value = await this.#context.secret(source);
      secrets.push(value);
      return value;
    };
    const headers = this.#headers(message);
    for (const [name, value] of Object.entries(this.#options.headers))
      headers[name.toLowerCase()] = typeof value === 'string' ? value : await resolve(value);
    const body = this.#body(message);
    const { signature } = this.#options;
    if (signature)
      headers['x-lifeboat-signature'] = sign(await resolve(signature), Math.floor(Date.now() / 1_000), body);
    return { headers, body, secrets };
  }
}
