// A server on a free port of 127.0.0.1 that takes what is posted to it, keeps it, and can be told how to answer.
import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { LOOPBACK_CERT, LOOPBACK_KEY } from './loopback-cert.ts';

export interface Posted {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export interface Hooks {
  origin: string;
  port: number;
  /** What was answered with 2xx. */
  taken: Posted[];
  /** Every request, taken or not. */
  seen: Posted[];
  /** How the next ones are answered; null leaves them without an answer. */
  answer: (request: Posted) => Answer | null;
  close(): Promise<void>;
}

export async function startHooks({ tls = false }: { tls?: boolean } = {}): Promise<Hooks> {
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const posted: Posted = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
      hooks.seen.push(posted);
      const answer = hooks.answer(posted);
      if (!answer) return;
      if (answer.status >= 200 && answer.status < 300) hooks.taken.push(posted);
      response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
    });
  };
  const server = tls ? createTls({ key: LOOPBACK_KEY, cert: LOOPBACK_CERT }, listener) : createPlain(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const hooks: Hooks = {
    ...{ origin: `http${tls ? 's' : ''}://127.0.0.1:${port}`, port, taken: [], seen: [] },
    answer: () => ({ status: 200 }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return hooks;
}
