// One HTTP exchange, whole: sent, answered and read to the end inside a time limit. No retries, no tokens, no redirects.
import { Agent, fetch as undiciFetch } from 'undici';

export interface Tls {
  ca?: string;
  cert?: string;
  key?: string;
  insecure: boolean;
}

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  header(name: string): string | null;
  text: string;
}

export interface Transport {
  /** Rejects with what fetch rejects with: see `networkFault`. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** Node's own fetch, unless the cloud has a CA of its own: Node 20's takes no foreign dispatcher. */
export function createTransport(tls: Tls | null): Transport {
  if (!tls) {
    return { send: async (r) => read(await fetch(r.url, init(r))), close: async () => {} };
  }
  const dispatcher = new Agent({
    connect: { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: !tls.insecure },
  });
  return {
    send: async (r) => read(await undiciFetch(r.url, { ...init(r), dispatcher })),
    close: () => dispatcher.destroy(),
  };
}

function init(r: HttpRequest) {
  // A redirect is not followed: fetch would carry X-Auth-Token to another origin.
  return { method: r.method, headers: r.headers, body: r.body, signal: r.signal, redirect: 'manual' as const };
}

async function read(r: {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}): Promise<HttpAnswer> {
  const text = await r.text();
  return { status: r.status, header: (name) => r.headers.get(name), text };
}

/**
 * Why there was no answer, and whether anything can have reached the server. Only what fails while looking up, connecting or
 * shaking hands is surely unsent; the same code (EHOSTUNREACH) later is not, so the system call decides.
 */
export function networkFault(e: unknown): { detail: string; maybeSent: boolean } {
  const hit = causes(e).find((c) => typeof c.code === 'string');
  if (!hit) {
    // fetch itself refuses a list of ports that browsers must not speak to.
    const port = e instanceof Error && e.cause instanceof Error && e.cause.message === 'bad port';
    return port
      ? { detail: 'fetch never uses this port (WHATWG "bad ports"; take another one)', maybeSent: false }
      : { detail: 'no reason was given', maybeSent: true };
  }
  const code = String(hit.code);
  const where = hit.address
    ? ` ${String(hit.address)}:${String(hit.port ?? '')}`
    : hit.hostname
      ? ` ${String(hit.hostname)}`
      : '';
  if (TLS_FAULT.test(code)) {
    return { detail: `TLS: ${code} (is cacert set in clouds.yaml, and for this name?)`, maybeSent: false };
  }
  const early = code === 'UND_ERR_CONNECT_TIMEOUT' || hit.syscall === 'connect' || hit.syscall === 'getaddrinfo';
  return { detail: `${code}${where}`, maybeSent: !early };
}

const TLS_FAULT = /^(ERR_TLS_|ERR_SSL_)|CERT|SELF_SIGNED|UNABLE_TO_VERIFY/;

interface Cause {
  code?: unknown;
  syscall?: unknown;
  address?: unknown;
  port?: unknown;
  hostname?: unknown;
}

/** The error and what it wraps, outermost first; of several addresses that were tried, the last. */
function causes(e: unknown): Cause[] {
  const out: Cause[] = [];
  for (let x: unknown = e, i = 0; x instanceof Error && i < 6; i++) {
    // Two addresses tried: the sum has a code but no system call.
    const inner: unknown = x instanceof AggregateError ? x.errors.at(-1) : undefined;
    if (inner === undefined && 'code' in x) out.push(x);
    x = inner ?? x.cause;
  }
  return out;
}
