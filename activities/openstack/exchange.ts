// One request to one service as every call makes it: time limit, a place in the queue, and any trouble as OpenStackError.
import { kindOfStatus, OpenStackError, redact } from './errors.ts';
import { networkFault, type HttpAnswer, type Transport } from './http.ts';
import { TIME_IS_UP, type Limiter } from './limit.ts';
import { retryAfterMs, withRetryAfter } from './retry.ts';

export interface Exchange {
  service: string;
  method: string;
  /** For texts: the path below the endpoint, without its query. */
  path: string;
  url: string;
  headers: Record<string, string>;
  body?: unknown;
  /** Fires with TIME_IS_UP or with the caller's reason. */
  signal: AbortSignal;
  timeoutMs: number;
  secrets: string[];
  /** The caller's last word; what it throws is thrown, and nothing is sent. */
  beforeSend?: () => void;
}

/** Sends once. Resolves for 2xx only; the caller's own abort rejects with the caller's reason. */
export async function exchange(x: Exchange, transport: Transport, queue: Limiter): Promise<HttpAnswer> {
  let leave: () => void;
  try {
    leave = await queue.enter(x.signal);
  } catch (e) {
    throw interrupted(e, x, `no place in the queue within ${x.timeoutMs} ms`, false);
  }
  try {
    x.beforeSend?.();
  } catch (e) {
    leave();
    throw e;
  }
  try {
    const answer = await transport.send({
      method: x.method,
      url: x.url,
      headers: { accept: 'application/json', ...(x.body === undefined ? {} : JSON_BODY), ...x.headers },
      body: x.body === undefined ? undefined : JSON.stringify(x.body),
      signal: x.signal,
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusal(answer, x);
  } catch (e) {
    if (e instanceof OpenStackError) throw e;
    if (x.signal.aborted) throw interrupted(x.signal.reason, x, `no answer within ${x.timeoutMs} ms`, true);
    const fault = networkFault(e);
    const kind = fault.maybeSent ? 'timeout' : 'unreachable';
    throw failed(x, {
      kind,
      message: `${fault.maybeSent ? 'connection lost' : 'unreachable'}, ${fault.detail}`,
      maybeSent: fault.maybeSent,
    });
  } finally {
    leave();
  }
}

const JSON_BODY = { 'content-type': 'application/json' };

/** The answer as JSON. A page that is not (a proxy's, a half one) is an error that quotes nothing of it. */
export function json(answer: HttpAnswer, x: Pick<Exchange, 'service' | 'method' | 'path'>): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    const type = answer.header('content-type') ?? 'no content type';
    throw failed(x, {
      kind: 'server',
      message: `the answer is not JSON (${type}; a proxy's page?)`,
      status: answer.status,
      requestId: requestId(answer),
    });
  }
}

/** An OpenStackError of this call; what is not given says "no answer, maybe sent". */
export function failed(
  x: Pick<Exchange, 'service' | 'method' | 'path'>,
  f: { kind: OpenStackError['kind']; message: string; status?: number; requestId?: string | null; maybeSent?: boolean },
): OpenStackError {
  return new OpenStackError({
    service: x.service,
    method: x.method,
    path: x.path,
    status: f.status ?? 0,
    message: f.message,
    requestId: f.requestId ?? null,
    kind: f.kind,
    maybeSent: f.maybeSent ?? true,
  });
}

function interrupted(reason: unknown, x: Exchange, message: string, maybeSent: boolean): unknown {
  return reason === TIME_IS_UP ? failed(x, { kind: 'timeout', message, maybeSent }) : reason;
}

function refusal(answer: HttpAnswer, x: Exchange): OpenStackError {
  const kind = kindOfStatus(answer.status);
  const e = failed(x, {
    kind,
    message: redact(wordsOf(answer), x.secrets),
    status: answer.status,
    requestId: requestId(answer),
  });
  return withRetryAfter(e, retryAfterMs(answer.header('retry-after'), Date.now()));
}

function requestId(answer: HttpAnswer): string | null {
  return answer.header('x-openstack-request-id') ?? answer.header('x-compute-request-id');
}

/**
 * Each service wraps its message in its own way: `{badRequest:{message}}`, `{error:{message}}`, `{errors:[{detail}]}`; Ironic's
 * `{error_message:{faultstring}}`, whose inner part is often JSON once more.
 */
function wordsOf(answer: HttpAnswer): string {
  if (answer.status >= 300 && answer.status < 400)
    return 'a redirect, which is not followed (is the endpoint URL right?)';
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch {
    return `no message (${answer.header('content-type') ?? 'no content type'})`;
  }
  return messageIn(body, 3) ?? 'no message';
}

function messageIn(x: unknown, depth: number): string | undefined {
  if (typeof x !== 'object' || x === null || depth === 0) return undefined;
  for (const key of ['message', 'detail', 'title', 'faultstring', 'error_message']) {
    const v: unknown = Reflect.get(x, key);
    if (typeof v === 'string' && v !== '') return key === 'error_message' ? (faultIn(v) ?? v) : v;
  }
  for (const v of Object.values(x)) {
    const found = messageIn(v, depth - 1);
    if (found) return found;
  }
  return undefined;
}

function faultIn(text: string): string | undefined {
  try {
    return messageIn(JSON.parse(text), 2);
  } catch {
    return undefined;
  }
}
