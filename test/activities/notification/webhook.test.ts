import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { NotificationError, type NotificationChannel } from '../../../activities/notification/driver.ts';
import { webhook, webhookOptions } from '../../../activities/notification/webhook.ts';
import { aMessage, channelConformance, type ChannelBench } from './conformance.ts';
import { startHooks, type Hooks, type Posted } from './hooks.ts';
import { LOOPBACK_CERT } from './loopback-cert.ts';

const never = (): AbortSignal => new AbortController().signal;
const RIGHT = 'the right one';

/** A channel to this address; every secret is `secret`, unless it is named in `secrets`. */
function channelTo(
  url: unknown,
  options: Record<string, unknown> = {},
  secrets: Record<string, string> = {},
): NotificationChannel {
  const parsed = webhookOptions.parse({ url, timeout: 20_000, ...options });
  const secret = async (source: object): Promise<string> => secrets[Object.values(source)[0] as string] ?? RIGHT;
  return webhook.create(parsed, { secret });
}

/** As a receiver checks it, from the documentation alone. */
function isSigned({ headers, body }: Posted, key: string): boolean {
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-lifeboat-signature'])) ?? [];
  return v1 === createHmac('sha256', key).update(`${t}.${body}`).digest('hex');
}

async function bench(): Promise<ChannelBench> {
  const hooks = await startHooks();
  const refused = new Map<string, number>();
  hooks.answer = (posted) => {
    const { to } = JSON.parse(posted.body) as { to: { address: string } };
    // A receiver that quotes everything it was sent.
    const echo = `${JSON.stringify(posted.headers)} ${posted.body.slice(0, 50)}`;
    if (!isSigned(posted, RIGHT) || posted.headers['x-api-key'] !== RIGHT) return { status: 401, body: echo };
    return { status: refused.get(to.address) ?? 202, body: echo };
  };
  const options = { per: 'recipient', signature: { env: 'KEY' }, headers: { 'X-Api-Key': { env: 'API' } } };
  return {
    channel: channelTo(hooks.origin, options),
    blindProbe: true,
    received: () => hooks.taken.map(({ body }) => received(body)),
    refuse: (address, how) =>
      void (how === 'no' ? refused.delete(address) : refused.set(address, how === 'forGood' ? 422 : 503)),
    withWrongSecret: (secret) => channelTo(hooks.origin, options, { KEY: secret, API: secret }),
    nobodyThere: () => channelTo('http://127.0.0.1:1/', options),
    close: hooks.close,
  };
}

interface Body {
  id: string;
  to: { address: string } | null;
  subject: string;
  text: string;
  html: string;
  attachments: { name: string; type: string; content: string }[];
  stage: string;
  question: { what: string };
}
function received(body: string) {
  const { id, to, subject, text, html, attachments } = JSON.parse(body) as Body;
  const files = attachments.map(({ name, content }) => ({ name, content }));
  return { id, to: to?.address ?? '', subject, text, html, attachments: files };
}

channelConformance('webhook', bench);

describe('webhook', () => {
  const open: (() => Promise<void>)[] = [];
  const hooks = async (o?: { tls: boolean }): Promise<Hooks> => {
    const started = await startHooks(o);
    open.push(started.close);
    return started;
  };
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-hook-'))));
  after(async () => {
    await Promise.all(open.map((close) => close()));
    await rm(folder, { recursive: true });
  });
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const deliver = (channel: NotificationChannel, id = 'lifeboat.0a1b'): Promise<void> =>
    channel.deliver(aMessage(id, 'ops-room'), never());

  it('is no person by default, and posts what a program needs to know', async () => {
    assert.equal(webhook.isRoom?.(webhookOptions.parse({ url: 'https://h.example.net' })), true);
    const server = await hooks();
    await deliver(channelTo(`${server.origin}/a/b?c=d`));
    const [posted] = server.taken;
    assert.deepEqual([posted?.method, posted?.path], ['POST', '/a/b?c=d']);
    assert.equal(posted?.headers['content-type'], 'application/json');
    assert.equal(posted?.headers['idempotency-key'], 'lifeboat.0a1b');
    const body = JSON.parse(posted?.body ?? '') as Body;
    assert.deepEqual([body.to, body.stage], [null, 'blocked']);
    assert.equal(body.question.what, 'No level could prove that compute-7 is off.');
  });

  it('signs the moment and the body', async () => {
    const server = await hooks();
    await deliver(channelTo(server.origin, { signature: { file: '/run/key' } }));
    assert.ok(isSigned(server.taken[0]!, RIGHT));
    assert.ok(!isSigned({ ...server.taken[0]!, body: `${server.taken[0]!.body} ` }, RIGHT));
  });

  it('is final about 4xx, but not about 401, 403, 407, 408, 425, 429, a redirect and 5xx', async () => {
    const server = await hooks();
    for (const status of [400, 404, 409, 410, 413, 422]) {
      server.answer = () => ({ status });
      await assert.rejects(deliver(channelTo(server.origin)), { permanent: true }, String(status));
    }
    for (const status of [301, 307, 401, 403, 407, 408, 425, 429, 500, 502, 503, 599]) {
      server.answer = () => ({ status, headers: { location: `${server.origin}/elsewhere` } });
      await assert.rejects(deliver(channelTo(server.origin)), { permanent: false }, String(status));
    }
    assert.ok(
      server.seen.every((p) => p.path === '/'),
      'a redirect was followed',
    );
  });

  it('leaves one that asks for a pause in peace, and says for how long', async () => {
    const server = await hooks();
    server.answer = () => ({ status: 429, headers: { 'retry-after': '120' } });
    const channel = channelTo(server.origin);
    const waits = (e: unknown): boolean => {
      assert.ok(e instanceof NotificationError && !e.permanent);
      return e.retryAfterMs! > 100_000 && e.retryAfterMs! <= 120_000;
    };
    await assert.rejects(deliver(channel), waits);
    await assert.rejects(deliver(channel), waits);
    assert.equal(server.seen.length, 1);
    const date = new Date(Date.now() + 120_000).toUTCString();
    server.answer = () => ({ status: 503, headers: { 'retry-after': date } });
    await assert.rejects(deliver(channelTo(server.origin)), waits);
  });

  it('delivers over TLS to a server whose authority it was given, and not without it', async () => {
    const server = await hooks({ tls: true });
    const caFile = await file('ca.pem', LOOPBACK_CERT);
    const channel = channelTo(server.origin, { caFile });
    assert.match(await channel.probe(never()), /^127\.0\.0\.1:\d+ answers with TLS/);
    await deliver(channel);
    assert.equal(server.taken.length, 1);
    await assert.rejects(deliver(channelTo(server.origin)), /TLS failed: check the address and caFile/);
    await assert.rejects(channelTo(server.origin).probe(never()), /TLS failed: check the address and caFile/);
    assert.equal(server.seen.length, 1);
  });

  it('goes through a proxy where one is configured', async () => {
    const server = await hooks({ tls: true });
    const asked: string[] = [];
    const proxy = createServer().listen(0, '127.0.0.1');
    open.push(() => new Promise((resolve) => proxy.close(() => resolve())));
    proxy.on('connect', (request, client) => {
      asked.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      for (const [a, b] of [
        [client, target],
        [target, client],
      ] as const)
        a.pipe(b).on('error', () => a.destroy());
    });
    await new Promise((resolve) => proxy.once('listening', resolve));
    const { port } = proxy.address() as AddressInfo;
    const caFile = await file('ca.pem', LOOPBACK_CERT);
    const channel = channelTo(server.origin, { caFile, proxy: `http://127.0.0.1:${port}` });
    await deliver(channel);
    assert.deepEqual([server.taken.length, asked], [1, [`127.0.0.1:${server.port}`]]);
    assert.match(await channel.probe(never()), /\(the proxy\)/);
  });

  it('gives up on a server that never answers', async () => {
    const server = await hooks();
    server.answer = () => null;
    await assert.rejects(deliver(channelTo(server.origin, { timeout: 1_000 })), (e) => {
      assert.match(String(e), /no answer in time/);
      return e instanceof NotificationError && !e.permanent;
    });
  });

  it('tells nothing of an address that is a secret', async () => {
    const server = await hooks();
    const secretUrl = `${server.origin}/services/T0-secret/B0-secret?sig=s3cr3t-%2Bsig`;
    server.answer = ({ path }) => ({ status: 503, body: `no such hook ${path} B0-secret s3cr3t-+sig` });
    const channel = channelTo({ env: 'URL' }, {}, { URL: secretUrl });
    await assert.rejects(deliver(channel), (e) => {
      assert.match(
        String(e),
        /^NotificationError: webhook to ops-room, 127\.0\.0\.1:\d+: not taken \(503 no such hook \*\*\*/,
      );
      return !/secret|s3cr3t/.test(String((e as Error).stack));
    });
    assert.ok(!JSON.stringify(channel.preview?.(aMessage('a', 'b'))).includes('secret'));
    const clear = channelTo({ env: 'URL' }, {}, { URL: 'http://hooks.example.net/s3cr3t' });
    await assert.rejects(deliver(clear), /would go in clear over the network/);
    await assert.rejects(deliver(channelTo({ env: 'URL' }, {}, { URL: 's3cr3t' })), (e) => {
      assert.match(String(e), /the secret \$URL is no address/);
      return !String(e).includes('s3cr3t');
    });
  });

  it('posts what an own template makes', async () => {
    const server = await hooks();
    const own = `{ "title": "{{headline}}", "by": [{{#question}}{{#answers}}"{{verb}}"{{comma}}{{/answers}}{{/question}}] }`;
    await deliver(channelTo(server.origin, { template: await file('own.json', own) }));
    assert.deepEqual(JSON.parse(server.taken[0]!.body), {
      title: 'No level could prove that compute-7 is off.',
      by: ['confirmFenced', 'retry'],
    });
    const text = await file('own.txt', '{{stage}}: {{subject}}');
    await deliver(channelTo(server.origin, { template: text, contentType: 'text/plain' }));
    assert.equal(server.taken[1]!.body, 'blocked: your instance web-1 is back');
  });

  it('refuses at the start a template that is not there, cannot be read or makes no JSON', async () => {
    const opens = async (text: string) => channelTo('https://h.example.net', { template: await file('t.json', text) });
    assert.throws(() => channelTo('https://h.example.net', { template: '/no/such.json' }), /cannot be read \(ENOENT\)/);
    await assert.rejects(opens('{{#a}}'), /\{\{#a\}\} is never closed/);
    await assert.rejects(opens('[{{#lines}}"{{text}}",{{/lines}}]'), /is no JSON.*\{\{comma\}\}/);
    await assert.rejects(opens('{"a":"{{> head}}"}'), /the body of a webhook is one file/);
    await opens('[{{#lines}}"{{text}}"{{comma}}{{/lines}}]');
  });

  it('refuses secrets in the file, secrets in clear, and headers that are its own', () => {
    const refused: [Record<string, unknown>, RegExp][] = [
      [{ headers: { Authorization: 'Bearer abc' } }, /would write a secret into the file/],
      [{ headers: { 'X-Api-Key': 'abc' } }, /would write a secret into the file/],
      [{ url: 'http://h.example.net', headers: { 'X-Api-Key': { env: 'K' } } }, /in clear/],
      [{ headers: { 'Content-Type': 'text/plain' } }, /set by Lifeboat|Invalid key/],
      [{ headers: { 'X-A': 'a\r\nB: c' } }, /one line/],
      [{ url: 'https://user:pass@h.example.net' }, /holds a password|Invalid/],
      [{ url: 'ftp://h.example.net' }, /./],
      [{ signature: 'abc' }, /./],
      [{ time: 3 }, /time/],
    ];
    for (const [options, why] of refused) {
      const parsed = webhookOptions.safeParse({ url: 'https://h.example.net', ...options });
      assert.equal(parsed.success, false, JSON.stringify(options));
      assert.match(JSON.stringify(parsed.error?.issues), why);
    }
    assert.ok(webhookOptions.safeParse({ url: 'https://h.example.net', headers: { 'X-Room': 'ops' } }).success);
  });
});
