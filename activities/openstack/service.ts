// How a call to any OpenStack service is made: token, endpoint, microversion, time limit, retries of reads, paging.
import type { z } from 'zod';
import { OpenStackError, unsent } from './errors.ts';
import { exchange, failed, json, type Exchange } from './exchange.ts';
import type { HttpAnswer, Transport } from './http.ts';
import { createLimiter, TIME_IS_UP, timeLimit, type Limiter } from './limit.ts';
import { createVersions, type VersionRange } from './microversion.ts';
import { retrying, type Time } from './retry.ts';
import type { Session } from './session.ts';
import type { CallOptions } from './types.ts';

/** A list: the key is repeated. */
export type Query = Record<string, string | string[]>;

export interface Call {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  query?: Query;
  body?: unknown;
  versions?: VersionRange;
}

export interface Page<T> {
  rows: T[];
  /** The address of the next page as the service gave it. */
  next: string | null;
}

export interface Service {
  /** A GET, tried again on connection errors, 5xx and 429. `schema` judges the body. */
  read<T>(call: Call, schema: z.ZodType<T>, o?: CallOptions): Promise<T>;
  /** Like read; null for a 404. */
  find<T>(call: Call, schema: z.ZodType<T>, o?: CallOptions): Promise<T | null>;
  /** All pages; a page that fails, or pages without an end, fail the whole list. The time limit holds for each page. */
  list<T>(call: Call, page: z.ZodType<Page<T>>, o?: CallOptions): Promise<{ rows: T[]; pages: number }>;
  /** Sent exactly once. */
  write(call: Call, o?: CallOptions): Promise<HttpAnswer>;
  writeRead<T>(call: Call, schema: z.ZodType<T>, o?: CallOptions): Promise<T>;
}

export interface ServiceOptions {
  type: 'compute' | 'placement' | 'identity' | 'network' | 'baremetal' | 'image';
  session: Session;
  transport: Transport;
  time: Time;
  concurrency: number;
  readMs: number;
  writeMs: number;
}

const MANY_PAGES = 1_000;

export function createService(s: ServiceOptions): Service {
  const send = createSender(s);
  const judged = <T>(answer: HttpAnswer, call: Call, schema: z.ZodType<T>): T => {
    const where = { service: s.type, method: call.method, path: call.path };
    const parsed = schema.safeParse(json(answer, where));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const message = `an unexpected answer at ${issue?.path.join('.') || 'its top'}: ${issue?.code ?? 'unknown'}`;
    throw failed(where, { kind: 'server', message, status: answer.status });
  };
  const read: Service['read'] = async (call, schema, o) => judged(await send(call, o), call, schema);

  return {
    read,
    find: async (call, schema, o) => {
      try {
        return await read(call, schema, o);
      } catch (e) {
        if (e instanceof OpenStackError && e.kind === 'notFound') return null;
        throw e;
      }
    },
    list: async (call, page, o) => {
      const rows = [];
      const seen = new Set<string>();
      for (let query = call.query, pages = 1; ; pages++) {
        const got = await read({ ...call, query }, page, o);
        rows.push(...got.rows);
        if (got.next === null) return { rows, pages };
        // Only its query counts: behind a proxy the link may name an address that is not ours.
        query = queryOf(got.next);
        const key = written(query);
        if (seen.has(key) || pages >= MANY_PAGES) {
          const message = `its pages do not end (page ${pages} leads back; nothing of the list is used)`;
          throw failed({ service: s.type, method: 'GET', path: call.path }, { kind: 'server', message });
        }
        seen.add(key);
      }
    },
    write: send,
    writeRead: async (call, schema, o) => judged(await send(call, o), call, schema),
  };
}

function createSender(s: ServiceOptions) {
  const queue = createLimiter(s.concurrency);
  const versions = createVersions(s.type, (url) => readDocument(s, queue, url));
  const prepare = async (call: Call, signal: AbortSignal) => {
    try {
      const endpoint = s.session.endpoint(s.type, await s.session.token(signal));
      const version = call.versions ? await versions.pick(endpoint, call.versions, signal) : null;
      const headers: Record<string, string> = version ? { 'openstack-api-version': `${s.type} ${version}` } : {};
      // Ironic knows the common header since 2024.2 only.
      if (version && s.type === 'baremetal') headers['x-openstack-ironic-api-version'] = version;
      return { base: versions.base(endpoint), headers };
    } catch (e) {
      // Whatever became of that: the call was not sent.
      throw e instanceof OpenStackError ? unsent(e) : e;
    }
  };
  return async (call: Call, o: CallOptions = {}): Promise<HttpAnswer> => {
    const timeoutMs = o.timeoutMs ?? (call.method === 'GET' ? s.readMs : s.writeMs);
    const deadline = s.time.now() + timeoutMs;
    const limit = timeLimit(timeoutMs, o.signal);
    try {
      // Token and versions are reads with tries of their own; the call itself, if it is a write, never is repeated.
      const { base, headers } = await prepare(call, limit.signal);
      const query = call.query ? `?${written(call.query)}` : '';
      const url = `${base}${call.path}${query}`;
      const x = {
        method: call.method,
        path: call.path,
        url,
        headers,
        body: call.body,
        signal: limit.signal,
        timeoutMs,
        beforeSend: o.beforeSend,
      };
      const attempt = () => once(s, queue, x);
      return await (call.method === 'GET' ? retrying(s.time, deadline, limit.signal, attempt) : attempt());
    } catch (e) {
      if (e instanceof OpenStackError && e.status === 406) versions.forget();
      // Time was up before the call itself: waiting for a token, a version, or the next try.
      if (e === TIME_IS_UP) throw timedOut(s, call, timeoutMs);
      throw e;
    } finally {
      limit.release();
    }
  };
}

/** The version document: a read of its own, also when a write needs it. Not bound to the caller that came first. */
async function readDocument(s: ServiceOptions, queue: Limiter, url: string): Promise<HttpAnswer> {
  const limit = timeLimit(s.readMs);
  const x = { method: 'GET', path: '/', url, headers: {}, signal: limit.signal, timeoutMs: s.readMs };
  try {
    return await retrying(s.time, s.time.now() + s.readMs, limit.signal, () => once(s, queue, x));
  } finally {
    limit.release();
  }
}

function timedOut(s: ServiceOptions, call: Call, timeoutMs: number): OpenStackError {
  const where = { service: s.type, method: call.method, path: call.path };
  return failed(where, { kind: 'timeout', message: `not sent within ${timeoutMs} ms`, maybeSent: false });
}

/** One exchange with our token. A token that was refused is renewed, once. */
async function once(s: ServiceOptions, queue: Limiter, x: Omit<Exchange, 'service' | 'secrets'>): Promise<HttpAnswer> {
  const go = (token: string) =>
    exchange(
      { ...x, service: s.type, headers: { ...x.headers, 'x-auth-token': token }, secrets: s.session.secrets() },
      s.transport,
      queue,
    );
  const token = await s.session.token(x.signal);
  try {
    return await go(token.value);
  } catch (e) {
    // A 401 comes from the token filter in front of the service, which then has seen nothing: also a write may go again.
    if (!(e instanceof OpenStackError) || e.status !== 401) throw e;
    return go((await s.session.renew(token, x.signal)).value);
  }
}

const written = (query: Query): string =>
  new URLSearchParams(
    Object.entries(query).flatMap(([key, v]) => [v].flat().map((one): [string, string] => [key, one])),
  ).toString();

function queryOf(href: string): Query {
  const at = href.indexOf('?');
  const given = new URLSearchParams(at < 0 ? '' : href.slice(at + 1));
  return Object.fromEntries([...new Set(given.keys())].map((key) => [key, given.getAll(key)]));
}
