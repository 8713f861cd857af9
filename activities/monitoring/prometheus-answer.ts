// What Prometheus's /api/v1/query answers, and what it says of nodes. Pure.
import { z } from 'zod';
import type { NodeView } from '../../workflows/domain.ts';
import type { Seen } from './driver.ts';

export interface Series {
  labels: Readonly<Record<string, string>>;
  value: number;
  /** When the query was evaluated, in seconds, by Prometheus's own clock. */
  at: number;
}

const sample = z.tuple([z.number(), z.string()]);
const refusal = z.object({ status: z.literal('error'), error: z.string().default('no reason given') });
const answer = z.object({
  status: z.literal('success'),
  warnings: z.array(z.string()).nullish(),
  data: z.discriminatedUnion('resultType', [
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: sample.optional() })),
    }),
    z.object({ resultType: z.enum(['matrix', 'scalar', 'string']) }),
  ]),
});

/** Throws with one line for anything but a whole instant vector: an answer in part would make nodes of the other part absent. */
export function readAnswer(status: number, text: string): Series[] {
  const body = jsonOf(text);
  const refused = refusal.safeParse(body);
  if (refused.success) throw new Error(`HTTP ${status}: ${refused.data.error}`);
  if (status !== 200)
    throw new Error(`HTTP ${status}${status >= 300 && status < 400 ? ', a redirect: not followed' : ''}`);
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw new Error('its answer is not one of /api/v1/query');
  const { data, warnings } = parsed.data;
  if (data.resultType !== 'vector') throw new Error(`the query yields a ${data.resultType}, not an instant vector`);
  // Thanos and others answer with what they could reach, and say so in a warning.
  if (warnings?.length) throw new Error(`its answer is in doubt: ${warnings[0]}`);
  return data.result.flatMap(({ metric, value }) =>
    value ? [{ labels: metric, at: value[0], value: numberOf(value[1]) }] : [],
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const numberOf = (text: string): number =>
  text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : text === '' ? NaN : Number(text);

const COMPARISON = /^\s*(==|!=|<=|>=|<|>)\s*([-+]?\d+(?:\.\d+)?)\s*$/;

export const comparison = z
  .string()
  .regex(COMPARISON, 'is not a comparison like == 1, != 0, < 0.5')
  .meta({ expected: 'a comparison', example: "'== 1'" });

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** NaN fits nothing. */
function fits(value: number, text: string | undefined): boolean {
  const [, sign, number] = COMPARISON.exec(text ?? '') ?? [];
  return sign !== undefined && !Number.isNaN(value) && COMPARE[sign]!(value, Number(number));
}

/** That a series is there at all, or what its value means. */
const TOLD = ['alive', 'degraded', 'failed'] as const;
export type Meaning = (typeof TOLD)[number] | { [K in (typeof TOLD)[number]]?: string | undefined };

function verdictOf(value: number, meaning: Meaning): Seen['verdict'] {
  if (typeof meaning === 'string') return meaning;
  const told = TOLD.filter((verdict) => fits(value, meaning[verdict]));
  return told.length === 1 ? told[0]! : 'unknown';
}

/** By host, for the nodes that have series: what all of them agree on. */
export function judgeSeries(
  series: readonly Series[],
  nodeOf: (s: Series) => NodeView | null,
  meaning: Meaning,
): Map<string, Seen> {
  const said = new Map<string, Set<Seen['verdict']>>();
  const values = new Map<string, number[]>();
  for (const s of series) {
    const node = nodeOf(s);
    if (!node) continue;
    said.set(node.host, (said.get(node.host) ?? new Set()).add(verdictOf(s.value, meaning)));
    values.set(node.host, [...(values.get(node.host) ?? []), s.value]);
  }
  return new Map(
    [...said].map(([host, verdicts]) => {
      const [only] = verdicts;
      const saw = `value ${values.get(host)!.slice(0, 4).join(', ')}`;
      return [
        host,
        verdicts.size === 1 ? { verdict: only!, saw } : { verdict: 'unknown', saw: `${saw}: they disagree` },
      ];
    }),
  );
}

/** Seconds since the oldest sample of each node, both moments by Prometheus's clock: ours does not matter. */
export function agesOf(series: readonly Series[], nodeOf: (s: Series) => NodeView | null): Map<string, number> {
  const ages = new Map<string, number>();
  for (const s of series) {
    const node = nodeOf(s);
    if (!node || !Number.isFinite(s.value)) continue;
    ages.set(node.host, Math.max(ages.get(node.host) ?? 0, s.at - s.value));
  }
  return ages;
}
