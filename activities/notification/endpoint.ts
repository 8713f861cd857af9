// One address that messages are posted to. Bounds everything by a time limit, and says in one line without secrets what went wrong.
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Agent, fetch, ProxyAgent, type Dispatcher } from 'undici';
import type { AnySecretSource } from '../fencing/driver.ts';
import { redact } from '../openstack/errors.ts';
import { NotificationError, type NotificationContext } from './driver.ts';
import { LOOPBACK } from './options.ts';
import { oneLine } from './words.ts';

export interface EndpointOptions {
  /** `slack`: begins each error. */
  driver: string;
  url: string | AnySecretSource;
  caFile?: string | undefined;
  proxy?: string | undefined;
  timeout: number;
  /** True: this answer is about the message, another try gets the same. `said` is its body. */
  permanent(status: number, said: string): boolean;
  /** What an answer means, for a person. */
  hint?(status: number, said: string): string | undefined;
}

export interface Request {
  headers: Record<string, string>;
  body: string;
  /** Taken out of whatever the other side says. */
  secrets?: readonly string[];
}

const LONGEST_ANSWER = 10_000;

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #context: NotificationContext;
  /** Until then the other side wants peace (performance.now). Politeness only: another worker does not know it. */
  #quietUntil = 0;

  constructor(options: EndpointOptions, context: NotificationContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Posts once. Resolves with the body of a 2xx answer; rejects with NotificationError only. `make` runs right before. */
  async post(to: string, make: () => Promise<Request>, signal: AbortSignal): Promise<string> {
    const { driver, timeout } = this.#options;
    const secrets: string[] = [];
    let what = `${driver} to ${to}`;
    try {
      const rest = this.#quietUntil - performance.now();
      if (rest > 0) throw new NotificationError(`${what}: it asked for a pause before`, false, rest);
      const url = await this.#url(secrets);
      what += `, ${url.host}`;
      const request = await make();
      secrets.push(...(request.secrets ?? []));
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
      const answer = await this.#send(url, request, within);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      throw this.#refusal(what, answer, secrets);
    } catch (error) {
      throw error instanceof NotificationError ? error : explain(what, error, secrets);
    }
  }

  /** Connects, with TLS where the address says so, and posts nothing. */
  async probe(signal: AbortSignal, check: () => Promise<unknown> = async () => undefined): Promise<string> {
    const { driver, proxy, timeout } = this.#options;
    const secrets: string[] = [];
    try {
      const url = await this.#url(secrets);
      await check();
      const target = proxy === undefined ? url : new URL(proxy);
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
      await reach(target, await this.#ca(), within);
      const how = target.protocol === 'https:' ? 'with TLS' : 'without TLS';
      return `${target.host} answers ${how}${proxy === undefined ? '' : ' (the proxy)'}; a message shows whether it is taken`;
    } catch (error) {
      throw error instanceof NotificationError ? error : explain(`${driver} probe`, error, secrets);
    }
  }

  /** Resolved anew each time. All its parts are secrets where it is one. */
  async #url(secrets: string[]): Promise<URL> {
    const { driver, url } = this.#options;
    if (typeof url === 'string') return new URL(url);
    const text = (await this.#context.secret(url)).trim();
    secrets.push(text);
    const where = 'env' in url ? `$${url.env}` : 'file' in url ? url.file : 'of a command';
    const parsed = URL.canParse(text) ? new URL(text) : null;
    if (!parsed || !/^https?:$/.test(parsed.protocol))
      throw new NotificationError(`${driver}: the secret ${where} is no address (https://…)`, false);
    if (parsed.protocol === 'http:' && !LOOPBACK.test(parsed.hostname))
      throw new NotificationError(
        `${driver}: the secret ${where} would go in clear over the network (write https)`,
        false,
      );
    secrets.push(parsed.href, `${parsed.pathname}${parsed.search}`, parsed.pathname);
    const parts = [...parsed.pathname.split('/'), ...parsed.searchParams.values(), parsed.username, parsed.password];
    secrets.push(...parts.filter((part) => part.length >= 6).flatMap((part) => [part, decoded(part)]));
    return parsed;
  }

  async #ca(): Promise<string | undefined> {
    const { caFile } = this.#options;
    return caFile === undefined ? undefined : readFile(caFile, 'utf8');
  }

  async #send(url: URL, { headers, body }: Request, signal: AbortSignal): Promise<Answer> {
    const { proxy } = this.#options;
    const ca = await this.#ca();
    const tls = ca === undefined ? {} : { ca };
    // One connection a message: nothing is held open between incidents. Undici's own fetch, as Node 20's takes no foreign Agent.
    const dispatcher: Dispatcher =
      proxy === undefined ? new Agent({ connect: tls }) : new ProxyAgent({ uri: proxy, requestTls: tls });
    try {
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', dispatcher, signal });
      const said = (await response.text()).slice(0, LONGEST_ANSWER);
      return { status: response.status, body: said, retryAfter: response.headers.get('retry-after') };
    } finally {
      await dispatcher.destroy().catch(() => undefined);
    }
  }

  #refusal(what: string, { status, body, retryAfter }: Answer, secrets: readonly string[]): NotificationError {
    const permanent = this.#options.permanent(status, body);
    const wait = permanent ? undefined : waitOf(retryAfter);
    if (wait !== undefined) this.#quietUntil = performance.now() + wait;
    const said = oneLine(redact(body, secrets)).slice(0, 200);
    const answer = said === '' || /^</.test(said) ? `${status}` : `${status} ${said}`;
    const hint = this.#options.hint?.(status, body) ?? hintOf(status);
    const sentence = permanent ? 'refused for good' : (hint ?? 'not taken');
    return new NotificationError(`${what}: ${sentence} (${answer})`, permanent, wait);
  }
}

interface Answer {
  status: number;
  body: string;
  retryAfter: string | null;
}

/** Not about the message: another try may find it mended. 408, 425 and 429 ask for one. */
const MAY_PASS = [401, 403, 407, 408, 425, 429];
export const refusedForGood = (status: number): boolean => status >= 400 && status < 500 && !MAY_PASS.includes(status);

function hintOf(status: number): string | undefined {
  if (status === 401 || status === 403) return 'our secret was refused: check it and its address';
  if (status === 429) return 'too many messages';
  return status >= 300 && status < 400 ? 'it points elsewhere, and is not followed: give the final address' : undefined;
}

/** Seconds or a date (RFC 9110) → milliseconds. */
function waitOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 3_600_000) : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function reach(url: URL, ca: string | undefined, signal: AbortSignal): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const tls = url.protocol === 'https:';
  const port = Number(url.port) || (tls ? 443 : 80);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const name = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket = tls
      ? connectTls({ host, port, ...name, ...(ca !== undefined && { ca }) }, done)
      : connect({ host, port }, done);
    const stop = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', stop);
      reject(error);
    });
    function done(): void {
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve();
    }
  });
}

const HINTS: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name of the server is not known',
  EAI_AGAIN: 'the name of the server is not known',
  ECONNRESET: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  ETIMEDOUT: 'no answer in time',
  ENOENT: 'a file of the configuration cannot be read',
  EACCES: 'a file of the configuration cannot be read',
};

/** Never permanent: nothing was said of the message. Of a strange error its code alone, since a text may quote what was sent. */
function explain(what: string, error: unknown, secrets: readonly string[]): NotificationError {
  const e = error as Error & { code?: unknown; cause?: { code?: unknown; message?: string } };
  const code = String(e.code ?? e.cause?.code ?? '');
  if (e.name === 'TimeoutError') return new NotificationError(`${what}: no answer in time`, false);
  if (e.name === 'AbortError') return new NotificationError(`${what}: stopped, the worker is stopping`, false);
  if (/CERT|SELF_SIGNED|SSL|TLS|UNABLE_TO|ALTNAME/.test(code))
    return new NotificationError(`${what}: TLS failed: check the address and caFile (${code})`, false);
  if (HINTS[code]) return new NotificationError(`${what}: ${HINTS[code]} (${code})`, false);
  const said = code || /^Cannot read secret/.test(e.message) ? code || e.message : e.name;
  return new NotificationError(`${what}: failed (${oneLine(redact(said, secrets))})`, false);
}
