// A small HTTP server that takes JSON from whoever knows the token. What it does not take, it says why, in one line.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

export interface ReceiverOptions {
  host: string;
  port: number;
  path: string;
  tls: { certFile: string; keyFile: string } | null;
  maxBytes: number;
  /** Rejects where it cannot be read: then nothing is taken. */
  token(): Promise<string>;
  /** Takes the body, or throws Refusal. */
  take(body: unknown): string;
}

export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, why: string) {
    super(why);
    this.status = status;
  }
}

const MOST_CONNECTIONS = 64;

export class PushReceiver {
  readonly #o: ReceiverOptions;
  #server: Server | null = null;
  #opening: Promise<void> | null = null;
  /** Why it does not listen; empty while it does, or before it was asked to. */
  trouble = '';

  constructor(options: ReceiverOptions) {
    this.#o = options;
  }

  get at(): string {
    const { tls, host, port, path } = this.#o;
    return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  }

  /** Listens where it does not yet. Never rejects: see `trouble`. */
  async open(): Promise<void> {
    if (this.#server) return;
    this.#opening ??= this.#listen()
      .then(
        () => void (this.trouble = ''),
        (e: Error) => void (this.trouble = `cannot listen on ${this.at}: ${e.message}`),
      )
      .finally(() => (this.#opening = null));
    await this.#opening;
  }

  async close(): Promise<void> {
    await this.#opening;
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }

  async #listen(): Promise<void> {
    const { tls, host, port } = this.#o;
    const handle = (req: IncomingMessage, res: ServerResponse): void => void this.#answer(req, res);
    const server = tls
      ? createTlsServer({ cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) }, handle)
      : createServer(handle);
    server.maxConnections = MOST_CONNECTIONS;
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, host, done);
    });
    server.on('error', () => undefined);
    this.#server = server;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const say = (status: number, text: string, headers: Record<string, string> = {}): void => {
      if (res.destroyed || res.headersSent) return;
      // What is left of a body that nobody reads must not be taken for the next request.
      res.writeHead(status, {
        'content-type': 'text/plain',
        ...(status >= 400 && { connection: 'close' }),
        ...headers,
      });
      res.end(`lifeboat: ${text}\n`);
    };
    try {
      say(200, await this.#judge(req));
    } catch (error) {
      if (!(error instanceof Refusal)) return say(500, 'it failed here');
      const hint: Record<string, string> =
        error.status === 401 ? { 'www-authenticate': 'Bearer' } : error.status === 405 ? { allow: 'POST' } : {};
      say(error.status, error.message, hint);
    }
  }

  async #judge(req: IncomingMessage): Promise<string> {
    if (new URL(req.url ?? '/', 'http://here').pathname !== this.#o.path)
      throw new Refusal(404, `alerts are taken at ${this.#o.path}`);
    if (req.method !== 'POST') throw new Refusal(405, 'alerts are taken by POST');
    await this.#authorize(req.headers.authorization);
    const text = await readBody(req, this.#o.maxBytes);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw new Refusal(400, 'the body is not JSON');
    }
    return this.#o.take(body);
  }

  /** Before anything of the body is read. */
  async #authorize(header: string | undefined): Promise<void> {
    const wanted = await this.#o.token().catch(() => {
      throw new Refusal(503, 'our own token cannot be read');
    });
    const given = /^Bearer (.+)$/i.exec(header ?? '')?.[1];
    if (given === undefined) throw new Refusal(401, 'a bearer token is needed');
    if (!timingSafeEqual(digest(given), digest(wanted))) throw new Refusal(401, 'this is not the token');
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

async function readBody(req: IncomingMessage, most: number): Promise<string> {
  const tooLong = (): Refusal => new Refusal(413, `the body is longer than ${most} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > most) throw tooLong();
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not `for await`: leaving it early destroys the connection, and with it our answer. What is too long is read and dropped.
  await new Promise<void>((done, fail) => {
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > most) {
        chunks.length = 0;
        fail(tooLong());
      } else chunks.push(chunk);
    });
    req.on('end', done);
    req.on('error', fail);
    req.on('close', done);
  });
  if (!req.complete) throw new Refusal(400, 'the body ended early');
  return Buffer.concat(chunks).toString('utf8');
}
