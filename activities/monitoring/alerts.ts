// The alerts that were pushed, as long as they are fresh. Pure: time comes in as milliseconds of a monotonic clock.
import { z } from 'zod';
import type { Seen } from './driver.ts';

const labels = z.record(z.string(), z.string());

/** The body of Alertmanager's webhook (version 4). What it has beside is not needed. */
export const pushed = z.object({
  version: z.literal('4'),
  alerts: z
    .array(
      z.object({
        status: z.enum(['firing', 'resolved']),
        labels,
        /** ISO 8601. */
        startsAt: z.string().refine((text) => Number.isFinite(Date.parse(text)), 'is no moment'),
      }),
    )
    .max(10_000),
});
export type Alert = z.output<typeof pushed>['alerts'][number];

interface Known {
  status: Alert['status'];
  name: string;
  startsAt: string;
  toldMs: number;
}

export class TooManyAlerts extends Error {}

const MOST = 10_000;

export class AlertMemory {
  readonly #known = new Map<string, Known>();
  readonly #label: string;
  readonly #expireMs: number;
  readonly #means: 'failed' | 'degraded';

  /** `label`: whose value names the node. `means`: what a node is of which one fires. */
  constructor(label: string, expireMs: number, means: 'failed' | 'degraded' = 'failed') {
    this.#means = means;
    this.#label = label;
    this.#expireMs = expireMs;
  }

  /** The same alert again joins what is known of it. Answers how many were kept. Throws TooManyAlerts, and has then kept none. */
  take(alerts: readonly Alert[], nowMs: number): number {
    for (const [key, { toldMs }] of this.#known) if (nowMs - toldMs > 2 * this.#expireMs) this.#known.delete(key);
    const mine = alerts.filter((a) => (a.labels[this.#label] ?? '') !== '');
    const keys = new Set(mine.map(keyOf).filter((key) => !this.#known.has(key)));
    if (this.#known.size + keys.size > MOST) throw new TooManyAlerts(`more than ${MOST} alerts are known already`);
    for (const alert of mine) this.#note(alert, nowMs);
    return mine.length;
  }

  #note(alert: Alert, nowMs: number): void {
    const { status, startsAt } = alert;
    const key = keyOf(alert);
    const before = this.#known.get(key);
    // A repeat that was on its way while it was resolved. One that fires anew starts anew.
    if (status === 'firing' && before?.status === 'resolved' && before.startsAt === startsAt) return;
    this.#known.set(key, { status, startsAt, name: alert.labels.alertname ?? 'an alert', toldMs: nowMs });
  }

  /** By the value of the label: failed (or what it means) while one of its alerts fires and is fresh. */
  seen(nowMs: number): Map<string, Seen> {
    const by = new Map<string, Known[]>();
    for (const [key, known] of this.#known) {
      const value = (JSON.parse(key) as [string, string][]).find(([name]) => name === this.#label)![1];
      by.set(value, [...(by.get(value) ?? []), known]);
    }
    return new Map([...by].map(([value, all]) => [value, this.#judge(all, nowMs)]));
  }

  #judge(all: readonly Known[], nowMs: number): Seen {
    const fresh = all.filter(({ toldMs }) => nowMs - toldMs <= this.#expireMs);
    const firing = fresh.filter(({ status }) => status === 'firing');
    const newest = (firing[0] ? firing : fresh[0] ? fresh : all).reduce((a, b) => (a.toldMs >= b.toldMs ? a : b));
    const told = `told ${Math.round((nowMs - newest.toldMs) / 1_000)} s ago`;
    const more = firing.length > 1 ? ` (and ${firing.length - 1} more)` : '';
    if (firing.length > 0)
      return { verdict: this.#means, saw: `${newest.name} fires since ${newest.startsAt}, ${told}${more}` };
    const over = fresh.length > 0 ? 'is resolved' : 'fired, and was not repeated';
    return { verdict: 'unknown', saw: `${newest.name} ${over}, ${told}` };
  }
}

/** All labels together are the alert, as for Alertmanager. */
const keyOf = (a: Alert): string =>
  JSON.stringify(Object.entries(a.labels).sort(([x], [y]) => (x < y ? -1 : x > y ? 1 : 0)));
