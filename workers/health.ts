// One address for whoever looks at a worker from outside: /metrics (the SDK's exporter behind it) and /healthz.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Address } from './metrics.ts';

/** What a worker is asked. */
export interface Vitals {
  /** Its Workers, by the queue that each polls, in the SDK's words: RUNNING, DRAINING, FAILED … */
  pollers(): { queue: string; state: string }[];
  /** Resolves when Temporal answers for our namespace; rejects with one line. */
  temporal(signal: AbortSignal): Promise<void>;
}

export interface Health {
  ok: boolean;
  /** One line. */
  says: string;
}

/** Temporal is asked at most once in so long, however many ask us. */
const FRESH_MS = 5_000;
const LIMIT_MS = 3_000;

/**
 * Answers whether this worker can work: all its pollers run, and Temporal answered within the last 5 s or does now, within 3 s. Never
 * rejects. Says nothing of Nova or of BMCs: to start a worker anew mends neither.
 */
export function healthOf(vitals: Vitals, now: () => number = () => performance.now()): () => Promise<Health> {
  let answeredAt = -Infinity;
  let asking: Promise<string | null> | null = null;
  const ask = async (): Promise<string | null> => {
    const late = AbortSignal.timeout(LIMIT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        late.addEventListener('abort', () => reject(new Error(`no answer within ${LIMIT_MS / 1_000} s`)));
        vitals.temporal(late).then(resolve, reject);
      });
      answeredAt = now();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      asking = null;
    }
  };
  return async () => {
    const pollers = vitals.pollers();
    const idle = pollers.filter(({ state }) => state !== 'RUNNING');
    if (pollers.length === 0) return { ok: false, says: 'starting: no poller runs yet' };
    if (idle.length > 0)
      return { ok: false, says: `not polling: ${idle.map((p) => `${p.queue} ${p.state}`).join(', ')}` };
    const polls = `polls ${pollers.map((p) => p.queue).join(', ')}`;
    const why = now() - answeredAt <= FRESH_MS ? null : await (asking ??= ask());
    return why === null ? { ok: true, says: `ok: ${polls}` } : { ok: false, says: `Temporal does not answer: ${why}` };
  };
}

export interface Doors {
  health: () => Promise<Health>;
  /** The exporter's port on the loopback. */
  exporter: number;
  /** Of every answer: no secret leaves. */
  redact: (text: string) => string;
}

/** Resolves when it listens; rejects with one line where the address cannot be had. Ends with the process, or by `close`. */
export async function serveSight(address: Address, doors: Doors): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, doors).then(
      ({ status, type, body }) => send(response, status, type, body),
      () => send(response, 503, TEXT, 'the metrics cannot be read\n'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const { host, port } = address;
      reject(new Error(`Cannot serve metrics at ${host}:${port}: ${error.code ?? error.message} (see --metrics)`));
    });
    server.listen(address.port, address.host, resolve);
  });
  // Nobody who only looks keeps a worker from ending.
  server.unref();
  return server;
}

const TEXT = 'text/plain; charset=utf-8';

async function answer(
  { method, url = '/' }: IncomingMessage,
  { health, exporter, redact }: Doors,
): Promise<{ status: number; type: string; body: string }> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: TEXT, body: 'only GET\n' };
  const path = url.split('?')[0];
  if (path === '/healthz') {
    const { ok, says } = await health();
    return { status: ok ? 200 : 503, type: TEXT, body: `${redact(says).replace(/\s+/g, ' ')}\n` };
  }
  if (path !== '/metrics') return { status: 404, type: TEXT, body: 'there is /metrics and /healthz\n' };
  const metrics = await fetch(`http://127.0.0.1:${exporter}/metrics`, { signal: AbortSignal.timeout(LIMIT_MS) });
  const type = metrics.headers.get('content-type') ?? TEXT;
  return { status: metrics.status, type, body: await metrics.text() };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
