// One question to an HTTP service, read to its end within a time limit and a size. No retries, no redirects.
import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import type { MonitoringContext } from './driver.ts';
import { secretSource } from './options.ts';

export const httpAuth = z
  .union([
    z.strictObject({ bearer: secretSource }),
    z.strictObject({ user: z.string().min(1), password: secretSource }),
  ])
  .optional()
  .meta({
    expected: '{ bearer: … } or { user: …, password: … }',
    example: '{ bearer: { file: /etc/lifeboat/token } }',
  });

export const httpTls = z
  .strictObject({
    /** PEM. Trusted instead of the system's authorities. */
    caFile: z.string().min(1).optional(),
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
    insecure: z.literal(true).optional(),
  })
  .refine((t) => (t.certFile === undefined) === (t.keyFile === undefined), 'certFile and keyFile go together')
  .optional();

export const httpUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => {
    // What is no address at all is said already.
    if (!URL.canParse(text)) return true;
    const { username, password, search, hash } = new URL(text);
    return username + password + search + hash === '';
  }, 'holds no user, query or fragment (credentials stand in auth)')
  .meta({ expected: 'the address of the service', example: 'https://prometheus.example.net' });

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Would a password or token go over the network as it is? */
export const inClear = (url: string, auth: unknown): boolean =>
  auth !== undefined && url.startsWith('http:') && URL.canParse(url) && !LOOPBACK.test(new URL(url).hostname);

export interface HttpQuestion {
  url: string;
  auth: z.output<typeof httpAuth>;
  tls: z.output<typeof httpTls>;
  timeoutMs: number;
  mostBytes: number;
}

/** The status and the whole body. Rejects with one line that quotes no credential. Files and secrets are read anew each time. */
export async function askHttp(
  q: HttpQuestion,
  context: Pick<MonitoringContext, 'secret'>,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const authorization = await authorizationOf(q.auth, context);
  // A plain controller: undici refuses a signal whose listeners are unlimited, as a look's are.
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  const timer = setTimeout(stop, q.timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const dispatcher = new Agent({ connections: 1, connect: await connectOptions(q.tls) });
  try {
    const answer = await fetch(q.url, {
      headers: { accept: 'application/json', 'cache-control': 'no-store', ...(authorization && { authorization }) },
      // A redirect would take the credentials to another machine.
      redirect: 'manual',
      signal: limit.signal,
      dispatcher,
    });
    return { status: answer.status, text: await readAtMost(answer.body, q.mostBytes) };
  } catch (error) {
    if (limit.signal.aborted && !signal.aborted) throw new Error(`no answer within ${q.timeoutMs / 1_000} s`);
    throw new Error(whyNot(error));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    await dispatcher.destroy();
  }
}

async function authorizationOf(auth: HttpQuestion['auth'], { secret }: Pick<MonitoringContext, 'secret'>) {
  if (!auth) return undefined;
  if ('bearer' in auth) return `Bearer ${await secret(auth.bearer)}`;
  return `Basic ${Buffer.from(`${auth.user}:${await secret(auth.password)}`).toString('base64')}`;
}

async function connectOptions(tls: HttpQuestion['tls']) {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFile(file, 'utf8'));
  const [ca, cert, key] = await Promise.all([read(tls?.caFile), read(tls?.certFile), read(tls?.keyFile)]);
  return { ca, cert, key, rejectUnauthorized: tls?.insecure !== true };
}

async function readAtMost(body: AsyncIterable<Uint8Array> | null, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > most) throw new Error(`its answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The innermost reason: fetch says "fetch failed" of everything. */
function whyNot(error: unknown): string {
  let inner: unknown = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  if (inner instanceof AggregateError) inner = (inner.errors as unknown[]).at(-1);
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const text = inner instanceof Error ? inner.message : String(inner);
  return code && !text.includes(code) ? `${code}: ${text}` : text;
}
