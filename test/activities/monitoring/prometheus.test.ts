import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';
import { prometheus } from '../../../activities/monitoring/prometheus.ts';
import { LOOPBACK_CERT, LOOPBACK_KEY } from '../notification/loopback-cert.ts';
import { lookOf, monitoringConformance } from './conformance.ts';
import { contextOf } from './context.ts';
import { rowOf } from './rows.ts';
import { standIn } from './stand-in-http.ts';
import type { Answer, StandIn } from './stand-in-http.ts';

/** `age` in seconds; a value as Prometheus writes it. */
interface Target {
  instance: string;
  value: string;
  age?: number;
}

const NOW = 1_795_448_960.2;
const UP = 'up{job="node"}';

/** As Prometheus 2.42 answers: an instant query is dated by its evaluation, the samples' time is what timestamp() yields. */
function answersOf(targets: readonly Target[], over: object = {}): (query: string) => Answer {
  return (query) => {
    const time = query.startsWith('timestamp(');
    const result = targets.map(({ instance, value, age = 3 }) => ({
      metric: { ...(time ? {} : { __name__: 'up' }), instance, job: 'node' },
      value: [NOW, time ? String(NOW - age) : value],
    }));
    return { json: { status: 'success', data: { resultType: 'vector', result }, ...over } };
  };
}

async function serve(answer: (query: string) => Answer, tls?: { key: string; cert: string }): Promise<StandIn> {
  const server = await standIn(({ url }) => {
    if (url.pathname !== '/api/v1/query') return { status: 404, text: '404 page not found' };
    return answer(url.searchParams.get('query') ?? '');
  }, tls);
  after(() => server.close());
  return server;
}

const at = (host: string, hostIp: string | null = null) => ({ node: rowOf({ host, hostIp }) });
const SECRETS = { TOKEN: 'a-bearer-token-of-prometheus' };

const channelOf = (options: object, context = contextOf({}, SECRETS)) =>
  prometheus.create(prometheus.options.parse({ query: UP, ...options }), context);

async function verdictsOf(targets: readonly Target[], options: object, nodes: ReturnType<typeof at>[], over = {}) {
  const { url } = await serve(answersOf(targets, over));
  const seen = await channelOf({ url, ...options }).look(lookOf(nodes));
  return Object.fromEntries([...seen].map(([host, e]) => [host, e.verdict]));
}

const TARGETS: Target[] = [
  { instance: 'living:9100', value: '1' },
  { instance: 'dead:9100', value: '0' },
  { instance: 'old:9100', value: '0', age: 61 },
  { instance: 'torn:9100', value: '0' },
  { instance: 'torn:9256', value: '1' },
  { instance: 'strange:9100', value: 'NaN' },
  ...Array.from({ length: 300 }, (_, i) => ({ instance: `many-${i}:9100`, value: '1' })),
];

monitoringConformance('prometheus', async () => {
  const server = await standIn(({ url }) => answersOf(TARGETS)(url.searchParams.get('query')!));
  return {
    subject: {
      driver: prometheus as MonitoringDriver,
      options: { url: server.url, query: UP },
      refused: [
        { query: UP },
        { url: server.url },
        { url: 'ftp://prometheus', query: UP },
        { url: 'https://user:word@prometheus', query: UP },
        { url: server.url, query: UP, label: 'in stance' },
        { url: server.url, query: UP, node: '[^:]+' },
        { url: server.url, query: UP, node: '(' },
        { url: server.url, query: UP, meaning: 'dead' },
        { url: server.url, query: UP, meaning: {} },
        { url: server.url, query: UP, meaning: { alive: '1' } },
        { url: server.url, query: UP, auth: { bearer: 'written here' } },
        { url: 'http://prometheus.example.net', query: UP, auth: { bearer: { env: 'TOKEN' } } },
        { url: server.url, query: UP, tls: { certFile: 'a' } },
        { url: server.url, query: UP, staleAfter: 'soon' },
      ],
      context: contextOf(),
      alive: at('living'),
      failed: at('dead'),
      unknown: [at('absent'), at('old'), at('torn'), at('strange')],
    },
    tearDown: () => server.close(),
  };
});

test('a label names its node by host, short name or address, with or without a port, and never guesses', async () => {
  const targets = ['c1:9100', 'c2', '10.0.0.3:9100', '[fd00::4]:9100', 'fd00::5', 'twin:9100'].map((instance) => ({
    instance,
    value: '1',
  }));
  const nodes = [
    at('c1.example.org'),
    at('c2'),
    at('c3', '10.0.0.3'),
    at('c4', 'fd00::4'),
    at('c5', 'fd00::5'),
    at('twin.east.example'),
    at('twin.west.example'),
  ];
  assert.deepEqual(await verdictsOf(targets, {}, nodes), {
    ...{ 'c1.example.org': 'alive', c2: 'alive', c3: 'alive', c4: 'alive', c5: 'alive' },
    ...{ 'twin.east.example': 'unknown', 'twin.west.example': 'unknown' },
  });
});

test('an expression takes the name of the node out of a label', async () => {
  const targets = [{ instance: 'ssh://compute-1.mgmt/up', value: '1' }];
  const options = { node: '^ssh://([^.]+)' };
  assert.deepEqual(await verdictsOf(targets, options, [at('compute-1')]), { 'compute-1': 'alive' });
});

test('a series may itself mean failed, or alive; the others are unknown', async () => {
  const targets = [{ instance: 'one', value: '17' }];
  const nodes = [at('one'), at('two')];
  assert.deepEqual(await verdictsOf(targets, { meaning: 'failed' }, nodes), { one: 'failed', two: 'unknown' });
  assert.deepEqual(await verdictsOf(targets, { meaning: 'alive' }, nodes), { one: 'alive', two: 'unknown' });
  const meaning = { alive: '< 10', failed: '>= 17' };
  assert.deepEqual(await verdictsOf([...targets, { instance: 'two', value: '3' }], { meaning }, nodes), {
    one: 'failed',
    two: 'alive',
  });
  const three = { alive: '== 0', degraded: '== 1', failed: '== 2' };
  const of = (value: string) => verdictsOf([{ instance: 'one', value }], { meaning: three }, [at('one')]);
  assert.deepEqual([await of('1'), await of('3')], [{ one: 'degraded' }, { one: 'unknown' }]);
  assert.deepEqual(await verdictsOf(targets, { meaning: 'degraded' }, nodes), { one: 'degraded', two: 'unknown' });
  const sayings = (m: unknown) =>
    prometheus.says!(prometheus.options.parse({ url: 'http://p', query: 'q', meaning: m }));
  assert.deepEqual(sayings('failed'), ['failed', 'unknown']);
  assert.deepEqual(sayings({ alive: '== 1' }), ['alive', 'unknown']);
});

test('a value between the two comparisons, or in both, is unknown', async () => {
  const targets = [
    { instance: 'living', value: '1' },
    { instance: 'between', value: '5' },
    { instance: 'both', value: '3' },
  ];
  const options = { meaning: { alive: '<= 3', failed: '== 3' } };
  const nodes = targets.map(({ instance }) => at(instance));
  assert.deepEqual(await verdictsOf(targets, options, nodes), { living: 'alive', between: 'unknown', both: 'unknown' });
});

test('the age is that of the sample, not of the evaluation, and may have a query of its own', async () => {
  const { url, asked } = await serve((query) => {
    if (query === 'last_seen') return answersOf([{ instance: 'one', value: String(NOW - 100) }])('');
    return answersOf([{ instance: 'one', value: '1' }])(query);
  });
  const look = lookOf([at('one')]);
  assert.equal((await channelOf({ url }).look(look)).get('one')?.verdict, 'alive');
  const queries = new Set(asked.map((a) => a.url.searchParams.get('query')));
  assert.deepEqual(queries, new Set([UP, `timestamp(\n${UP}\n)`]));
  const told = (await channelOf({ url, sampledAt: 'last_seen' }).look(look)).get('one');
  assert.equal(told?.verdict, 'unknown');
  assert.match(told!.saw, /100 s old: too old/);
});

test('where no target is alive Prometheus itself is cut off: unknown', async () => {
  const targets = ['one', 'two'].map((instance) => ({ instance, value: '0' }));
  assert.deepEqual(await verdictsOf(targets, {}, [at('one'), at('two')]), { one: 'unknown', two: 'unknown' });
});

test('an answer in part, a wrong query, an error page and silence are unknown for all, each in one line', async () => {
  const bad: [Answer, RegExp][] = [
    [answersOf(TARGETS, { warnings: ['store-1: no such host'] })(UP), /in doubt: store-1/],
    [{ status: 400, json: { status: 'error', errorType: 'bad_data', error: 'parse error' } }, /HTTP 400: parse error/],
    [{ status: 503, text: '<html>Service\nUnavailable</html>' }, /: HTTP 503$/],
    [{ status: 302, headers: { location: 'http://elsewhere' }, text: '' }, /HTTP 302, a redirect/],
    [{ text: 'up' }, /not one of \/api\/v1\/query/],
    [{ json: { status: 'success', data: { resultType: 'matrix', result: [] } } }, /yields a matrix/],
    ['hang', /no answer within 0.3 s/],
  ];
  for (const [answer, why] of bad) {
    const { url } = await serve(() => answer);
    await assert.rejects(channelOf({ url, timeout: '300ms' }).look(lookOf([at('living')])), why);
  }
  const { url, close } = await standIn(() => ({}));
  await close();
  await assert.rejects(channelOf({ url }).look(lookOf([at('living')])), /^Error: 127.0.0.1:\d+: .*ECONNREFUSED/);
});

test('an answer without an end is given up', async () => {
  const { url } = await serve(() => ({ text: 'x'.repeat(9 * 1024 * 1024) }));
  await assert.rejects(channelOf({ url }).look(lookOf([at('living')])), /longer than 8388608 bytes/);
});

test('a token goes to Prometheus and into no error; without one nothing is asked', async () => {
  const server = await serve(() => ({ status: 401, json: { status: 'error', error: `bad token ${SECRETS.TOKEN}` } }));
  const redact = (text: string): string => text.replaceAll(SECRETS.TOKEN, '***');
  const context = contextOf({ redact }, SECRETS);
  const look = lookOf([at('living')]);
  const channel = channelOf({ url: server.url, auth: { bearer: { env: 'TOKEN' } } }, context);
  await assert.rejects(channel.look(look), (e: Error) => /HTTP 401: bad token \*\*\*/.test(e.message));
  assert.equal(server.asked[0]?.headers.authorization, `Bearer ${SECRETS.TOKEN}`);

  const before = server.asked.length;
  const auth = { user: 'lifeboat', password: { env: 'MISSING' } };
  await assert.rejects(channelOf({ url: server.url, auth }, context).look(look), /Cannot read secret MISSING/);
  assert.equal(server.asked.length, before);
});

test('a certificate is checked against the file that is configured, or not at all where that is written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-prometheus-'));
  after(() => rmSync(folder, { recursive: true }));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, LOOPBACK_CERT);
  const { url } = await serve(answersOf(TARGETS), { key: LOOPBACK_KEY, cert: LOOPBACK_CERT });
  const look = lookOf([at('living')]);
  await assert.rejects(channelOf({ url }).look(look), /SELF_SIGNED|UNABLE_TO_VERIFY/);
  for (const tls of [{ caFile }, { insecure: true }])
    assert.equal((await channelOf({ url, tls }).look(look)).get('living')?.verdict, 'alive');
  await assert.rejects(channelOf({ url, tls: { caFile: '/no/such.pem' } }).look(look), /ENOENT/);
});

test('the check says how many nodes are named, and what the label holds where none is', async () => {
  const { url } = await serve(answersOf(TARGETS.slice(0, 2)));
  const check = (options: object, ...nodes: string[]) =>
    channelOf({ url, ...options }).check!(lookOf(nodes.map((n) => at(n))));
  const { verdict, says } = await check({}, 'living', 'dead');
  assert.deepEqual([verdict, says], ['ok', '2 series, which name 2 of 2 nodes']);
  assert.equal((await check({}, 'living', 'other')).verdict, 'warn');
  const none = await check({}, 'other');
  assert.deepEqual([none.verdict, none.says], ['fail', '2 series, which name 0 of 1 nodes; instance is "living:9100"']);
  const { url: derived } = await serve(answersOf([{ instance: 'living', value: '1', age: 0 }]));
  const vague = await channelOf({ url: derived, query: 'up == 1' }).check!(lookOf([at('living')]));
  assert.deepEqual([vague.verdict, /age .* cannot be told/.test(vague.says)], ['warn', true]);
});
