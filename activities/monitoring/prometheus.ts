// What a Prometheus knows of the nodes: one query at each look, whose result names them.
import { z } from 'zod';
import type { Verdict } from '../../workflows/domain.ts';
import { askHttp, httpAuth, httpTls, httpUrl, inClear } from './ask-http.ts';
import type { ChannelCheck, Look, MonitoringChannel, MonitoringContext, MonitoringDriver, Seen } from './driver.ts';
import { lives } from '../../workflows/policy.ts';
import { duration } from './duration.ts';
import { dated } from './each-node.ts';
import { namedNodes, nodeExpression, nodeOfLabel } from './named-nodes.ts';
import { timeout } from './options.ts';
import { agesOf, comparison, judgeSeries, readAnswer } from './prometheus-answer.ts';
import type { Series } from './prometheus-answer.ts';
import { reasonOf, said } from './said.ts';

const meaning = z
  .union([
    z.enum(['failed', 'degraded', 'alive']),
    z
      .strictObject({
        alive: comparison.optional(),
        degraded: comparison.optional(),
        failed: comparison.optional(),
      })
      .refine((m) => m.alive ?? m.degraded ?? m.failed, 'says neither what is alive nor what is degraded or failed'),
  ])
  .meta({ expected: 'failed, degraded, alive, or comparisons', example: "{ alive: '== 1', failed: '== 0' }" });

const options = z
  .strictObject({
    url: httpUrl,
    query: z.string().trim().min(1),
    /** Whose value names the node. */
    label: z
      .string()
      .regex(/^[a-zA-Z_]\w*$/, 'is no name of a label')
      .default('instance'),
    node: nodeExpression,
    meaning: meaning.default({ alive: '== 1', failed: '== 0' }),
    staleAfter: duration('1m', 1_000).prefault('1m'),
    /** PromQL that yields the time of each node's last sample. */
    sampledAt: z.string().trim().min(1).optional(),
    timeout: timeout('5s'),
    auth: httpAuth,
    tls: httpTls,
  })
  .refine((o) => !inClear(o.url, o.auth), {
    path: ['auth'],
    message: 'would go in clear over the network (write an https address)',
  });
type Options = z.output<typeof options>;

const MOST_BYTES = 8 * 1024 * 1024;

class PrometheusChannel implements MonitoringChannel {
  readonly #options: Options;
  readonly #context: MonitoringContext;

  constructor(o: Options, context: MonitoringContext) {
    this.#options = o;
    this.#context = context;
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    const { series, nodeOf, ages } = await this.#read(look);
    const judged = judgeSeries(series, nodeOf, this.#options.meaning);
    const heard = [...judged.values()].some(({ verdict }) => lives(verdict));
    const seen = look.nodes.map(({ host }): [string, Seen] => {
      const given = judged.get(host);
      if (!given) return [host, { verdict: 'unknown', saw: 'no series of it' }];
      return [host, this.#doubt(given, ages.get(host), heard)];
    });
    return dated(look, new Map(seen));
  }

  async check(look: Look): Promise<ChannelCheck> {
    const { series, nodeOf, ages } = await this.#read(look);
    const { label, meaning: of } = this.#options;
    const named = new Set(series.flatMap((s) => nodeOf(s)?.host ?? []));
    const says = `${series.length} series, which name ${named.size} of ${look.nodes.length} nodes`;
    const stray = series.find((s) => !nodeOf(s));
    if (stray && named.size === 0) {
      const value = said(this.#context, JSON.stringify(stray.labels[label] ?? null));
      return { verdict: 'fail', says: `${says}; ${label} is ${value}`, todo: 'set label and node of this channel' };
    }
    // The time of an expression is the time of its evaluation, whatever the age of what it was made of.
    if (ages.size > 0 && [...ages.values()].every((age) => age === 0)) {
      const todo = 'write sampledAt, like timestamp(up{job="node"})';
      return { verdict: 'warn', says: `${says}; the age of its samples cannot be told`, todo };
    }
    const todo = 'a node without a series is unknown: try the query by hand';
    // A query for nodes in trouble yields nothing while all is well.
    const whole = of === 'failed' || of === 'degraded' || named.size === look.nodes.length;
    return { verdict: whole ? 'ok' : named.size > 0 ? 'warn' : 'fail', says, todo };
  }

  #doubt(given: Seen, ageS: number | undefined, heard: boolean): Seen {
    const { staleAfter, meaning: of } = this.#options;
    if (ageS === undefined) return { verdict: 'unknown', saw: `${given.saw}, of an unknown age` };
    const saw = `${given.saw}, ${Math.max(0, Math.round(ageS))} s old`;
    if (ageS * 1_000 > staleAfter) return { verdict: 'unknown', saw: `${saw}: too old` };
    // All targets down at once: most likely Prometheus itself is cut off.
    const lost = given.verdict === 'failed' && typeof of === 'object' && of.alive !== undefined && !heard;
    return lost ? { verdict: 'unknown', saw: `${saw}, but no node is alive by it` } : { ...given, saw };
  }

  async #read(look: Look) {
    const { query, sampledAt, label, node } = this.#options;
    const [series, samples] = await Promise.all([
      this.#ask(query, look.signal),
      this.#ask(sampledAt ?? `timestamp(\n${query}\n)`, look.signal),
    ]);
    const find = namedNodes(look.nodes);
    const nodeOf = ({ labels }: Series) => nodeOfLabel(find, labels[label] ?? '', node);
    return { series, nodeOf, ages: agesOf(samples, nodeOf) };
  }

  async #ask(query: string, signal: AbortSignal): Promise<Series[]> {
    const { url, auth, tls, timeout: timeoutMs } = this.#options;
    const to = `${url.replace(/\/+$/, '')}/api/v1/query?${new URLSearchParams({ query }).toString()}`;
    try {
      const { status, text } = await askHttp(
        { url: to, auth, tls, timeoutMs, mostBytes: MOST_BYTES },
        this.#context,
        signal,
      );
      return readAnswer(status, text);
    } catch (error) {
      throw new Error(said(this.#context, `${new URL(url).host}: ${reasonOf(error)}`));
    }
  }
}

function verdictsOf({ meaning: m }: Options): Verdict[] {
  const given: readonly Verdict[] =
    typeof m === 'string' ? [m] : (['alive', 'degraded', 'failed'] as const).filter((v) => m[v]);
  return [...given, 'unknown'];
}

export const prometheus: MonitoringDriver<typeof options> = {
  name: 'prometheus',
  options,
  create: (o, context) => new PrometheusChannel(o, context),
  says: verdictsOf,
};
