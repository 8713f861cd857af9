// A service on a free loopback port that answers what the test says and notes what it was asked.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
}

export type Answer = { status?: number; headers?: Record<string, string>; json?: unknown; text?: string } | 'hang';

export interface StandIn {
  url: string;
  asked: Asked[];
  close(): Promise<void>;
}

export async function standIn(answer: (asked: Asked) => Answer, tls?: { key: string; cert: string }): Promise<StandIn> {
  const asked: Asked[] = [];
  const handle: Parameters<typeof createServer>[1] = (req, res) => {
    const one = { method: req.method ?? '', url: new URL(req.url ?? '/', 'http://loopback'), headers: req.headers };
    asked.push(one);
    const given = answer(one);
    if (given === 'hang') return;
    res.writeHead(given.status ?? 200, { 'content-type': 'application/json', ...given.headers });
    res.end(given.text ?? JSON.stringify(given.json ?? {}));
  };
  const server = tls ? createTlsServer(tls, handle) : createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
