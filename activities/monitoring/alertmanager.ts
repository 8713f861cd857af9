// Takes what Alertmanager's webhook tells, so that any monitoring system can push: an alert that fires is evidence of a failure, or of trouble.
import { z } from 'zod';
import { matches } from '../../workflows/policy.ts';
import { AlertMemory, pushed, TooManyAlerts } from './alerts.ts';
import { askHttp } from './ask-http.ts';
import type { ChannelCheck, Look, MonitoringChannel, MonitoringContext, MonitoringDriver, Seen } from './driver.ts';
import { duration } from './duration.ts';
import { dated } from './each-node.ts';
import { namedNodes, nodeExpression, nodeOfLabel } from './named-nodes.ts';
import { secretSource } from './options.ts';
import { PushReceiver, Refusal } from './push-receiver.ts';
import { reasonOf, said } from './said.ts';

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

const listen = z
  .string()
  .regex(ADDRESS, 'is not an address and a port')
  .transform((text) => {
    const [, host, port] = ADDRESS.exec(text)!;
    return { host: host!.replace(/^\[|\]$/g, ''), port: Number(port) };
  })
  .refine(({ port }) => port >= 1 && port <= 65_535, 'is not an address and a port')
  .meta({ expected: 'an address and a port', example: '10.0.0.5:9095' });

const options = z
  .strictObject({
    listen,
    path: z
      .string()
      .regex(/^\/[\w./-]*$/, 'is no path')
      .default('/alerts'),
    token: secretSource,
    tls: z
      .union([z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) }), z.literal('none')])
      .optional()
      .meta({ expected: '{ certFile: …, keyFile: … } or none', example: 'none' }),
    label: z
      .string()
      .regex(/^[a-zA-Z_]\w*$/, 'is no name of a label')
      .default('instance'),
    node: nodeExpression,
    /** Only alerts that have these labels (patterns with `*`). */
    match: z.record(z.string(), z.string().min(1)).default({}),
    /** What an alert says of its node. */
    means: z.enum(['failed', 'degraded']).default('failed'),
    expireAfter: duration('10m', 10_000).prefault('10m'),
    maxBytes: z
      .int()
      .min(1_024)
      .max(64 * 1024 * 1024)
      .default(1024 * 1024),
  })
  .refine((o) => o.tls !== undefined || LOOPBACK.test(o.listen.host), {
    path: ['tls'],
    message:
      'is missing: the token would be taken in clear from the network (give certFile and keyFile, or write none)',
  });
type Options = z.output<typeof options>;

class AlertmanagerChannel implements MonitoringChannel {
  readonly #options: Options;
  readonly #context: MonitoringContext;
  readonly #memory: AlertMemory;
  readonly #receiver: PushReceiver;

  constructor(o: Options, context: MonitoringContext) {
    this.#options = o;
    this.#context = context;
    this.#memory = new AlertMemory(o.label, o.expireAfter, o.means);
    this.#receiver = new PushReceiver({
      ...o.listen,
      path: o.path,
      tls: o.tls === undefined || o.tls === 'none' ? null : o.tls,
      maxBytes: o.maxBytes,
      token: () => context.secret(o.token),
      take: (body) => this.#take(body),
    });
  }

  async open(): Promise<void> {
    await this.#receiver.open();
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    await this.#receiver.open();
    if (this.#receiver.trouble) throw new Error(said(this.#context, this.#receiver.trouble));
    const find = namedNodes(look.nodes);
    const told = new Map<string, Seen>();
    for (const [value, seen] of this.#memory.seen(performance.now())) {
      const host = nodeOfLabel(find, value, this.#options.node)?.host;
      // One label may name a node by its name, another by its address: what fires comes first.
      if (host !== undefined && told.get(host)?.verdict !== this.#options.means)
        told.set(host, { ...seen, saw: said(this.#context, seen.saw) });
    }
    const nothing: Seen = { verdict: 'unknown', saw: 'no alert of it' };
    return dated(look, new Map(look.nodes.map(({ host }) => [host, told.get(host) ?? nothing])));
  }

  /** Listens nowhere: the worker on this machine may, and then its receiver answers. */
  async check(look: Look): Promise<ChannelCheck> {
    await this.#context.secret(this.#options.token);
    const { at } = this.#receiver;
    const here = at.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
    const question = {
      url: here,
      auth: undefined,
      tls: { insecure: true as const },
      timeoutMs: 5_000,
      mostBytes: 4_096,
    };
    try {
      const { status, text } = await askHttp(question, this.#context, look.signal);
      if (status === 405 && text.startsWith('lifeboat: ')) return { verdict: 'ok', says: `alerts are taken at ${at}` };
      return { verdict: 'fail', says: `at ${at} something else answers (HTTP ${status})`, todo: 'take another port' };
    } catch (error) {
      const todo = 'it listens in monitor workers: run the check where one runs, and push to all of them';
      return { verdict: 'warn', says: `nobody takes alerts at ${at}: ${reasonOf(error)}`, todo };
    }
  }

  async close(): Promise<void> {
    await this.#receiver.close();
  }

  #take(body: unknown): string {
    const parsed = pushed.safeParse(body);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new Refusal(
        400,
        `${issue.path.join('.') || 'the body'}: ${issue.message} (Alertmanager's webhook, version 4)`,
      );
    }
    const wanted = Object.entries(this.#options.match);
    const alerts = parsed.data.alerts.filter(({ labels }) =>
      wanted.every(([name, pattern]) => matches([pattern], labels[name] ?? '')),
    );
    try {
      const kept = this.#memory.take(alerts, performance.now());
      return `${kept} of ${parsed.data.alerts.length} alerts taken`;
    } catch (error) {
      if (error instanceof TooManyAlerts) throw new Refusal(503, error.message);
      throw error;
    }
  }
}

export const alertmanager: MonitoringDriver<typeof options> = {
  name: 'alertmanager',
  options,
  create: (o, context) => new AlertmanagerChannel(o, context),
  says: ({ means }) => [means, 'unknown'],
};
