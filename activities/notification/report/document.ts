// The report of one recovery as a document that outlives its history: JSON to keep, and all that the page is made of.
import { z } from 'zod';
import { OUTCOMES, RUN_OUTCOMES, type RecoveryReport } from '../../../workflows/domain.ts';

const text = z.string();
const moment = z.iso.datetime();
const maybe = <T extends z.ZodType>(type: T): z.ZodNullable<T> => type.nullable();

const evidence = z.object({ channel: text, verdict: text, saw: text, readAt: moment });
const proof = z.object({
  ...{ kind: text, level: text, devices: z.array(text), readAt: moment, witness: text },
  ...{ by: text.optional(), reason: text.optional() },
});
const decision = z.object({ at: moment, by: text, what: text, reason: text });
const instance = z.object({
  ...{ id: text, name: text, projectId: text, userId: text, reason: text },
  outcome: z.enum([...OUTCOMES, 'pending', 'moving']),
  host: maybe(text),
  at: maybe(moment),
  loses: text.optional(),
});

/** A step of the run that was tried at a level or on an instance. `to` null: it is under way. */
const attempt = z.object({ from: moment, to: maybe(moment), ended: text, why: text });
export type Attempt = z.infer<typeof attempt>;

const message = z.object({
  ...{ stage: text, audience: text, headline: text, at: moment },
  /** Null: nothing is known of it any more. */
  told: maybe(
    z.object({
      done: z.boolean(),
      delivered: z.array(text),
      refused: z.array(z.object({ address: text, why: text })),
      unreachable: z.array(text),
    }),
  ),
});

export const documentSchema = z.object({
  format: z.literal('lifeboat-report-1'),
  madeAt: moment,
  ...{ cloud: text, node: text, workflowId: text, runId: text },
  /** The run's page in the Temporal UI. */
  page: maybe(z.url({ protocol: /^https?$/ })),
  /** Null: it is open. `ended`: without a report (terminated); what is known is what it knew then. */
  outcome: maybe(z.enum([...RUN_OUTCOMES, 'ended'])),
  reason: text,
  startedAt: moment,
  endedAt: maybe(moment),
  /** While it is open: what it does, and what it waits for a person to answer. */
  now: maybe(z.object({ phase: text, doing: text, question: maybe(text) })),
  asked: maybe(z.object({ by: text, reason: text, automatic: z.boolean(), force: z.boolean() })),
  /** The node's last sign of life, as the monitors measured its silence. */
  lastSignAt: maybe(moment),
  evidence: z.array(evidence),
  /** Every try of a fencing level, in order. */
  fences: z.array(attempt.extend({ level: text })),
  proof: maybe(proof),
  /** Milliseconds since the start. */
  stages: z.record(text, z.number().nonnegative()),
  instances: z.array(instance.extend({ tries: z.array(attempt) })),
  decisions: z.array(decision),
  messages: z.array(message),
});

export type ReportDocument = z.infer<typeof documentSchema>;
export type ReportInstance = ReportDocument['instances'][number];

/** A document from the result alone, as `start-recovery --json` prints it: without what only the history knows. */
export function fromResult(report: RecoveryReport, madeAt: string): ReportDocument {
  const { cloud, node, workflowId, runId, outcome, reason, startedAt, endedAt } = report;
  const { evidence: seen, proof: proven, stages, decisions, instances } = report;
  return {
    ...{ format: 'lifeboat-report-1', madeAt, cloud, node, workflowId, runId, page: null },
    ...{ outcome, reason, startedAt, endedAt, now: null, asked: null, lastSignAt: null },
    ...{ evidence: seen, fences: [], proof: proven, stages, decisions, messages: [] },
    instances: instances.map((i) => ({ ...i, tries: [] })),
  };
}

const resultSchema = z.object({
  ...{ cloud: text, node: text, workflowId: text, runId: text, reason: text },
  outcome: z.enum(RUN_OUTCOMES),
  ...{ startedAt: moment, endedAt: moment, evidence: z.array(evidence), proof: maybe(proof) },
  stages: z.record(text, z.number().nonnegative()),
  instances: z.array(instance.extend({ outcome: z.enum(OUTCOMES) })),
  decisions: z.array(decision),
});

/** A kept document, or a run's bare result. Throws one line that says what is wrong with the text. */
export function readDocument(json: string, name: string): ReportDocument {
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch {
    throw new Error(`Cannot read ${name}: it is not JSON (npm run report -- NODE --json --out FILE keeps one)`);
  }
  const isDocument = typeof raw === 'object' && raw !== null && 'format' in raw;
  const parsed = isDocument ? documentSchema.safeParse(raw) : resultSchema.safeParse(raw);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    const where = first?.path.join('.') || 'the document';
    throw new Error(`Cannot read ${name}: it is no report of a recovery: ${where}: ${first?.message ?? 'wrong'}`);
  }
  const { data } = parsed;
  if ('format' in data) return data;
  return fromResult(data as unknown as RecoveryReport, data.endedAt);
}
