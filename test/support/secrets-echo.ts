// A talkative service: it stands before a true one, passes everything on, and where it is told to, refuses with what it was given to
// log in with, written in one way after the other.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a service, a proxy or a library may write what it was given. The padding puts it where a message is cut. */
const WAYS: readonly ((secret: string) => string)[] = [
  (s) => `login refused for ${s}`,
  (s) => `debug: {"password": "${JSON.stringify(s).slice(1, -1)}"}`,
  (s) => JSON.stringify({ body: JSON.stringify({ said: s }) }),
  (s) => `see https://admin:${encodeURIComponent(s)}@bmc.example/redfish/v1 and https://h/?q=${encodeURIComponent(s)}`,
  (s) => `Basic ${Buffer.from(`admin:${s}`).toString('base64')}`,
  (s) => `headers ${Buffer.from(`a ${s} z`).toString('base64')} end`,
  (s) => `headers ${Buffer.from(`ab ${s} z`).toString('base64url')} end`,
  (s) => `dump ${Buffer.from(`abc ${s}`).toString('hex')}`,
  (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
  // Messages are cut at 200 to 500 characters, less what stands before them.
  ...[110, 150, 165, 180, 190, 230, 260, 280, 290, 420, 480].map((n) => (s: string) => `${'x'.repeat(n)} ${s}`),
  ...[150, 180, 250, 280].map((n) => (s: string) => `${'x'.repeat(n)} ${Buffer.from(`u:${s}`).toString('base64')}`),
];

/** Another way for each call; neighbours in the list are alike, so that it goes on by more than one. */
const STRIDE = 7;
export function waysToTell(): (secret: string) => string {
  let next = 0;
  return (secret) => WAYS[(next++ * STRIDE) % WAYS.length]!(secret);
}
export const HOW_MANY_WAYS = WAYS.length;

export interface Echo {
  /** http://127.0.0.1:port, without a path. */
  url: string;
  /** What is refused so, until it is null: a status, or `reading`: a Redfish system whose power is the echo. */
  refuse: { method: '*' | 'GET' | 'POST'; path: RegExp; as: number | 'page' | 'reading' } | null;
  /** How many calls were. */
  echoed: number;
  close(): Promise<void>;
}

/** `target`: origin of the true service; null: there is none, it answers that all is well. */
export async function startEcho(target: string | null): Promise<Echo> {
  const tell = waysToTell();
  const server = http.createServer((req, res) => {
    void bodyOf(req).then((body) => {
      const { refuse } = echo;
      if (refuse && (refuse.method === '*' || req.method === refuse.method) && refuse.path.test(req.url ?? '')) {
        echo.echoed += 1;
        return answer(res, refuse.as, tell(credentials(req, body)), req.url ?? '');
      }
      return target === null ? allIsWell(res) : passOn(target, req, body, res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const echo: Echo = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuse: null,
    echoed: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return echo;
}

async function bodyOf(req: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function allIsWell(res: http.ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } }));
}

function passOn(target: string, req: http.IncomingMessage, body: string, res: http.ServerResponse): void {
  const url = new URL(req.url ?? '/', target);
  const headers = { ...req.headers, host: url.host };
  const onward = http.request(url, { method: req.method, headers, agent: false }, (back) => {
    res.writeHead(back.statusCode ?? 502, back.headers);
    back.pipe(res);
  });
  onward.on('error', () => res.destroy());
  onward.end(body);
}

/** The token, the password of a Basic login, every word of a login's body, and an address that is a secret itself. */
function credentials(req: http.IncomingMessage, body: string): string {
  const found: string[] = [];
  const token = req.headers['x-auth-token'];
  if (typeof token === 'string') found.push(token);
  const [, basic] = /^Basic (.+)$/.exec(req.headers.authorization ?? '') ?? [];
  if (basic)
    found.push(
      Buffer.from(basic, 'base64')
        .toString()
        .replace(/^[^:]*:/, ''),
    );
  const [, bearer] = /^Bearer (.+)$/.exec(req.headers.authorization ?? '') ?? [];
  const [, hook] = /^\/services\/(.+)$/.exec(req.url ?? '') ?? [];
  found.push(...[bearer, hook].filter((word) => word !== undefined));
  const walk = (value: unknown, key: string): void => {
    if (typeof value === 'string' && /password|secret|routing_key/i.test(key)) found.push(value);
    if (typeof value === 'object' && value !== null) for (const [k, v] of Object.entries(value)) walk(v, k);
  };
  if (body.startsWith('{')) walk(JSON.parse(body), '');
  return found.join(' ') || 'nobody';
}

function answer(res: http.ServerResponse, as: number | 'page' | 'reading', text: string, path: string): void {
  if (as === 'page') {
    res.writeHead(200, { 'content-type': 'text/html', etag: `"${encodeURIComponent(text)}"` });
    return void res.end(`<html><body>${text}</body></html>`);
  }
  const status = as === 'reading' ? 200 : as;
  res.writeHead(status, { 'content-type': 'application/json', 'x-openstack-request-id': 'req-echo' });
  const error = { code: status, message: text, title: text, '@Message.ExtendedInfo': [{ Message: text }] };
  res.end(JSON.stringify(as === 'reading' ? { '@odata.id': path, UUID: text, PowerState: text } : { error }));
}
