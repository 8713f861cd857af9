// One visit to a Redfish service: log in, a few requests, log out. Nothing here knows of power.
import { Agent, buildConnector, fetch } from 'undici';
import type { DeviceFault } from '../../workflows/domain.ts';
import { oneLine } from './options.ts';

export type Json = Record<string, unknown>;

export interface Reply {
  status: number;
  /** Null: no body, or no JSON object. */
  body: Json | null;
  etag: string | null;
  /** Path only, of the Location header: a service may know itself by another name, and credentials stay here. */
  location: string | null;
  retryAfterMs: number | null;
}

/** Why a visit ended early; the device turns it into an answer. */
export class RedfishError extends Error {
  readonly fault: DeviceFault;
  constructor(fault: DeviceFault, why: string) {
    super(why);
    this.fault = fault;
  }
}

/** Whom to trust: a CA (PEM), one certificate (SHA-256 of its DER), the system's CAs, or nobody, in writing. */
export type Trust = { ca: string } | { sha256: string } | 'system' | 'insecure';

export interface Visit {
  origin: string;
  user: string;
  password: string;
  trust: Trust;
  signal: AbortSignal;
}

const SERVICE_ROOT = '/redfish/v1/';

/** undici's Agent, because Node 20's own fetch takes no foreign dispatcher. One connection: BMCs have few. */
function agentFor(trust: Trust): Agent {
  if (trust === 'system') return new Agent({ connections: 1 });
  if (trust === 'insecure') return new Agent({ connections: 1, connect: { rejectUnauthorized: false } });
  if ('ca' in trust) return new Agent({ connections: 1, connect: { ca: trust.ca } });
  // A resumed TLS session shows no certificate: none is kept.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0 });
  const wanted = trust.sha256.replaceAll(':', '').toLowerCase();
  return new Agent({
    connections: 1,
    connect: (options, callback) =>
      connect(options, (error, socket) => {
        if (error) return callback(error, null);
        const shown = 'getPeerCertificate' in socket ? socket.getPeerCertificate().fingerprint256 : undefined;
        if (shown?.replaceAll(':', '').toLowerCase() === wanted) return callback(null, socket);
        socket.destroy();
        callback(Object.assign(new Error('another certificate'), { code: 'ERR_TLS_CERT_NOT_PINNED' }), null);
      }),
  });
}

export class RedfishSession {
  readonly #visit: Visit;
  readonly #agent: Agent;
  #headers: Record<string, string> = {};
  #sessions: string | null = null;
  #session: string | null = null;

  private constructor(visit: Visit) {
    this.#visit = visit;
    this.#agent = agentFor(visit.trust);
  }

  /** Logs in: a session where the service root names a session collection, else Basic. Rejects with RedfishError. */
  static async open(visit: Visit): Promise<RedfishSession> {
    const session = new RedfishSession(visit);
    try {
      const root = await session.#send('GET', SERVICE_ROOT);
      session.#sessions = sessionsPath(root.body);
      await session.#logIn();
      return session;
    } catch (error) {
      await session.close(0);
      throw error;
    }
  }

  /** One request. A 401 logs in once more (a session may have run out; nothing was done then); a second one is `auth`. */
  async request(method: 'GET' | 'POST', path: string, body?: Json, ifMatch?: string): Promise<Reply> {
    let reply = await this.#send(method, path, body, ifMatch);
    if (reply.status === 401 && this.#session) {
      await this.#logOut(this.#visit.signal);
      await this.#logIn();
      reply = await this.#send(method, path, body, ifMatch);
    }
    // The path may be one that the service gave us.
    const stage = this.quote(`${method} ${path}`);
    if (reply.status === 401) throw new RedfishError('auth', `${stage}: 401, the login was not accepted`);
    if (reply.status === 403) throw new RedfishError('privilege', `${stage}: 403, the user may not do that`);
    return reply;
  }

  /** What the service said, as it may be told: one line, without our password and token. */
  quote(text: string): string {
    const { user, password } = this.#visit;
    return oneLine(text, password, `${user}:${password}`, this.#headers['x-auth-token'] ?? '');
  }

  /** Gives the session back (a BMC has about eight) and closes the connection. Never rejects; ends within `limitMs`. */
  async close(limitMs: number): Promise<void> {
    if (limitMs > 0) await this.#logOut(AbortSignal.timeout(limitMs));
    await this.#agent.destroy().catch(() => undefined);
  }

  async #logOut(signal: AbortSignal): Promise<void> {
    if (!this.#session) return;
    await this.#send('DELETE', this.#session, undefined, undefined, signal).catch(() => undefined);
    this.#session = null;
  }

  async #logIn(): Promise<void> {
    const { user, password } = this.#visit;
    this.#headers = {};
    this.#session = null;
    if (this.#sessions) {
      const reply = await this.#send('POST', this.#sessions, { UserName: user, Password: password });
      if (reply.status === 401 || reply.status === 403) throw new RedfishError('auth', 'user or password not accepted');
      if (reply.status === 201 || reply.status === 200) {
        if (this.#headers['x-auth-token']) {
          this.#session = reply.location ?? pathOf(reply.body?.['@odata.id']);
          return;
        }
      }
      // No such collection after all, or all sessions are taken: the node must be fenced all the same.
    }
    this.#headers = { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }

  async #send(
    method: string,
    path: string,
    body?: Json,
    ifMatch?: string,
    signal = this.#visit.signal,
  ): Promise<Reply> {
    try {
      const response = await fetch(new URL(path, this.#visit.origin), {
        method,
        headers: {
          accept: 'application/json',
          'odata-version': '4.0',
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(ifMatch ? { 'if-match': ifMatch } : {}),
          ...this.#headers,
        },
        body: body ? JSON.stringify(body) : null,
        // Credentials are for this address only.
        redirect: 'manual',
        dispatcher: this.#agent,
        signal,
      });
      const text = await response.text();
      const token = response.headers.get('x-auth-token');
      if (token && path === this.#sessions) this.#headers = { 'x-auth-token': token };
      const wait = Number(response.headers.get('retry-after') ?? 'NaN');
      return {
        status: response.status,
        body: parseObject(text),
        etag: response.headers.get('etag'),
        location: pathOf(response.headers.get('location')),
        retryAfterMs: Number.isFinite(wait) ? wait * 1_000 : null,
      };
    } catch (error) {
      throw readNetworkError(error, this.quote(`${method} ${path}`), signal, (text) => this.quote(text));
    }
  }
}

function sessionsPath(root: Json | null): string | null {
  const named = pathOf(at(root, 'Links', 'Sessions', '@odata.id'));
  if (named) return named;
  const service = pathOf(at(root, 'SessionService', '@odata.id'));
  return service ? `${service.replace(/\/$/, '')}/Sessions` : null;
}

/** A value deep in a JSON document that nobody vouches for; undefined where the path ends early. */
export function at(document: unknown, ...path: string[]): unknown {
  let value = document;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The path of an address that the service told. Null where it is none. */
export function pathOf(told: unknown): string | null {
  if (typeof told !== 'string' || told === '') return null;
  try {
    const url = new URL(told, 'http://service.invalid');
    return url.pathname + url.search;
  } catch {
    return null;
  }
}

const UNREACHABLE = /^(ECONN|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|EADDRNOTAVAIL|UND_ERR_SOCKET)/;

function readNetworkError(
  error: unknown,
  stage: string,
  signal: AbortSignal,
  quote: (text: string) => string,
): RedfishError {
  if (signal.aborted) return new RedfishError('timeout', `no answer in time to ${stage}`);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ERR_TLS_CERT_NOT_PINNED')
    return new RedfishError('mismatch', 'it shows another certificate than the pinned one (tls.sha256)');
  if (/TIMEOUT/.test(code)) return new RedfishError('timeout', `${stage}: ${code}`);
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code))
    return new RedfishError('misconfigured', `its certificate is not trusted: ${code} (give tls.caFile or tls.sha256)`);
  if (/SSL|TLS|EPROTO|HPE_/.test(code)) return new RedfishError('protocol', `${stage}: ${code}`);
  const fault = UNREACHABLE.test(code) ? 'unreachable' : 'protocol';
  return new RedfishError(fault, `${stage}: ${code || quote(cause instanceof Error ? cause.message : '')}`);
}
