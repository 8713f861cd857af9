// A service in PagerDuty, by its Events API v2. One incident a run (or an alarm): opened, made worse, and resolved when it is over.
import { z } from 'zod';
import type { Stage } from '../../workflows/contract.ts';
import { cut } from './chat.ts';
import type { Message, NotificationChannel, NotificationContext, NotificationDriver } from './driver.ts';
import { Endpoint, refusedForGood } from './endpoint.ts';
import { overHttp, secretSource, webAddress } from './options.ts';

const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;
const STAGES = ['started', 'blocked', 'approval', 'returned', 'alarm', 'finished'] as const satisfies readonly Stage[];
const DEFAULTS = {
  started: 'warning',
  blocked: 'critical',
  approval: 'critical',
  returned: 'critical',
  alarm: 'error',
};
const severity = z.enum(SEVERITIES);

export const pagerdutyOptions = z.strictObject({
  /** The integration key of the service ("Events API v2", 32 characters). */
  routingKey: secretSource,
  /** How urgent each stage is. */
  severity: z
    .strictObject({ started: severity, blocked: severity, approval: severity, returned: severity, alarm: severity })
    .partial()
    .default({}),
  /** In Europe `https://events.eu.pagerduty.com/v2/enqueue`. */
  url: webAddress.default('https://events.pagerduty.com/v2/enqueue'),
  ...overHttp,
});
export type PagerdutyOptions = z.output<typeof pagerdutyOptions>;

export const pagerduty: NotificationDriver<typeof pagerdutyOptions> = {
  name: 'pagerduty',
  options: pagerdutyOptions,
  isRoom: () => true,
  pager: true,
  stages: STAGES,
  create: (options, context) => new PagerdutyChannel(options, context),
};

/** A wrong key is answered like a wrong event, with words that name it. */
const ABOUT_KEY = /routing[ _]key/i;

class PagerdutyChannel implements NotificationChannel {
  readonly #options: PagerdutyOptions;
  readonly #context: NotificationContext;
  readonly #endpoint: Endpoint;

  constructor(options: PagerdutyOptions, context: NotificationContext) {
    this.#options = options;
    this.#context = context;
    const { url, caFile, proxy, timeout } = options;
    const permanent = (status: number, said: string): boolean => refusedForGood(status) && !ABOUT_KEY.test(said);
    const hint = (_: number, said: string): string | undefined =>
      ABOUT_KEY.test(said) ? 'PagerDuty knows no such key: check the secret of routingKey' : undefined;
    this.#endpoint = new Endpoint({ driver: 'pagerduty', url, caFile, proxy, timeout, permanent, hint }, context);
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    // Said once and never over (a maintenance that ended): an incident of it would stay open.
    if (message.brief.incident === null) return;
    const make = async () => {
      const key = await this.#context.secret(this.#options.routingKey);
      const body = JSON.stringify(pagerEvent(message, key, this.#options.severity));
      return { headers: { 'content-type': 'application/json' }, body, secrets: [key] };
    };
    await this.#endpoint.post(message.to.address, make, signal);
  }

  probe(signal: AbortSignal): Promise<string> {
    return this.#endpoint.probe(signal, () => this.#context.secret(this.#options.routingKey));
  }

  preview(message: Message): ReturnType<NonNullable<NotificationChannel['preview']>> {
    if (message.brief.incident === null) return { head: [], kind: 'text', body: 'Nothing: it is no incident.\n' };
    const body = JSON.stringify(pagerEvent(message, '***', this.#options.severity));
    return { head: [['POST', this.#options.url]], kind: 'json', body };
  }
}

/** PagerDuty cuts a summary at 1024 characters, and takes 512 KB. */
const MOST_INSTANCES = 50;

/** One event. The same `dedup_key` is the same incident: a repeat changes nothing, and a resolve of one that is not open is ignored. */
export function pagerEvent(
  { id, subject, text, brief }: Message,
  routingKey: string,
  severities: PagerdutyOptions['severity'],
): object {
  const { stage, cloud, node, incident, observedAt, link, question, counts, lines, instances } = brief;
  const event = {
    routing_key: routingKey,
    event_action: incident?.over ? 'resolve' : 'trigger',
    dedup_key: cut(`lifeboat/${incident?.id ?? id}`, 255),
    client: 'Lifeboat',
    ...(link !== null && { client_url: link, links: [{ href: link, text: 'The run in the Temporal UI' }] }),
  };
  const level = stage in DEFAULTS ? (stage as keyof typeof DEFAULTS) : 'alarm';
  return {
    ...event,
    payload: {
      summary: cut(subject, 1_024),
      source: node ?? cloud,
      severity: severities[level] ?? DEFAULTS[level],
      timestamp: observedAt,
      component: node ?? 'the fleet',
      group: cloud,
      class: stage,
      custom_details: {
        id,
        ...(counts !== '' && { instances: counts }),
        ...(lines.length > 0 && { lines }),
        ...(question && {
          question: question.what,
          look: question.commands,
          answers: Object.fromEntries(question.answers.map((a) => [a.verb, `${a.means}: ${a.command ?? a.json}`])),
        }),
        ...(instances.length > 0 && {
          list: instances
            .slice(0, MOST_INSTANCES)
            .map((i) => `${i.name}: ${i.outcome}${i.reason ? `, ${i.reason}` : ''}`),
        }),
        text: cut(text, 20_000),
      },
    },
  };
}
